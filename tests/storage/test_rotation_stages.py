"""Each stage of a rotation, as a worker lives through it beside workers a stage apart."""

import asyncio
from itertools import pairwise

import pytest
from msgspec.structs import replace

from openehc.cards.model import CardState, Change
from openehc.cards.store import Saved
from openehc.wiring.rotation_worker import (
    Gate,
    KeysLacking,
    KeyState,
    VersionsInUse,
    versions_in_use,
)
from tests.support.key_rotation import Keyed, changed, person, two_index_keys

STAGES = ("", "spread", "rewrite", "narrow")


@pytest.mark.parametrize(("behind", "ahead"), list(pairwise(STAGES)))
async def test_workers_a_stage_apart_open_one_account_for_one_document(
    keyed: Keyed, behind: str, ahead: str
) -> None:
    await two_index_keys(keyed)
    if behind:
        await keyed.set_stage("blind-index", behind)
    slow = await keyed.worker()
    await keyed.set_stage("blind-index", ahead)
    quick = await keyed.worker()

    for seed in range(1, 9):
        first, second = person(seed), person(seed, user_name=f"冒名{seed}")
        done = await asyncio.gather(slow.open(first), quick.open(second))
        assert sorted(written.saved is Saved.DONE for written in done) == [False, True]


@pytest.mark.parametrize(("behind", "ahead"), list(pairwise(STAGES)))
async def test_workers_a_stage_apart_find_what_the_other_registered(
    keyed: Keyed, behind: str, ahead: str
) -> None:
    await two_index_keys(keyed)
    if behind:
        await keyed.set_stage("blind-index", behind)
    slow = await keyed.worker()
    await keyed.set_stage("blind-index", ahead)
    quick = await keyed.worker()
    await slow.open(person(1))
    await quick.open(person(2))

    seen = [
        await worker.cards.by_document(
            id_type=who.resident.id_type, id_no=who.resident.id_no
        ) is not None
        for worker, who in ((quick, person(1)), (slow, person(2)))
    ]  # fmt: skip

    assert seen == [True, True]


async def test_a_person_who_waits_for_the_rewriting_is_found(keyed: Keyed) -> None:
    await (await keyed.worker()).open(person(1))
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    who = person(1).resident
    found = await worker.cards.by_document(id_type=who.id_type, id_no=who.id_no)

    assert found == person(1)


async def test_a_person_who_waits_for_the_rewriting_is_not_registered_twice(keyed: Keyed) -> None:
    await (await keyed.worker()).open(person(1))
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    again = await worker.open(person(1, user_name="冒名样本"))

    assert again.saved is Saved.OVERTAKEN
    assert await keyed.database.fetchval("select count(*) from cards") == 1


async def test_a_document_freed_during_a_rotation_is_free_under_both_keys(keyed: Keyed) -> None:
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "spread")
    worker = await keyed.worker()
    await worker.open(person(1))
    await keyed.database.execute("update cards set state = 'closed'")

    await worker.cards.release_document(replace(person(1), state=CardState.CLOSED))

    assert await keyed.database.fetchval("select count(*) from card_documents") == 0


async def test_a_card_reopened_during_a_rotation_is_found_under_both_keys(keyed: Keyed) -> None:
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()
    one = person(1)
    await worker.open(one)
    await keyed.database.execute("delete from card_documents")

    await changed(worker, one, Change.REOPENED)

    assert await keyed.database.fetchval("select count(*) from card_documents") == 2


async def test_cards_bound_during_a_rotation_are_found_under_both_keys(keyed: Keyed) -> None:
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    await worker.open(person(1))

    assert await keyed.database.fetchval("select count(*) from card_links") == 2


async def test_a_worker_that_was_silent_asks_before_it_writes(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await two_index_keys(keyed)
    await keyed.set_stage("blind-index", "spread")
    worker.ring.fresh_until = 0.0

    await worker.open(person(1))

    assert await keyed.database.fetchval("select count(*) from card_documents") == 2


async def test_a_worker_without_the_key_writes_nothing(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await keyed.set_stage("blind-index", "spread")
    worker.ring.fresh_until = 0.0

    with pytest.raises(KeysLacking, match="lacks"):
        await worker.open(person(1))


async def test_a_worker_confirms_only_when_its_older_writes_have_ended() -> None:
    gate = Gate()
    turn = gate.enter()
    passing = asyncio.create_task(gate.pass_on())
    await asyncio.sleep(0.05)
    waited = not passing.done()
    gate.leave(gate.enter())
    gate.leave(turn)

    await asyncio.wait_for(passing, 60)

    assert waited


@pytest.mark.parametrize(
    ("kind", "stage", "expected"),
    [
        (None, None, VersionsInUse(3, (5,))),
        ("sealing", "spread", VersionsInUse(1, (5,))),
        ("sealing", "rewrite", VersionsInUse(2, (5,))),
        ("blind-index", "spread", VersionsInUse(3, (1, 2))),
        ("blind-index", "rewrite", VersionsInUse(3, (2, 1))),
        ("blind-index", "narrow", VersionsInUse(3, (2,))),
    ],
)
def test_each_stage_means_certain_versions(
    kind: str | None, stage: str | None, expected: VersionsInUse
) -> None:
    old, new = (1, 2) if kind else (None, None)
    state = KeyState(7, None, 5, kind, old, new, stage)

    assert versions_in_use(state, of_file=3) == expected
