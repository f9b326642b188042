"""Batched reads and group commits on a real server, in good days and bad ones."""

import asyncio
import socket
from collections.abc import AsyncIterator

import psutil
import pytest

from openehc.kernel.refusal import DatabaseDown
from openehc.storage.batching import MOST_WAITING, BatchedRead, GroupCommit
from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.errors import (
    NeverSent,
    OutcomeUnknown,
    QueueFull,
    StatementRefused,
    UniqueViolation,
)
from openehc.storage.pool import Database
from tests.support.holding import STOP, held
from tests.support.timing import clocked, quickest
from tests.support.waiting import until

READ = """
select r.ord, t.body
from unnest($1::text[]) with ordinality as r(id, ord)
join things t on t.id = r.id
order by r.ord desc
"""
ADD = """
with added as (
    insert into things (id, body)
    select r.id, r.body from unnest($1::text[], $2::text[]) as r(id, body)
    returning id, body
)
select r.ord, a.body
from unnest($1::text[], $2::text[]) with ordinality as r(id, body, ord)
join added a on a.id = r.id
"""
SLOW_ADD = ADD.replace("join added a", f"cross join {STOP} as stop join added a")
SLOW_READ = READ.replace("join things", f"cross join {STOP} as stop join things")
COUNT_AND_STOP = """
with c as (insert into counted (size) values (cardinality($1::text[]))), stop as (STOP)
select r.ord from stop, unnest($1::text[]) with ordinality as r(id, ord)
""".replace("(STOP)", STOP)


@pytest.fixture
async def things(database: Database) -> Database:
    await _make_things(database)
    return database


@pytest.fixture
async def private_things(private_postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    database = await Database.connect(private_postgres.dsn, size=4, name="test")
    await _make_things(database)
    yield database
    await database.close()


async def _make_things(database: Database) -> None:
    await database.execute(
        "create table things (id text primary key, body text not null check (body <> 'poison'))"
    )


async def test_each_row_gets_its_own_answer_whatever_the_order_of_the_records(
    things: Database,
) -> None:
    await things.execute(
        "insert into things select n::text, 'body ' || n from generate_series(1, 500) n"
    )
    reads = BatchedRead(things, READ, name="read", lanes=2, most=64)

    answers = await asyncio.gather(*(reads.run((str(n),)) for n in range(1, 501)))

    assert [answer and answer["body"] for answer in answers] == [f"body {n}" for n in range(1, 501)]
    await reads.close()


async def test_a_row_without_an_answer_is_none(things: Database) -> None:
    await things.execute("insert into things values ('a', 'first')")
    reads = BatchedRead(things, READ, name="read", lanes=1)

    found, missing = await asyncio.gather(reads.run(("a",)), reads.run(("b",)))

    assert found is not None
    assert missing is None
    await reads.close()


async def test_rows_that_wait_at_the_same_moment_travel_in_one_statement(things: Database) -> None:
    await things.execute("create table counted (size int)")
    counting = BatchedRead(
        things,
        "with c as (insert into counted values (cardinality($1::text[]))) "
        "select r.ord from unnest($1::text[]) with ordinality as r(id, ord)",
        name="count",
        lanes=2,
    )

    await asyncio.gather(*(counting.run((str(n),)) for n in range(100)))

    assert [row[0] for row in await things.fetch("select size from counted")] == [100]
    await counting.close()


async def test_a_row_that_waits_travels_as_soon_as_a_lane_is_free(things: Database) -> None:
    await things.execute("create table counted (n serial, size int)")
    counting = BatchedRead(
        things,
        COUNT_AND_STOP,
        name="count",
        lanes=1,
    )
    async with held(things) as hold:
        first = asyncio.create_task(counting.run(("first",)))
        await hold.until_stopped()
        others = [asyncio.create_task(counting.run((str(n),))) for n in range(20)]
        await asyncio.sleep(0)

    await asyncio.gather(first, *others)

    assert [row[0] for row in await things.fetch("select size from counted order by n")] == [1, 20]
    await counting.close()


async def test_an_answer_is_given_only_after_the_commit(things: Database) -> None:
    writes = GroupCommit(things, ADD, name="add", lanes=2)

    await asyncio.gather(*(writes.run((str(n), "body")) for n in range(50)))

    # Another connection sees them all: nothing is still in an open transaction.
    assert await things.fetchval("select count(*) from things") == 50
    await writes.close()


async def test_a_poison_row_fails_alone(things: Database) -> None:
    writes = GroupCommit(things, ADD, name="add", lanes=1)
    bodies = ["poison" if n == 17 else "fine" for n in range(40)]

    answers = await asyncio.gather(
        *(writes.run((str(n), body)) for n, body in enumerate(bodies)), return_exceptions=True
    )

    failed = [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]
    assert failed == [17]
    assert await things.fetchval("select count(*) from things") == 39
    await writes.close()


async def test_a_taken_key_is_told_to_its_own_waiter_by_the_constraints_name(
    things: Database,
) -> None:
    await things.execute("insert into things values ('taken', 'old')")
    writes = GroupCommit(things, ADD, name="add", lanes=1)

    free, taken = await asyncio.gather(
        writes.run(("free", "new")), writes.run(("taken", "new")), return_exceptions=True
    )

    assert not isinstance(free, Exception)
    assert isinstance(taken, UniqueViolation)
    assert taken.constraint == "things_pkey"
    await writes.close()


async def test_a_value_that_cannot_be_encoded_fails_alone(things: Database) -> None:
    await things.execute("insert into things values ('a', 'first')")
    reads = BatchedRead(things, READ, name="read", lanes=1)

    found, wrong = await asyncio.gather(reads.run(("a",)), reads.run((7,)), return_exceptions=True)

    assert not isinstance(found, Exception)
    assert isinstance(wrong, StatementRefused)
    await reads.close()


async def test_a_wrong_statement_fails_every_row_with_an_exception_of_its_own(
    things: Database,
) -> None:
    reads = BatchedRead(things, "select nothing from nowhere where $1", name="bad", lanes=1)

    answers = await asyncio.gather(*(reads.run(("a",)) for _ in range(3)), return_exceptions=True)

    assert all(isinstance(answer, StatementRefused) for answer in answers)
    assert len({id(answer) for answer in answers}) == 3
    await reads.close()


async def test_a_statement_with_a_foolish_position_leaves_nobody_waiting(things: Database) -> None:
    reads = BatchedRead(things, "select 99 as ord from unnest($1::text[])", name="bad", lanes=1)

    with pytest.raises(IndexError):
        await asyncio.wait_for(reads.run(("a",)), 60)

    await reads.close()


async def test_a_waiter_that_gave_up_before_the_flush_sends_nothing(things: Database) -> None:
    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=1)
    async with held(things) as hold:
        first = asyncio.create_task(writes.run(("first", "body")))
        await hold.until_stopped()
        gone = asyncio.create_task(writes.run(("gone", "body")))
        stays = asyncio.create_task(writes.run(("stays", "body")))
        await asyncio.sleep(0)

        gone.cancel()
    await asyncio.gather(first, stays)

    rows = await things.fetch("select id from things order by id")
    assert [row["id"] for row in rows] == ["first", "stays"]
    await writes.close()


async def test_a_waiter_that_gives_up_during_the_flush_does_not_disturb_its_neighbour(
    things: Database,
) -> None:
    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=1)
    async with held(things) as hold:
        gone = asyncio.create_task(writes.run(("gone", "body")))
        stays = asyncio.create_task(writes.run(("stays", "body")))
        await hold.until_stopped()

        gone.cancel()

    answer = await stays
    assert answer is not None
    await writes.close()


async def test_more_than_may_wait_are_refused_at_once(things: Database) -> None:
    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=1)
    async with held(things) as hold:
        first = asyncio.create_task(writes.run(("first", "body")))
        await hold.until_stopped()
        crowd = [asyncio.create_task(writes.run((str(n), "x"))) for n in range(MOST_WAITING)]
        await asyncio.sleep(0)

        with pytest.raises(QueueFull):
            await writes.run(("one too many", "x"))

        for task in crowd:
            task.cancel()
    await asyncio.gather(first, *crowd, return_exceptions=True)
    await writes.close()


async def test_two_lanes_that_deadlock_both_succeed(things: Database) -> None:
    await things.execute("insert into things values ('a', '0'), ('b', '0')")
    # Each statement takes the rows one by one in the order given, with a pause between.
    await things.execute(
        "create function touch(ids text[]) returns int language plpgsql as $$ begin "
        "for n in 1 .. 2 loop update things set body = body || '1' where id = ids[n]; "
        "perform pg_sleep(0.2); end loop; return 1; end $$"
    )
    touch = (
        "select r.ord, touch(string_to_array(r.ids, ',')) "
        "from unnest($1::text[]) with ordinality as r(ids, ord)"
    )
    writes = GroupCommit(things, touch, name="touch", lanes=2, most=1)

    await asyncio.gather(writes.run(("a,b",)), writes.run(("b,a",)))

    rows = await things.fetch("select body from things")
    assert [row["body"] for row in rows] == ["011", "011"]
    await writes.close()


@pytest.mark.requirement("G2-B-5.3-29")
async def test_reads_heal_by_themselves_when_the_server_comes_back(
    private_postgres: EmbeddedPostgres, private_things: Database
) -> None:
    await private_things.execute("insert into things values ('a', 'first')")
    reads = BatchedRead(private_things, READ, name="read", lanes=2)
    assert await reads.run(("a",)) is not None

    private_postgres.stop()
    with pytest.raises(DatabaseDown):
        await reads.run(("a",))
    private_postgres.start()
    await asyncio.sleep(0.3)

    assert await reads.run(("a",)) is not None
    await reads.close()


async def test_a_write_after_a_restart_does_not_stumble_over_the_old_connection(
    private_postgres: EmbeddedPostgres, private_things: Database
) -> None:
    writes = GroupCommit(private_things, ADD, name="add", lanes=1)
    await writes.run(("before", "body"))
    private_postgres.stop()
    private_postgres.start()
    await asyncio.sleep(0.3)

    assert await writes.run(("after", "body")) is not None
    await writes.close()


@pytest.mark.usefixtures("production_patience")
async def test_a_silent_server_is_called_down_for_the_whole_batch_within_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        database = await Database.connect(dsn, size=1, name="test")
        reads = BatchedRead(database, READ, name="read", lanes=2)

        async def all_are_told() -> None:
            asked = (reads.run(("a",)) for _ in range(1000))
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(outcome, NeverSent) for outcome in outcomes)

        assert await quickest(lambda: clocked(all_are_told), within=3) < 3
        await reads.close()
        await database.close()


async def test_a_read_whose_connection_breaks_is_tried_once_more(things: Database) -> None:
    await things.execute("insert into things values ('a', 'first')")
    reads = BatchedRead(things, SLOW_READ, name="read", lanes=1)
    async with held(things) as hold:
        asked = asyncio.create_task(reads.run(("a",)))
        await hold.until_stopped()

        await hold.cut_others()

    answer = await asked
    assert answer is not None
    await reads.close()


async def test_a_write_whose_connection_breaks_is_reported_and_not_sent_again(
    things: Database,
) -> None:
    writes = GroupCommit(things, SLOW_ADD, name="add", lanes=1)
    async with held(things) as hold:
        asked = [asyncio.create_task(writes.run((name, "body"))) for name in "ab"]
        await hold.until_stopped()

        await hold.cut_others()

    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(outcome, OutcomeUnknown) for outcome in outcomes] == [True, True]
    assert await things.fetchval("select count(*) from things") == 0
    await writes.close()


@pytest.mark.requirement("G2-B-5.3-19", "G2-B-5.3-29")
async def test_no_answered_write_is_lost_when_the_server_is_killed(
    private_postgres: EmbeddedPostgres, private_things: Database
) -> None:
    writes = GroupCommit(private_things, ADD, name="add", lanes=2, most=16)
    answered: list[str] = []

    async def write_until_it_fails(worker: int) -> None:
        for number in range(100_000):
            name = f"{worker}-{number}"
            await writes.run((name, "body"))
            answered.append(name)

    workers = [asyncio.create_task(write_until_it_fails(worker)) for worker in range(32)]
    await until(lambda: len(answered) > 100)
    _kill_everything(private_postgres.pid)
    outcomes = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(outcome, DatabaseDown) for outcome in outcomes)
    private_postgres.start()
    await asyncio.sleep(0.3)

    kept = {row["id"] for row in await private_things.fetch("select id from things")}

    assert set(answered) - kept == set()
    await writes.close()


def _kill_everything(postmaster: int) -> None:
    """The postmaster first, so that no child gets a chance to write anything down."""
    family = [psutil.Process(postmaster), *psutil.Process(postmaster).children()]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=60)  # a dying server would still count as running
