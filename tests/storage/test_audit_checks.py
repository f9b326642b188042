"""What a check of the audit records finds: each way of tampering, and nothing where none is."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from openehc.audit.chain import group_digest, linked
from openehc.audit.findings import Finding
from openehc.audit.sources import RECORDS
from openehc.audit.verify_trail import Scope
from tests.support.audit import EVENT, MORNING, TrailOfNode

CHANGE_SEQ_3: Final = "update audit_records set actor_id = 'somebody else' where seq = 3"
COPY_SEQ_3_AS_4: Final = """
insert into audit_records (stream, seq, place, hash, at, category, action, actor_kind, actor_id,
                           address, institution_id, object_kind, object_ref, result, reason,
                           before, after)
select stream, 4, place, hash, at, category, action, actor_kind, actor_id, address,
       institution_id, object_kind, object_ref, result, reason, before, after
  from audit_records where seq = 3
"""
DELETE_SEQ_3: Final = "delete from audit_records where seq = 3"


async def _five(node: TrailOfNode) -> None:
    await node.record("1", "2", "3", "4", "5")


def _where(findings: list[Finding]) -> list[tuple[str, str, int]]:
    return [(finding.flaw.value, finding.table, finding.seq) for finding in findings]


async def test_records_that_nobody_touched_are_sound(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()
    await trail_of_node.record("6")

    report = await trail_of_node.check()

    assert report.sound
    assert report.records["audit_records"] == 6
    assert (report.checkpoints, report.chains, report.uncovered) == (1, 1, 1)
    assert report.covered_until == MORNING + timedelta(seconds=5)


async def test_a_group_of_many_and_many_chains_are_sound(trail_of_node: TrailOfNode) -> None:
    events = [replace(EVENT, object_ref=str(number)) for number in range(600)]
    await asyncio.gather(*(trail_of_node.trail.record(event) for event in events))
    async with trail_of_node.trail.act(EVENT), trail_of_node.trail.act(EVENT):
        pass
    await trail_of_node.sign()

    report = await trail_of_node.check()

    assert report.sound
    assert (report.records["audit_records"], report.chains, report.uncovered) == (602, 3, 0)


async def test_what_followed_an_act_is_one_group_with_it(trail_of_node: TrailOfNode) -> None:
    async with trail_of_node.trail.act(EVENT) as act:
        act.followed.extend(replace(EVENT, object_ref=f"1{n}") for n in range(3))
    async with trail_of_node.trail.act(replace(EVENT, object_ref="8")):
        pass

    rows = await trail_of_node.database.fetch(
        "select object_ref, seq, place from audit_records order by seq, place"
    )
    report = await trail_of_node.check()

    assert [tuple(row) for row in rows] == [
        ("7", 1, 1), ("10", 1, 2), ("11", 1, 3), ("12", 1, 4), ("8", 2, 1),
    ]  # fmt: skip
    assert (report.sound, sum(report.records.values())) == (True, 5)


async def test_days_follow_each_other(trail_of_node: TrailOfNode) -> None:
    for _ in range(4):
        await _five(trail_of_node)
        await trail_of_node.sign()
        await trail_of_node.hours_later(20)

    report = await trail_of_node.check()
    last_days = await trail_of_node.check(Scope(since=(MORNING + timedelta(days=2)).date()))

    assert report.sound
    assert report.records["audit_records"] == 20
    assert last_days.sound
    assert (last_days.records["audit_records"], last_days.checkpoints) == (5, 1)


async def test_a_check_stops_at_its_limit(trail_of_node: TrailOfNode) -> None:
    await asyncio.gather(*(trail_of_node.trail.record(EVENT) for _ in range(1200)))

    report = await trail_of_node.check(Scope(most=700))

    assert (report.stopped, report.sound) == (True, True)
    assert report.records["audit_records"] == 1000  # the limit is looked at for every 500 rows


# ---------------------------------------------------------------- records


@pytest.mark.requirement("G2-B-5.3-34")
@pytest.mark.parametrize(
    "column",
    ["category", "action", "actor_kind", "actor_id", "address", "object_kind", "object_ref",
     "result", "reason", "before", "after"],
)  # fmt: skip
async def test_one_column_changed(trail_of_node: TrailOfNode, column: str) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(f"update audit_records set {column} = 'x' where seq = 3")  # noqa: S608

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("changed", "audit_records", 3)]
    assert found[0].at == MORNING + timedelta(seconds=2)


@pytest.mark.parametrize(
    "change", ["at = at + interval '1 microsecond'", "institution_id = 1", "before = null"]
)
async def test_one_other_column_changed(trail_of_node: TrailOfNode, change: str) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(f"update audit_records set {change} where seq = 3")  # noqa: S608

    assert _where((await trail_of_node.check()).findings) == [("changed", "audit_records", 3)]


async def _rehash(node: TrailOfNode, seq: int) -> None:
    """Give a changed record the hash that fits it, as who can compute SM3 does."""
    before = await node.database.fetchval("select hash from audit_records where seq = $1", seq - 1)
    row = await node.database.fetchrow("select * from audit_records where seq = $1", seq)
    assert row
    fitting = linked(group_digest([before]), RECORDS.content(row))
    await node.forge(f"update audit_records set hash = '\\x{fitting.hex()}' where seq = {seq}")  # noqa: S608


async def test_a_hash_recomputed_for_one_row(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(CHANGE_SEQ_3)
    await _rehash(trail_of_node, 3)

    assert _where((await trail_of_node.check()).findings) == [("changed", "audit_records", 4)]


async def test_hashes_recomputed_to_the_end_behind_a_checkpoint(
    trail_of_node: TrailOfNode,
) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()

    await trail_of_node.forge(CHANGE_SEQ_3)
    for seq in (3, 4, 5):
        await _rehash(trail_of_node, seq)

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("signed otherwise", "audit_records", 5)]


async def test_a_row_deleted_in_the_middle(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(DELETE_SEQ_3)

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("missing", "audit_records", 4)]


async def test_a_row_deleted_in_the_middle_of_a_group(trail_of_node: TrailOfNode) -> None:
    await asyncio.gather(*(trail_of_node.trail.record(EVENT) for _ in range(5)))
    await trail_of_node.record("next")

    await trail_of_node.forge("delete from audit_records where seq = 1 and place = 3")

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("changed", "audit_records", 2)]


async def test_a_tail_cut_behind_a_checkpoint_is_told_as_not_covered(
    trail_of_node: TrailOfNode,
) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()
    await trail_of_node.record("6", "7")

    await trail_of_node.forge("delete from audit_records where seq = 7")

    report = await trail_of_node.check()
    assert report.sound  # nothing tells of it: that is why checkpoints are made every minute
    assert report.covered_until == MORNING + timedelta(seconds=5)


async def test_a_tail_cut_before_a_checkpoint(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()

    await trail_of_node.forge("delete from audit_records where seq > 3")

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("cut", "audit_records", 4)]
    assert found[0].at == MORNING + timedelta(seconds=2)  # the last that is there


async def test_two_rows_swapped(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(
        "update audit_records set seq = 9 where seq = 2",
        "update audit_records set seq = 2 where seq = 4",
        "update audit_records set seq = 4 where seq = 9",
    )

    assert _where((await trail_of_node.check()).findings) == [("changed", "audit_records", 2)]


async def test_a_row_inserted(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)

    await trail_of_node.forge(
        "update audit_records set seq = seq + 10 where seq > 3",
        "update audit_records set seq = seq - 9 where seq > 10",
        COPY_SEQ_3_AS_4,
    )

    assert _where((await trail_of_node.check()).findings) == [("changed", "audit_records", 4)]


async def test_a_chain_added_after_the_fact(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)
    await trail_of_node.hours_later(30)
    await trail_of_node.record("6")
    await trail_of_node.sign()
    late = TrailOfNode(trail_of_node.database, seed=b"late")

    await late.record("what should have been there")

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("unsigned", "audit_records", 1)]
    await late.trail.close()


async def test_a_whole_stream_deleted(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()

    await trail_of_node.forge("delete from audit_records")

    assert _where((await trail_of_node.check()).findings) == [("cut", "audit_records", 1)]


async def test_a_stream_replayed_from_another_database(trail_of_node: TrailOfNode) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()
    elsewhere = TrailOfNode(trail_of_node.database, seed=b"elsewhere")
    elsewhere.trail._origin._value = b"another database's origin, 32 b."

    await elsewhere.record("foreign")

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("changed", "audit_records", 1)]
    await elsewhere.trail.close()
