"""Rows leave a table after their time, some at a time, and only they."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openehc.crypto.keyfile import KeyPurpose
from openehc.storage.old_rows import Passing, delete_old_rows
from openehc.storage.pool import Database
from openehc.wiring.settings import Settings
from openehc.wiring.workers_database import PASSING_ROWS, workers_database
from tests.support.waiting import until_told

NOW = datetime(2031, 3, 1, 12, tzinfo=UTC)
PASSING = [Passing("notes", "at", timedelta(hours=1))]
JUST_OVER = NOW - timedelta(hours=1, seconds=1)

AUTHORISATION = """
insert into authorisations (token_index, serial, app_id, term_id, institution_id, treatment_code,
                            created_at, expires_at)
values (decode(md5($1), 'hex'), md5($1)::uuid, 'his', 'T1', 1, '010101', $2, $2)
"""
WORKER = """
insert into crypto_workers (worker, described, machines, seen_at)
values (md5($1)::uuid, $1, '{}', $2)
"""


@pytest.fixture
async def notes(database: Database) -> Database:
    await database.execute("create table notes (n int primary key, at timestamptz not null)")
    await database.execute(
        "insert into notes select n, $1 from generate_series(1, 25) n", JUST_OVER
    )
    await database.execute("insert into notes values (26, $1)", NOW - timedelta(hours=1))
    return database


async def _left(database: Database) -> list[int]:
    return [row["n"] for row in await database.fetch("select n from notes order by n")]


async def test_rows_go_after_their_time_and_the_others_stay(notes: Database) -> None:
    gone = await delete_old_rows(notes, PASSING, now=NOW, at_once=10)

    assert (gone, await _left(notes)) == (25, [26])


async def test_one_statement_takes_no_more_than_told(notes: Database) -> None:
    await notes.execute(
        "create table statements (deleted bigint);"
        "create function count_deleted() returns trigger language plpgsql as $$ begin"
        " insert into statements select count(*) from gone; return null; end $$;"
        "create trigger counted after delete on notes referencing old table as gone"
        " for each statement execute function count_deleted()"
    )

    await delete_old_rows(notes, PASSING, now=NOW, at_once=10)

    rows = await notes.fetch("select deleted from statements")
    assert [row["deleted"] for row in rows] == [10, 10, 5]


async def test_a_row_that_somebody_holds_is_left_for_the_next_time(notes: Database) -> None:
    async with notes.transaction() as holder:
        await holder.execute("select from notes where n = 7 for update")

        gone = await delete_old_rows(notes, PASSING, now=NOW)

    assert (gone, await _left(notes)) == (24, [7, 26])


@pytest.mark.parametrize("table", ["authorisations", "sign_in_failures", "once_values"])
async def test_old_rows_of_tables_that_strangers_fill_are_found_by_an_index(
    database: Database, table: str
) -> None:
    [passing] = [one for one in PASSING_ROWS if one.table == table]

    leading = await database.fetchval(
        "select count(*) from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = i.indkey[0] where i.indrelid = $1::text::regclass and a.attname = $2",
        table,
        passing.column,
    )

    assert leading == 1


async def test_a_node_forgets_ended_authorisations_and_dead_workers(
    database: Database, database_dsn: str
) -> None:
    now = datetime.now(UTC)
    for statement in (AUTHORISATION, WORKER):
        await database.execute(statement, "old", now - timedelta(hours=25))
        await database.execute(statement, "young", now - timedelta(hours=23))
    settings = Settings(
        data=Path("/nowhere"), ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, dsn=database_dsn
    )

    async def only_the_young_are_left() -> bool:
        kept = await database.fetchrow(
            "select (select array_agg(serial) from authorisations)"
            " = array[md5('young')::uuid] as consents,"
            " (select array_agg(described) from crypto_workers) = array['young'] as workers"
        )
        return bool(kept and kept["consents"] and kept["workers"])

    assert not await only_the_young_are_left()
    with workers_database(settings, database_dsn):
        await until_told(only_the_young_are_left)


async def test_each_table_that_rows_leave_is_there(database: Database) -> None:
    never = datetime(1970, 1, 1, tzinfo=UTC)

    assert await delete_old_rows(database, PASSING_ROWS, now=never) == 0
