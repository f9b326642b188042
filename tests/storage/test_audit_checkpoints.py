"""What a check finds about checkpoints, and about their copy outside the database."""

from pathlib import Path

import pytest

from openehc.audit.checkpoint import from_line, signing_key
from openehc.audit.findings import Finding, Flaw
from openehc.storage.pool import Database
from tests.support.audit import TrailOfNode


async def _five(node: TrailOfNode) -> None:
    await node.record("1", "2", "3", "4", "5")


def _where(findings: list[Finding]) -> list[tuple[str, str, int]]:
    return [(finding.flaw.value, finding.table, finding.seq) for finding in findings]


async def _three_checkpoints(node: TrailOfNode) -> None:
    for reference in ("1", "2", "3"):
        await node.record(reference)
        await node.sign()


async def test_a_checkpoint_deleted(trail_of_node: TrailOfNode) -> None:
    await _three_checkpoints(trail_of_node)

    await trail_of_node.forge("delete from audit_checkpoints where number = 2")

    found = (await trail_of_node.check()).findings
    assert _where(found)[0] == ("checkpoint missing", "audit_checkpoints", 3)


async def test_the_first_checkpoint_deleted(trail_of_node: TrailOfNode) -> None:
    await _three_checkpoints(trail_of_node)

    await trail_of_node.forge(
        "delete from audit_checkpoints where number = 1", "delete from audit_heads where number = 1"
    )

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("checkpoint missing", "audit_checkpoints", 2)]


@pytest.mark.parametrize(
    "statement",
    ["update audit_checkpoints set at = at + interval '1 second' where number = 2",
     "update audit_checkpoints set hash = sha256(hash) where number = 2",
     "update audit_heads set digest = sha256(digest) where number = 2",
     "delete from audit_heads where number = 2"],
)  # fmt: skip
async def test_a_checkpoint_changed(trail_of_node: TrailOfNode, statement: str) -> None:
    await _three_checkpoints(trail_of_node)

    await trail_of_node.forge(statement)

    found = (await trail_of_node.check()).findings
    assert _where(found)[0] == ("checkpoint changed", "audit_checkpoints", 2)


async def test_a_checkpoint_forged_with_another_key(trail_of_node: TrailOfNode) -> None:
    await _three_checkpoints(trail_of_node)
    await trail_of_node.record("4")

    await trail_of_node.sign(signing_key(b"some other secret of 32 bytes..."))

    found = (await trail_of_node.check()).findings
    assert _where(found) == [("checkpoint forged", "audit_checkpoints", 4)]


async def test_a_head_added_without_a_checkpoint(trail_of_node: TrailOfNode) -> None:
    await _three_checkpoints(trail_of_node)

    await trail_of_node.forge(
        "insert into audit_heads values ('audit_records', 1, 1, sha256('x'), 77)"
    )

    found = (await trail_of_node.check()).findings
    assert _where(found)[0] == ("head without checkpoint", "audit_records", 1)


async def test_the_key_before_it_was_replaced_is_trusted_when_it_is_given(
    trail_of_node: TrailOfNode,
) -> None:
    await _five(trail_of_node)
    await trail_of_node.sign()
    renewed = TrailOfNode(
        trail_of_node.database, key=signing_key(b"the secret of the key after it.."),
        seed=b"renewed", clock=trail_of_node.clock,
    )  # fmt: skip
    await renewed.record("6")
    await renewed.sign()
    both = [renewed.key.public.raw, trail_of_node.key.public.raw]

    assert (await renewed.check(keys=both)).sound
    assert (await renewed.check()).findings[0].flaw is Flaw.CHECKPOINT_FORGED
    await renewed.trail.close()


# ---------------------------------------------------------------- the copy


@pytest.fixture
async def copying(database: Database, tmp_path: Path, trail_of_node: TrailOfNode) -> TrailOfNode:
    del database
    trail_of_node.copy = tmp_path / "checkpoints.jsonl"
    return trail_of_node


async def test_every_checkpoint_is_in_the_copy(copying: TrailOfNode) -> None:
    await _three_checkpoints(copying)

    assert copying.copy
    copies = [from_line(line) for line in copying.copy.read_bytes().splitlines()]
    assert [copy.number for copy in copies] == [1, 2, 3]
    assert (await copying.check()).sound


async def test_a_copy_that_was_away_is_brought_up_to_date(copying: TrailOfNode) -> None:
    file, copying.copy = copying.copy, None
    await _three_checkpoints(copying)

    copying.copy = file
    await copying.sign()

    assert file
    assert len(file.read_bytes().splitlines()) == 3


async def test_checkpoints_and_records_cut_together_are_in_the_copy(copying: TrailOfNode) -> None:
    await _three_checkpoints(copying)

    await copying.forge(
        "delete from audit_records where seq = 3", "delete from audit_heads where number = 3",
        "delete from audit_checkpoints where number = 3",
    )  # fmt: skip

    found = (await copying.check()).findings
    assert _where(found) == [("checkpoint missing", "audit_checkpoints", 3)]


async def test_a_checkpoint_signed_anew_differs_from_its_copy(copying: TrailOfNode) -> None:
    await _three_checkpoints(copying)
    await copying.forge(
        "delete from audit_heads where number = 3", "delete from audit_checkpoints where number = 3"
    )
    copy, copying.copy = copying.copy, None
    await copying.hours_later(1)
    await copying.sign()  # by whoever holds the key: at another time, so with another hash

    copying.copy = copy
    found = (await copying.check()).findings

    assert _where(found) == [("checkpoint differs from its copy", "audit_checkpoints", 3)]


async def test_a_file_that_is_no_copy_is_refused(copying: TrailOfNode) -> None:
    assert copying.copy
    copying.copy.write_bytes(b"shopping list\n")
    await copying.record("1")

    with pytest.raises(Exception, match="the last line is no checkpoint"):
        await copying.sign()


def test_a_line_that_is_no_checkpoint_is_told() -> None:
    with pytest.raises(ValueError, match="no checkpoint"):
        from_line(b'{"number": 1}')


async def test_a_node_that_was_off_for_weeks_signs_what_it_left(
    trail_of_node: TrailOfNode,
) -> None:
    await trail_of_node.record("1")
    await trail_of_node.sign()
    await trail_of_node.record("2")  # then it was killed
    await trail_of_node.hours_later(24 * 30)
    await trail_of_node.record("3")
    await trail_of_node.sign()

    report = await trail_of_node.check()

    assert (report.sound, report.uncovered) == (True, 0)
