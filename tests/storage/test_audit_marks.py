"""What a check finds with the marks that a node keeps outside the database: ends cut off."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from openehc.audit.chain import group_digest, linked
from openehc.audit.findings import Flaw
from openehc.audit.marks import SLOT_SIZE
from openehc.audit.sources import RECORDS
from openehc.audit.verify_store import Snapshot, VerifyStore
from openehc.audit.verify_trail import Scope, VerifyTrail
from openehc.kernel.refusal import DatabaseDown
from openehc.wiring.audit_key import SOURCES
from tests.support.audit import EVENT, MORNING, TrailOfNode
from tests.support.marks import StartMarking, mark_files, marked, marks_folder, where

CUT_CHECKPOINT_3: Final = (
    "delete from audit_records where seq = 3", "delete from audit_heads where number = 3",
    "delete from audit_checkpoints where number = 3",
)  # fmt: skip


# ---------------------------------------------------------------- nothing wrong


async def test_what_is_committed_and_marked_is_sound(marking: TrailOfNode) -> None:
    await marking.record("1", "2", "3")

    report = await marking.check()

    assert (report.sound, report.marks) == (True, 1)
    assert marked(marking) == {("audit_records", 1): 3}


async def test_marks_of_many_chains_and_checkpoints_are_sound(marking: TrailOfNode) -> None:
    async with marking.trail.act(EVENT), marking.trail.act(EVENT):
        await marking.record("1", "2")
    await marking.sign()
    await marking.record("3")

    report = await marking.check()

    assert (report.sound, report.marks) == (True, 4)
    assert sorted(marked(marking).values()) == [1, 1, 1, 3]


async def test_days_follow_each_other_with_their_marks(marking: TrailOfNode) -> None:
    for reference in ("1", "2", "3"):
        await marking.record(reference)
        await marking.sign()
        await marking.hours_later(40)

    everything = await marking.check()
    last_days = await marking.check(Scope(since=marking.clock.now().date()))

    assert (everything.sound, last_days.sound) == (True, True)


class _CommitsMeanwhile(VerifyStore):
    """Its snapshot is taken, then another record is committed."""

    def __init__(self, node: TrailOfNode) -> None:
        super().__init__(node.database)
        self._node = node

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        async with super().snapshot() as snapshot:
            await snapshot.origin()  # a snapshot is taken by its first statement
            await self._node.record("meanwhile")
            yield snapshot


async def test_what_is_committed_while_a_check_begins_is_no_cut(marking: TrailOfNode) -> None:
    await marking.record("1")
    folders = [marks_folder(marking)]

    report = await VerifyTrail(_CommitsMeanwhile(marking), SOURCES, [], marks=folders)()

    assert (report.sound, report.records["audit_records"]) == (True, 1)


async def test_a_folder_that_is_not_there_holds_no_marks(trail_of_node: TrailOfNode) -> None:
    await trail_of_node.record("1")
    trail_of_node.folder = Path("/nowhere/marks")

    report = await trail_of_node.check()

    assert (report.sound, report.marks) == (True, 0)


# ---------------------------------------------------------------- cut


@pytest.mark.requirement("G2-B-5.3-34")
async def test_a_tail_cut_before_any_checkpoint_came(marking: TrailOfNode) -> None:
    await marking.record("1", "2", "3", "4", "5")

    await marking.forge("delete from audit_records where seq > 3")

    found = (await marking.check()).findings
    assert where(found) == [("end cut", "audit_records", 4)]  # the first that is missing
    assert found[0].at == MORNING.replace(second=2)  # the last that is there


@pytest.mark.requirement("G2-B-5.3-34")
async def test_a_tail_cut_behind_the_last_checkpoint(marking: TrailOfNode) -> None:
    await marking.record("1", "2", "3", "4", "5")
    await marking.sign()
    await marking.record("6", "7")

    await marking.forge("delete from audit_records where seq = 7")

    assert where((await marking.check()).findings) == [("end cut", "audit_records", 7)]


async def test_a_whole_chain_cut_before_any_checkpoint_came(marking: TrailOfNode) -> None:
    await marking.record("1", "2")

    await marking.forge("delete from audit_records")

    assert where((await marking.check()).findings) == [("end cut", "audit_records", 1)]


async def test_the_end_cut_and_signed_by_the_next_checkpoint(marking: TrailOfNode) -> None:
    await marking.record("1", "2", "3")
    await marking.forge("delete from audit_records where seq = 3")

    await marking.sign()

    assert where((await marking.check()).findings) == [("end cut", "audit_records", 3)]


async def test_the_last_record_changed_with_a_hash_that_fits(marking: TrailOfNode) -> None:
    await marking.record("1", "2")
    before = await marking.database.fetchval("select hash from audit_records where seq = 1")

    await marking.forge("update audit_records set actor_id = 'somebody else' where seq = 2")
    row = await marking.database.fetchrow("select * from audit_records where seq = 2")
    assert row
    fitting = linked(group_digest([before]), RECORDS.content(row))
    await marking.forge(f"update audit_records set hash = '\\x{fitting.hex()}' where seq = 2")  # noqa: S608

    assert where((await marking.check()).findings) == [("marked otherwise", "audit_records", 2)]


async def test_a_part_of_the_last_group_cut(marking: TrailOfNode) -> None:
    await asyncio.gather(*(marking.trail.record(EVENT) for _ in range(5)))

    await marking.forge("delete from audit_records where place > 3")

    assert where((await marking.check()).findings) == [("marked otherwise", "audit_records", 1)]


async def test_records_and_checkpoints_cut_together_without_a_copy(marking: TrailOfNode) -> None:
    for reference in ("1", "2", "3"):
        await marking.record(reference)
        await marking.sign()

    await marking.forge(*CUT_CHECKPOINT_3)

    found = (await marking.check()).findings
    assert where(found) == [("checkpoints cut", "audit_checkpoints", 3),
                             ("end cut", "audit_records", 3)]  # fmt: skip


async def test_a_checkpoint_signed_anew_after_a_cut(marking: TrailOfNode) -> None:
    for reference in ("1", "2", "3"):
        await marking.record(reference)
        await marking.sign()
    await marking.forge(*CUT_CHECKPOINT_3)
    await marking.record("4")

    await marking.sign()

    found = where((await marking.check()).findings)
    assert ("checkpoint marked otherwise", "audit_checkpoints", 3) in found


async def test_a_database_put_in_the_place_of_the_marked_one(marking: TrailOfNode) -> None:
    await marking.record("1")

    await marking.forge(
        "delete from audit_records", "update audit_origin set origin = sha256('another')"
    )

    [found] = (await marking.check()).findings
    assert found.flaw is Flaw.OTHER_DATABASE
    assert str(found).startswith(f"{mark_files(marking)[0]}: holds marks of another database")


async def test_each_of_two_nodes_tells_of_its_own_chains(
    start_marking: StartMarking, tmp_path: Path
) -> None:
    one = start_marking(b"one", tmp_path / "one")
    other = start_marking(b"other", tmp_path / "other")
    await one.record("1")
    await other.record("2", "3")

    await one.forge("delete from audit_records where object_ref = '3'")

    assert (await one.check()).sound
    assert where((await other.check()).findings) == [("end cut", "audit_records", 2)]


# ---------------------------------------------------------------- doubt and trouble


async def test_a_commit_in_doubt_is_not_marked(marking: TrailOfNode) -> None:
    async with marking.trail.act(EVENT):
        pass

    with pytest.raises(DatabaseDown):
        async with marking.trail.act(EVENT):
            raise DatabaseDown
    with pytest.raises(ValueError, match="changed its mind"):
        async with marking.trail.act(replace(EVENT, object_ref="undone")):
            raise ValueError("changed its mind")

    assert marked(marking) == {("audit_records", 1): 1}
    assert (await marking.check()).sound


async def test_a_slot_torn_by_a_killed_process_leaves_the_mark_before(marking: TrailOfNode) -> None:
    await marking.record("1", "2", "3")
    [file] = mark_files(marking)
    content = bytearray(file.read_bytes())

    at = SLOT_SIZE + SLOT_SIZE  # the slot of odd numbers
    content[at + 40 : at + SLOT_SIZE] = bytes(SLOT_SIZE - 40)
    file.write_bytes(content)

    assert marked(marking) == {("audit_records", 1): 2}
    assert (await marking.check()).sound


@pytest.mark.parametrize("content", [b"", bytes(SLOT_SIZE), bytes(4096)], ids=len)
async def test_a_file_that_was_just_begun_says_nothing(
    marking: TrailOfNode, content: bytes
) -> None:
    await marking.record("1")
    (marks_folder(marking) / "begun.marks").write_bytes(content)

    report = await marking.check()

    assert (report.sound, report.unreadable, report.marks) == (True, [], 1)


async def test_a_file_that_is_none_is_told(marking: TrailOfNode) -> None:
    await marking.record("1")
    strange = marks_folder(marking) / "shopping.marks"
    strange.write_bytes(b"milk, bread" * 20)

    report = await marking.check()
    await marking.sign()

    assert (report.sound, report.unreadable) == (True, [str(strange)])
    assert strange.exists()


async def test_a_folder_that_cannot_be_written_is_logged_once_and_acts_go_on(
    start_marking: StartMarking, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("not a folder", "utf-8")
    marking = start_marking(folder=blocked)

    for reference in ("1", "2", "3"):
        await marking.record(reference)
        await marking.sign()
    blocked.unlink()
    await marking.record("4")
    await marking.sign()
    await marking.record("5")

    logged = [record.getMessage() for record in caplog.records if record.name == "openehc.audit"]
    assert [line.startswith(f"no marks of audit chains in {blocked}") for line in logged] == [True]
    assert marked(marking) == {("audit_records", 1): 5, ("checkpoints", 2): 4}
    assert (await marking.check()).sound


async def test_a_disk_without_room_for_more_marks_lets_acts_go_on(
    marking: TrailOfNode, caplog: pytest.LogCaptureFixture
) -> None:
    await marking.record("1")
    assert marking.files
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, marking.files._descriptor or -1)
    os.close(full)

    await marking.record("2", "3")

    assert "No space left" in caplog.text
    assert await marking.database.fetchval("select count(*) from audit_records") == 3
    assert (await marking.check()).sound


async def test_marks_can_be_read_by_their_owner_alone(marking: TrailOfNode) -> None:
    await marking.record("1")

    [file] = mark_files(marking)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (marks_folder(marking), file)]
    assert modes == [0o700, 0o600]
