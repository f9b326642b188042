"""Several nodes of one database: one clears it, and the others are quiet."""

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta

import pytest

from openehc.kernel.clock import SetClock
from openehc.storage.alone import alone
from openehc.storage.clearing import LOCK, Clearing, keep_clearing
from openehc.storage.old_rows import Passing
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from tests.support.waiting import until_told

DAY = date(2031, 3, 1)
LATER = SetClock(datetime(2031, 3, 11, 12, tzinfo=UTC))
DAYS = {"figures": timedelta(days=10)}
ROWS = [Passing("notes", "at", timedelta(hours=1))]
CLEAR = Clearing(DAYS, ROWS)
OLD_DAY = "select to_regclass('figures_20310228') is null"
OLD_ROW = "select not exists (select from notes)"


@pytest.fixture
async def filled(database: Database) -> Database:
    await database.execute("create table figures (day date not null) partition by range (day)")
    await ensure_day_partitions(database, ["figures"], today=DAY)
    await database.execute("create table notes (at timestamptz not null)")
    await database.execute("insert into notes values ($1)", datetime(2031, 3, 1, tzinfo=UTC))
    return database


async def _cleared(database: Database) -> tuple[bool, bool]:
    return await database.fetchval(OLD_DAY), await database.fetchval(OLD_ROW)


async def test_one_round_clears_days_and_rows(filled: Database) -> None:
    await CLEAR(filled, LATER)

    assert await _cleared(filled) == (True, True)


async def test_whoever_finds_another_at_it_leaves_it_to_that_one(
    filled: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with alone(filled, LOCK) as first:
        await CLEAR(filled, LATER)
        meanwhile = await _cleared(filled)
    await CLEAR(filled, LATER)

    assert (first, meanwhile, await _cleared(filled)) == (True, (False, False), (True, True))
    assert caplog.records == []


async def test_nodes_that_clear_at_the_same_moment_do_not_complain(
    filled: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(CLEAR(filled, LATER) for _ in range(4)))

    assert await _cleared(filled) == (True, True)
    assert caplog.records == []


async def test_the_lock_goes_with_the_connection_that_held_it(filled: Database) -> None:
    async with alone(filled, LOCK) as first:
        await filled.execute(
            "select pg_terminate_backend(pid) from pg_locks"
            " where locktype = 'advisory' and objid = $1"
            " and database = (select oid from pg_database where datname = current_database())",
            LOCK,
        )
        await until_told(lambda: _free(filled))

    assert first


async def _free(database: Database) -> bool:
    async with alone(database, LOCK) as ours:
        return ours


async def test_days_go_where_rows_cannot(
    filled: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await Clearing(DAYS, [Passing("nowhere", "at", timedelta(0))])(filled, LATER)

    assert await _cleared(filled) == (True, False)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_the_loop_goes_on_after_a_failed_round(filled: Database) -> None:
    await filled.execute("alter table notes rename to later")
    clearing = asyncio.create_task(keep_clearing(filled, CLEAR, LATER, every=0.05))
    await until_told(lambda: filled.fetchval(OLD_DAY))

    await filled.execute("alter table later rename to notes")

    await until_told(lambda: filled.fetchval(OLD_ROW))
    clearing.cancel()
