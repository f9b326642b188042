"""Day partitions: made ahead, made once, cut at midnight in +08:00."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from openehc.kernel.clock import SetClock
from openehc.storage.partitions import NotPartitionedByDay, ensure_day_partitions, keep_partitions
from openehc.storage.pool import Database

TODAY = date(2031, 3, 1)
LAST_SECOND = datetime(2031, 3, 1, 15, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2031, 3, 1, 16, 0, 0, tzinfo=UTC)


@pytest.fixture
async def facts(database: Database) -> Database:
    await database.execute(
        "create table facts (id bigint generated always as identity, at timestamptz not null, "
        "kind text not null default 'verify' check (kind <> ''), primary key (at, id)) "
        "partition by range (at)"
    )
    await database.execute(
        "create table figures (day date not null, n int not null) partition by range (day)"
    )
    return database


async def _partitions(database: Database, table: str) -> list[str]:
    rows = await database.fetch(
        "select inhrelid::regclass::text from pg_inherits "
        "where inhparent = to_regclass($1) order by 1",
        table,
    )
    return [row[0] for row in rows]


async def test_yesterday_to_a_week_ahead_are_made(facts: Database) -> None:
    made = await ensure_day_partitions(facts, ["facts"], today=TODAY)

    assert made == [f"facts_2031{day}" for day in (
        "0228", "0301", "0302", "0303", "0304", "0305", "0306", "0307", "0308")]  # fmt: skip
    assert await _partitions(facts, "facts") == made


async def test_a_second_run_makes_nothing(facts: Database) -> None:
    await ensure_day_partitions(facts, ["facts"], today=TODAY)

    assert await ensure_day_partitions(facts, ["facts"], today=TODAY) == []


async def test_two_nodes_at_once_make_each_day_once(facts: Database) -> None:
    runs = await asyncio.gather(
        *(ensure_day_partitions(facts, ["facts", "figures"], today=TODAY) for _ in range(4))
    )

    assert sorted(len(made) for made in runs) == [0, 0, 0, 18]


@pytest.mark.parametrize(
    ("moment", "partition"), [(LAST_SECOND, "facts_20310301"), (MIDNIGHT, "facts_20310302")]
)
async def test_a_day_ends_at_midnight_in_china(
    facts: Database, moment: datetime, partition: str
) -> None:
    await ensure_day_partitions(facts, ["facts"], today=TODAY)

    await facts.execute("insert into facts (at) values ($1)", moment)

    assert await facts.fetchval("select tableoid::regclass::text from facts") == partition


async def test_a_date_column_is_cut_by_its_own_days(facts: Database) -> None:
    await ensure_day_partitions(facts, ["figures"], today=TODAY)

    await facts.execute("insert into figures values ($1, 1)", TODAY)

    assert (
        await facts.fetchval("select tableoid::regclass::text from figures") == "figures_20310301"
    )


async def test_a_partition_has_the_tables_keys_numbers_and_defaults(facts: Database) -> None:
    await ensure_day_partitions(facts, ["facts"], today=TODAY)
    await facts.execute("insert into facts (at) values ($1), ($2)", LAST_SECOND, MIDNIGHT)

    rows = await facts.fetch("select id, kind from facts order by id")

    assert [tuple(row) for row in rows] == [(1, "verify"), (2, "verify")]
    indexes = await facts.fetchval(
        "select count(*) from pg_index where indrelid = 'facts_20310301'::regclass and indisprimary"
    )
    assert indexes == 1


async def test_a_long_reader_does_not_hold_up_the_new_day(facts: Database) -> None:
    await ensure_day_partitions(facts, ["facts"], today=TODAY, ahead=0)

    async with facts.transaction() as reader:
        await reader.fetch("select * from facts")
        made = await asyncio.wait_for(
            ensure_day_partitions(facts, ["facts"], today=TODAY, ahead=1), 60
        )

    assert made == ["facts_20310302"]


@pytest.mark.parametrize("table", ["plain", "missing", "facts; drop table facts"])
async def test_what_is_not_partitioned_by_day_is_refused(facts: Database, table: str) -> None:
    await facts.execute("create table plain (n int)")

    with pytest.raises(NotPartitionedByDay):
        await ensure_day_partitions(facts, [table], today=TODAY)


async def test_the_loop_makes_the_next_day_when_midnight_has_passed(facts: Database) -> None:
    clock = SetClock(LAST_SECOND)
    keeping = asyncio.create_task(keep_partitions(facts, ["facts"], clock, every=0.05))
    await _until(facts, "facts_20310308")
    clock.advance(seconds=1)

    await _until(facts, "facts_20310309")

    keeping.cancel()


async def test_the_loop_goes_on_after_a_failed_round(facts: Database) -> None:
    keeping = asyncio.create_task(keep_partitions(facts, ["later"], SetClock(MIDNIGHT), every=0.05))
    await asyncio.sleep(0.2)
    await facts.execute("create table later (day date not null) partition by range (day)")

    await _until(facts, "later_20310302")

    keeping.cancel()


async def _until(database: Database, table: str) -> None:
    async with asyncio.timeout(60):
        while await database.fetchval("select to_regclass($1)::text", table) is None:  # noqa: ASYNC110 (looks from outside)
            await asyncio.sleep(0.02)
