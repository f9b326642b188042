"""What a lane adds to its statements, and what it is told of each of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import pytest

from openehc.storage.batching import GroupCommit
from openehc.storage.errors import NeverSent, OutcomeUnknown, StatementRefused
from openehc.storage.pool import Database
from openehc.storage.rows import Row
from tests.support.holding import STOP, held
from tests.support.waiting import until_told

ADD = """
with added as (
    insert into things (id, number) select r.id, $2::int from unnest($1::text[]) as r(id)
    returning id
)
select r.ord from unnest($1::text[]) with ordinality as r(id, ord) join added using (id)
"""
SLOW_ADD = ADD.replace("join added", f"cross join {STOP} as stop join added")


@dataclass
class Numbers:
    """Numbers the statements and keeps what it was told."""

    next: int = 0
    told: list[str] = field(default_factory=list)

    def parameters(self, rows: Sequence[Row]) -> Sequence[object]:
        self.next += 1
        self.told.append(f"sent {len(rows)}")
        return (self.next,)

    def committed(self, records: Sequence[asyncpg.Record]) -> None:
        self.told.append(f"committed {len(records)}")

    def undone(self) -> None:
        self.told.append("undone")

    def in_doubt(self) -> None:
        self.told.append("in doubt")


@pytest.fixture
async def things(database: Database) -> Database:
    await database.execute(
        "create table things (id text primary key check (id <> 'poison'), number int)"
    )
    return database


async def test_a_statement_carries_what_its_lane_adds(things: Database) -> None:
    numbers = Numbers()
    writes = GroupCommit(things, ADD, name="add", lanes=1, addition=lambda: numbers)

    await asyncio.gather(*(writes.run((name,)) for name in "abc"))
    await writes.run(("d",))

    rows = await things.fetch("select id, number from things order by id")
    assert [tuple(row) for row in rows] == [("a", 1), ("b", 1), ("c", 1), ("d", 2)]
    assert numbers.told == ["sent 3", "committed 3", "sent 1", "committed 1"]
    await writes.close()


async def test_each_lane_has_an_addition_of_its_own(things: Database) -> None:
    made: list[Numbers] = []

    def addition() -> Numbers:
        made.append(Numbers())
        return made[-1]

    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=2, most=1, addition=addition)

    async with held(things) as hold:
        asked = [asyncio.create_task(writes.run((name,))) for name in "ab"]
        await hold.until_stopped(2)
    await asyncio.gather(*asked)

    assert [numbers.told for numbers in made] == [["sent 1", "committed 1"]] * 2
    await writes.close()


async def test_rows_that_are_sent_again_without_a_guilty_one_are_asked_for_again(
    things: Database,
) -> None:
    numbers = Numbers()
    writes = GroupCommit(things, ADD, name="add", lanes=1, addition=lambda: numbers)

    await asyncio.gather(
        *(writes.run((name,)) for name in ("fine", "poison")), return_exceptions=True
    )

    assert numbers.told == [
        "sent 2", "undone", "sent 1", "committed 1", "sent 1", "undone",
    ]  # fmt: skip
    await writes.close()


async def test_a_lost_connection_leaves_the_lane_in_doubt(things: Database) -> None:
    numbers = Numbers()
    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=1, addition=lambda: numbers)
    async with held(things) as hold:
        asked = asyncio.create_task(writes.run(("a",)))
        await hold.until_stopped()

        await hold.cut_others()

    with pytest.raises(OutcomeUnknown):
        await asked
    assert numbers.told == ["sent 1", "in doubt"]
    await writes.close()


async def test_what_was_never_sent_is_not_asked_for() -> None:
    numbers = Numbers()
    database = await Database.connect("postgresql://nobody@127.0.0.1:1/nothing", size=1, name="t")
    writes = GroupCommit(database, ADD, name="add", lanes=1, addition=lambda: numbers)

    with pytest.raises(NeverSent):
        await writes.run(("a",))

    assert numbers.told == []
    await writes.close()
    await database.close()


async def test_a_refused_statement_changed_nothing(things: Database) -> None:
    numbers = Numbers()
    writes = GroupCommit(things, ADD, name="add", lanes=1, addition=lambda: numbers)

    with pytest.raises(StatementRefused):
        await writes.run(("poison",))

    assert numbers.told == ["sent 1", "undone"]
    await writes.close()


async def test_closing_the_database_closes_lanes_that_nobody_closed(things: Database) -> None:
    other = await Database.connect(_dsn_of(things), size=1, name="forgetful")
    writes = GroupCommit(other, ADD, name="add", lanes=1, addition=Numbers)
    await writes.run(("a",))

    await other.close()

    left = "select count(*) from pg_stat_activity where application_name = 'forgetful'"

    async def none_is_left() -> bool:
        return bool(await things.fetchval(left) == 0)

    await until_told(none_is_left)


def _dsn_of(database: Database) -> str:
    return database._connector.dsn
