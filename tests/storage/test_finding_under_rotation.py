"""Residents are found at every stage of an index rotation, and merges survive it."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from openehc.audit.model import Actor, ActorKind
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore
from openehc.cards.merge_accounts import MergeAccounts, SeparateAccounts
from openehc.cards.model import CardAccount, Change
from openehc.cards.sight import By, Question
from openehc.crypto.node_keys import with_new_sealing_key
from openehc.kernel.clock import SetClock
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.residents import RingIndexKeys
from openehc.wiring.rotation_worker import Kind
from tests.support.key_rotation import (
    Keyed,
    Worker,
    changed,
    filled,
    person,
    two_index_keys,
)
from tests.support.residents import PASSPORT, account, bound
from tests.support.stores import AT

ASKER = Actor(ActorKind.USER, "asker")
STAGES = ("spread", "rewrite", "narrow")


def desk_of(keyed: Keyed, worker: Worker) -> DeskStore:
    return DeskStore(keyed.database, worker.cards, RingIndexKeys(worker.ring))


def questions(one: CardAccount) -> dict[By, Question]:
    who = one.resident
    return {
        By.DOCUMENT: Question(By.DOCUMENT, who.id_no, who.id_type),
        By.PHONE: Question(By.PHONE, who.mobile_phone),
        By.NAME: Question(By.NAME, who.user_name),
        By.CARD: Question(By.CARD, who.cards[0].card_no, who.cards[0].card_type),
    }


async def ways_to(desk: DeskStore, one: CardAccount) -> set[By]:
    """By what this person is found."""
    return {
        by
        for by, question in questions(one).items()
        if one.ehcid in {found.ehcid for found in await desk.found(question, most=50)}
    }


@pytest.mark.parametrize("stage", STAGES[:2])
@pytest.mark.parametrize("written_at", STAGES[:2])
async def test_a_resident_is_found_whatever_stage_wrote_it(
    keyed: Keyed, written_at: str, stage: str
) -> None:
    await two_index_keys(keyed)
    writer, reader = await keyed.worker(), await keyed.worker()
    one = person(1)
    await keyed.set_stage("blind-index", written_at)
    await writer.ring.renew()
    await writer.open(one)

    await keyed.set_stage("blind-index", stage)
    await reader.ring.renew()

    assert await ways_to(desk_of(keyed, reader), one) == set(By) - {By.CODE, By.CARD_ID}


async def test_residents_are_found_all_the_way_through_a_rotation(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await worker.follow()
    made = await filled(worker, 12)
    desk, everything = desk_of(keyed, worker), set(By) - {By.CODE, By.CARD_ID}

    await two_index_keys(keyed)
    rotation = asyncio.create_task(keyed.rotation(rows=2, pause=0.02).rotate(Kind.BLIND_INDEX))
    while not rotation.done():
        for one in made[::4]:
            assert await ways_to(desk, one) == everything
        await asyncio.sleep(0)
    await rotation

    for one in made:
        assert await ways_to(desk, one) == everything


async def test_a_merge_is_followed_and_taken_apart_after_both_keys_were_rotated(
    keyed: Keyed,
) -> None:
    worker = await keyed.worker()
    await worker.follow()
    kept = person(1)
    passport = msgspec.structs.replace(
        kept.resident, id_type=PASSPORT, id_no="ZZ1234567", cards=(bound("B-1", default="Y"),)
    )
    gone = account(passport)
    await worker.open(kept)
    await worker.open(gone)
    trail, entropy, clock = (
        AuditTrail(keyed.database, SystemEntropy()),
        SystemEntropy(),
        SetClock(AT),
    )
    wish = {"survivor": kept.ehealth_card_id, "merged": gone.ehealth_card_id, "reason": "同一居民"}
    merge = MergeAccounts(worker.cards, trail, entropy, clock)
    separate = SeparateAccounts(worker.cards, desk_of(keyed, worker), trail, entropy, clock)
    assert await merge(wish, ASKER, ASKER) is None

    await two_index_keys(keyed)
    await keyed.rotation(rows=1).rotate(Kind.BLIND_INDEX)
    await keyed.key_file.changed(lambda keys: with_new_sealing_key(keys, b"3" * 16))
    await keyed.rotation(rows=1).rotate(Kind.SEALING)

    found = await worker.cards.by_document(id_type=PASSPORT, id_no="ZZ1234567")
    assert found
    assert (found.ehcid, found.merged_into) == (gone.ehcid, kept.ehcid)
    assert await separate(wish, ASKER, ASKER) is None
    back = await worker.cards.by_ehcid(gone.ehcid)
    assert back
    assert back.resident == gone.resident
    assert await ways_to(desk_of(keyed, worker), back) == set(By) - {By.CODE, By.CARD_ID}


async def test_a_change_at_the_desk_holds_up_a_change_of_keys(keyed: Keyed) -> None:
    worker = await keyed.worker()
    one = person(1)
    await worker.open(one)

    async with worker.cards.writing():
        passing = asyncio.create_task(worker.ring.gate.pass_on())
        await asyncio.sleep(0.05)
        assert not passing.done()

    await asyncio.wait_for(passing, 60)
    assert await changed(worker, one, Change.ALTERED) == replace(one, revision=2)
