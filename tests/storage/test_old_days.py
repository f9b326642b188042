"""Days leave a table after their time, whole and without stopping anybody."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest

from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import SystemClock, china_day
from openehc.storage.old_days import drop_old_days
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.wiring import workers_database as module
from openehc.wiring.settings import Settings
from openehc.wiring.workers_database import DAILY_TABLES
from tests.support.waiting import until_told, well_before_midnight

TODAY = date(2031, 3, 1)
LATER = TODAY + timedelta(days=10)
KEPT = {"figures": timedelta(days=10)}
GONE = ["figures_20310228"]
FILL = "insert into {} values ($1, 1), ($2, 2)"
DETACHING = "select bool_or(inhdetachpending) from pg_inherits"


def _settings(dsn: str, *, kept_days: int) -> Settings:
    return Settings(
        data=Path("/nowhere"), ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, dsn=dsn,
        kept_days=kept_days,
    )  # fmt: skip


async def _until(database: Database, sql: str) -> None:
    await until_told(lambda: database.fetchval(sql))


@pytest.fixture
async def figures(database: Database) -> Database:
    for name in ("figures", "figures_of_others"):
        await database.execute(
            f"create table {name} (day date not null, n int not null) partition by range (day)"
        )
        await ensure_day_partitions(database, [name], today=TODAY)
        await database.execute(FILL.format(name), TODAY, TODAY - timedelta(days=1))
    return database


async def test_a_day_is_kept_for_as_long_as_told(figures: Database) -> None:
    dropped = await drop_old_days(figures, KEPT, today=LATER)

    assert dropped == [*GONE]
    assert await figures.fetchval("select to_regclass('figures_20310228')") is None
    assert [row["n"] for row in await figures.fetch("select n from figures")] == [1]


async def test_other_tables_keep_their_days(figures: Database) -> None:
    await figures.execute("create table figures_20310101_copy (n int)")

    await drop_old_days(figures, KEPT, today=LATER)

    assert await figures.fetchval("select count(*) from figures_of_others") == 2
    assert await figures.fetchval("select to_regclass('figures_20310101_copy')") is not None


async def test_what_was_interrupted_is_finished(figures: Database) -> None:
    await figures.execute("alter table figures detach partition figures_20310228")

    assert await drop_old_days(figures, KEPT, today=LATER) == GONE


async def test_a_detaching_that_was_killed_half_way_is_finished(
    figures: Database, database_dsn: str
) -> None:
    reader, killed = await asyncpg.connect(database_dsn), await asyncpg.connect(database_dsn)
    reading = reader.transaction()
    await reading.start()
    await reader.fetch("select * from figures")
    detaching = asyncio.create_task(
        killed.execute("alter table figures detach partition figures_20310228 concurrently")
    )
    await _until(figures, DETACHING)
    await figures.execute("select pg_terminate_backend($1)", killed.get_server_pid())
    await asyncio.gather(detaching, return_exceptions=True)
    await reading.rollback()
    await reader.close()

    assert await figures.fetchval(DETACHING)
    assert await drop_old_days(figures, KEPT, today=LATER) == GONE


async def test_nobody_waits_while_a_long_reader_holds_the_day(
    figures: Database, database_dsn: str
) -> None:
    reader = await asyncpg.connect(database_dsn)
    reading = reader.transaction()
    await reading.start()
    await reader.fetch("select * from figures")

    dropping = asyncio.create_task(drop_old_days(figures, KEPT, today=LATER))
    await _until(figures, DETACHING)
    async with asyncio.timeout(60):
        await figures.execute("insert into figures values ($1, 3)", TODAY)
        seen = await figures.fetch("select n from figures order by n")
    waited = not dropping.done()
    await reading.rollback()
    await reader.close()

    assert (waited, [row["n"] for row in seen]) == (True, [1, 3])
    assert await dropping == GONE


async def test_a_node_drops_the_days_of_codes_and_keeps_those_of_facts(
    database: Database, database_dsn: str
) -> None:
    old = china_day(await well_before_midnight()) - timedelta(days=40)
    await ensure_day_partitions(database, DAILY_TABLES, today=old, ahead=0)

    async def only_facts_are_left() -> bool:
        names = [f"{table}_{old - timedelta(days=1):%Y%m%d}" for table in DAILY_TABLES]
        rows = await database.fetch("select relname from pg_class where relname = any($1)", names)
        return [row["relname"] for row in rows] == [names[DAILY_TABLES.index("usage_facts")]]

    assert not await only_facts_are_left()
    with module.workers_database(_settings(database_dsn, kept_days=40), database_dsn):
        await until_told(only_facts_are_left)

    assert await database.fetchval(f"select to_regclass('issued_codes_{old:%Y%m%d}')::text")


async def test_new_days_are_made_whatever_becomes_of_old_ones(
    database: Database, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = china_day(SystemClock().now()) + timedelta(days=7)
    made = f"select to_regclass('usage_facts_{ahead:%Y%m%d}')::text"
    monkeypatch.setattr(module, "_HOUR", 0.05)
    monkeypatch.setattr(module, "keep_clearing", _broken)

    with module.workers_database(_settings(database_dsn, kept_days=40), database_dsn):
        await _until(database, made)
        await database.execute(f"drop table usage_facts_{ahead:%Y%m%d}")
        await _until(database, made)


async def _broken(*_given: object, **_named: object) -> None:
    raise LookupError("a defect")
