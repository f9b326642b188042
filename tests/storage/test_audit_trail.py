"""Recording: together with the act or not at all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from openehc.audit.chain import day_of_stream, genesis, group_digest, linked
from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.audit.origin_store import Origin
from openehc.audit.store import content_of, values_of
from openehc.audit.trail import AuditTrail
from openehc.storage.errors import OutcomeUnknown, StatementRefused
from openehc.storage.pool import Database
from tests.support.counted_entropy import CountedEntropy
from tests.support.holding import until_blocked

EVENT: Final = AuditEvent(
    category=Category.ADMINISTRATION, action="institution.approve",
    actor=Actor(ActorKind.USER, "tester", "127.0.0.1"),
    at=datetime(2026, 3, 2, 0, 30, tzinfo=UTC), object_kind="institution", object_ref="7",
    before={"standing": "applied"}, after={"standing": "active"},
)  # fmt: skip


CUT_OTHERS: Final = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and query like '%audit_records%'
"""


@pytest.fixture
async def trail(database: Database) -> AsyncIterator[AuditTrail]:
    trail = AuditTrail(database, CountedEntropy())
    await trail._origin.known()
    yield trail
    await trail.close()


async def test_records_follow_each_other_in_one_chain(
    database: Database, trail: AuditTrail
) -> None:
    for _ in range(3):
        async with trail.act(EVENT):
            pass

    rows = await database.fetch("select stream, seq, place, hash from audit_records order by seq")
    expected = genesis(rows[0]["stream"], origin=await Origin(database).known())
    for number, row in enumerate(rows, start=1):
        digest = linked(expected, content_of(values_of(EVENT)))
        assert (row["seq"], row["place"], row["hash"]) == (number, 1, digest)
        expected = group_digest([digest])
    assert len(rows) == 3


async def test_records_that_wait_at_the_same_moment_are_one_group(
    database: Database, trail: AuditTrail
) -> None:
    await trail.record(EVENT)
    events = [replace(EVENT, object_ref=str(number)) for number in range(300)]

    await asyncio.gather(*(trail.record(event) for event in events))

    groups = await database.fetch(
        "select seq, count(*), min(place), max(place) from audit_records group by seq order by seq"
    )
    assert [tuple(group) for group in groups] == [(1, 1, 1, 1), (2, 256, 1, 256), (3, 44, 1, 44)]


async def test_a_group_follows_the_whole_group_before(
    database: Database, trail: AuditTrail
) -> None:
    await asyncio.gather(*(trail.record(EVENT) for _ in range(3)))
    await trail.record(EVENT)

    rows = await database.fetch("select stream, hash from audit_records order by seq, place")
    before = group_digest([row["hash"] for row in rows[:3]])
    assert rows[3]["hash"] == linked(before, content_of(values_of(EVENT)))


async def test_a_chain_whose_last_commit_is_in_doubt_is_never_continued(
    database: Database, trail: AuditTrail
) -> None:
    await trail.record(EVENT)
    async with database.transaction() as blocker:
        await blocker.execute("lock table audit_records")
        waiting = asyncio.create_task(trail.record(EVENT))
        await until_blocked(blocker)
        await blocker.execute(CUT_OTHERS)
        with pytest.raises(OutcomeUnknown):
            await waiting
    await trail.record(EVENT)

    rows = await database.fetch("select stream, seq from audit_records")
    assert {row["seq"] for row in rows} == {1}
    assert len({row["stream"] for row in rows}) == 2


async def test_a_chain_goes_on_where_it_was_after_a_refused_group(
    database: Database, trail: AuditTrail
) -> None:
    await trail.record(EVENT)
    with pytest.raises(StatementRefused):
        await trail.record(replace(EVENT, object_ref="\0"))  # no text of PostgreSQL
    await trail.record(EVENT)

    rows = await database.fetch("select stream, seq from audit_records order by seq")
    assert [row["seq"] for row in rows] == [1, 2]
    assert len({row["stream"] for row in rows}) == 1


async def test_each_day_has_chains_of_its_own(database: Database, trail: AuditTrail) -> None:
    for days in (0, 1, 0, 3):
        await trail.record(replace(EVENT, at=EVENT.at + timedelta(days=days)))

    rows = await database.fetch("select stream, seq from audit_records order by stream, seq")
    opened = [(day_of_stream(row["stream"]).day, row["seq"]) for row in rows]
    assert opened == [(2, 1), (3, 1), (3, 2), (5, 1)]  # what comes late goes to the next day's


async def test_an_act_that_fails_leaves_no_record_and_no_gap(
    database: Database, trail: AuditTrail
) -> None:
    with pytest.raises(StatementRefused):
        async with trail.act(EVENT) as act:
            await act.connection.execute("select 1/0")
    await trail.record(EVENT)

    assert await database.fetchval("select array_agg(seq) from audit_records") == [1]


async def test_an_act_whose_record_cannot_be_written_does_not_happen(
    database: Database, trail: AuditTrail
) -> None:
    await database.execute("create table done (what text)")
    await database.execute("alter table audit_records add check (action <> 'institution.approve')")

    with pytest.raises(StatementRefused):
        async with trail.act(EVENT) as act:
            await act.connection.execute("insert into done values ('act')")

    assert await database.fetchval("select count(*) from done") == 0


@pytest.mark.parametrize(
    "statement",
    ["update audit_records set action = ''", "delete from audit_records",
     "truncate audit_records"],
)  # fmt: skip
async def test_a_record_cannot_be_changed_or_deleted(
    database: Database, trail: AuditTrail, statement: str
) -> None:
    await trail.record(EVENT)

    with pytest.raises(StatementRefused):
        await database.execute(statement)


@pytest.mark.requirement("G2-B-5.3-23")
async def test_while_the_table_is_away_nothing_is_done_and_it_heals(
    database: Database, trail: AuditTrail
) -> None:
    async def done() -> None:
        async with trail.act(EVENT) as act:
            await act.connection.execute("insert into done values ('act')")

    await database.execute("create table done (what text)")
    await database.execute("alter table audit_records rename to audit_records_away")
    for refused in (done(), trail.record(EVENT)):
        with pytest.raises(StatementRefused):
            await refused
    assert await database.fetchval("select count(*) from done") == 0
    await database.execute("alter table audit_records_away rename to audit_records")

    await done()
    await trail.record(EVENT)

    assert await database.fetchval("select count(*) from audit_records") == 2
