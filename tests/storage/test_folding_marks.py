"""Marks of processes that are gone are folded when signed checkpoints say the same, not before."""

from dataclasses import replace

from openehc.audit.checkpoint import signing_key
from openehc.audit.mark_files import MOST_CHAINS
from openehc.audit.marks import PLACE_SIZE, SLOT_SIZE
from tests.support.audit import EVENT, TrailOfNode
from tests.support.marks import StartMarking, mark_files, marked, where


async def test_the_marks_of_a_process_that_is_gone_stay_until_a_checkpoint_covers_them(
    marking: TrailOfNode, start_marking: StartMarking
) -> None:
    await marking.record("1", "2")
    await marking.stop()
    later = start_marking(b"later")

    before = mark_files(later)
    await later.sign()

    assert len(before) == 1
    assert before[0] not in mark_files(later)
    assert marked(later) == {("checkpoints", 1): 1}
    assert (await later.check()).sound


async def test_what_was_cut_off_before_a_checkpoint_stays_marked(
    marking: TrailOfNode, start_marking: StartMarking
) -> None:
    await marking.record("1", "2")
    await marking.stop()
    later = start_marking(b"later")
    await later.forge("delete from audit_records where seq = 2")

    await later.sign()
    await later.record("3")
    await later.sign()

    assert where((await later.check()).findings) == [("end cut", "audit_records", 2)]


async def test_a_chain_that_was_rewritten_before_a_checkpoint_stays_marked(
    marking: TrailOfNode, start_marking: StartMarking
) -> None:
    await marking.record("1", "2")
    await marking.stop()
    later = start_marking(b"later")
    [file] = mark_files(later)
    await later.forge("update audit_records set hash = sha256(hash) where seq = 2")

    await later.sign()

    assert file in mark_files(later)


async def test_a_file_given_up_is_folded_when_its_chain_went_on(marking: TrailOfNode) -> None:
    await marking.record("1", "2")
    _give_up(marking)
    await marking.record("3")

    await marking.sign()

    assert len(mark_files(marking)) == 1
    assert marked(marking) == {("audit_records", 1): 3, ("checkpoints", 2): 1}


async def test_a_file_given_up_stays_when_its_chain_was_rewritten(marking: TrailOfNode) -> None:
    await marking.record("1", "2")
    _give_up(marking)
    await marking.record("3")

    await marking.forge("update audit_records set hash = sha256(hash) where seq = 2")
    await marking.sign()

    assert len(mark_files(marking)) == 2


def _give_up(marking: TrailOfNode) -> None:
    """As a process does when its file is full."""
    assert marking.files
    marking.files.close()


async def test_heads_that_no_checkpoint_signed_fold_nothing(
    marking: TrailOfNode, start_marking: StartMarking
) -> None:
    await marking.record("1")
    await marking.stop()
    later = start_marking(b"later")
    [file] = mark_files(later)
    stranger = signing_key(b"some other secret of 32 bytes...")

    await later.sign(stranger)
    await later.record("2")
    await later.sign()

    assert file in mark_files(later)


async def test_the_marks_of_a_process_that_lives_are_left_to_it(
    marking: TrailOfNode, start_marking: StartMarking
) -> None:
    await marking.record("1")
    other = start_marking(b"other")

    await other.sign()

    assert len(mark_files(other)) == 2
    await marking.record("2")
    await other.forge("delete from audit_records where seq = 2")
    assert where((await other.check()).findings) == [("end cut", "audit_records", 2)]


async def test_many_chains_take_files_of_bounded_size_that_are_folded(marking: TrailOfNode) -> None:
    for number in range(MOST_CHAINS + 10):
        marking.trail._chains._idle.clear()  # as after a commit in doubt: the chain ends there
        async with marking.trail.act(replace(EVENT, object_ref=str(number))):
            pass

    sizes = [file.stat().st_size for file in mark_files(marking)]
    sound = (await marking.check()).sound
    await marking.sign()

    assert (len(sizes), sound) == (2, True)
    assert max(sizes) <= SLOT_SIZE + MOST_CHAINS * PLACE_SIZE
    assert len(mark_files(marking)) == 1
    assert (await marking.check()).sound
