"""Recording: together with the act or not at all."""

from datetime import UTC, datetime
from typing import Final

import pytest

from openehc.audit.chain import genesis, linked
from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.audit.store import content_of, values_of
from openehc.audit.trail import AuditTrail
from openehc.storage.errors import StatementRefused
from openehc.storage.pool import Database
from tests.support.counted_entropy import CountedEntropy

EVENT: Final = AuditEvent(
    category=Category.ADMINISTRATION, action="institution.approve",
    actor=Actor(ActorKind.USER, "tester", "127.0.0.1"),
    at=datetime(2026, 3, 2, 0, 30, tzinfo=UTC), object_kind="institution", object_ref="7",
    before={"standing": "applied"}, after={"standing": "active"},
)  # fmt: skip


@pytest.fixture
def trail(database: Database) -> AuditTrail:
    return AuditTrail(database, CountedEntropy())


async def test_records_follow_each_other_in_one_chain(
    database: Database, trail: AuditTrail
) -> None:
    for _ in range(3):
        await trail.record(EVENT)

    rows = await database.fetch("select stream, seq, hash from audit_records order by seq")
    expected = genesis(rows[0]["stream"])
    for number, row in enumerate(rows, start=1):
        expected = linked(expected, content_of(values_of(EVENT)))
        assert (row["seq"], row["hash"]) == (number, expected)
    assert len(rows) == 3


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
