"""Accounts in the database: what is saved together, who was first, and what stays sealed."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from openehc.access.serials import Claim
from openehc.cards.model import CardAccount, CardState, Change
from openehc.cards.store import Saved, Written
from openehc.crypto.sm4 import SealBroken
from tests.support.residents import account, bound, resident
from tests.support.stores import Stores, serial

DONE = Written(Claim.USED, Saved.DONE)


def _changed(before: CardAccount, **fields: object) -> CardAccount:
    person = msgspec.structs.replace(before.resident, **fields)
    return replace(before, resident=person, revision=before.revision + 1)


async def test_an_opened_account_is_found_by_its_document(stores: Stores) -> None:
    made = account(resident(1))
    await stores.open(made)

    person = made.resident
    assert await stores.cards.by_document(id_type=person.id_type, id_no=person.id_no) == made


async def test_an_opened_account_is_found_by_its_card_id(stores: Stores) -> None:
    made = account(resident(2))
    await stores.open(made)

    assert await stores.cards.by_ehcid(made.ehcid) == made


async def test_the_same_number_on_another_document_is_nobody(stores: Stores) -> None:
    made = account(resident(3))
    await stores.open(made)

    assert await stores.cards.by_document(id_type="02", id_no=made.resident.id_no) is None


async def test_the_second_account_for_a_document_is_overtaken(stores: Stores) -> None:
    first = account(resident(4))
    await stores.open(first)
    second = replace(first, ehcid=b"x" * 32)

    written = await stores.open(second)

    assert written.saved is Saved.OVERTAKEN
    assert await stores.cards.by_ehcid(second.ehcid) is None


async def test_an_overtaken_account_leaves_no_history_and_no_fact(stores: Stores) -> None:
    first = account(resident(5))
    await stores.open(first)

    await stores.open(replace(first, ehcid=b"x" * 32))

    assert [await stores.count(name) for name in ("card_history", "usage_facts")] == [1, 1]


async def test_a_used_number_opens_no_account(stores: Stores) -> None:
    await stores.open(account(resident(6)), serial=serial("n"))
    late = account(resident(7))

    written = await stores.open(late, serial=serial("n"))

    assert written.claim is Claim.REPEATED
    assert await stores.cards.by_ehcid(late.ehcid) is None


async def test_a_number_that_another_process_works_on_opens_no_account(stores: Stores) -> None:
    made, key = account(resident(18)), serial("busy")

    async with stores.database.transaction() as other:
        await other.fetch("select pg_advisory_xact_lock($1)", key.lock)
        written = await stores.open(made, serial=key)

    assert written.claim is Claim.IN_FLIGHT
    assert await stores.cards.by_ehcid(made.ehcid) is None


async def test_of_many_accounts_opened_at_once_for_one_document_one_is_saved(
    stores: Stores,
) -> None:
    first = account(resident(8))
    made = [replace(first, ehcid=bytes([number]) * 32) for number in range(1, 9)]

    written = await asyncio.gather(*[stores.open(each) for each in made])

    assert sum(each == DONE for each in written) == 1


async def test_a_photo_and_links_are_saved_with_the_account(stores: Stores) -> None:
    cards = (bound("A-1", default="Y"), bound("A-2"))
    made = account(resident(9, cards=cards))

    await stores.open(made, photo=b"a photo")

    assert [await stores.count(name) for name in ("card_links", "card_photos")] == [2, 1]


async def test_a_change_made_on_an_old_state_is_overtaken(stores: Stores) -> None:
    first = account(resident(10))
    await stores.open(first)
    await stores.change(first, _changed(first, mobile_phone="19900000001"))

    written = await stores.change(first, _changed(first, mobile_phone="19900000002"))

    now = await stores.cards.by_ehcid(first.ehcid)
    assert written.saved is Saved.OVERTAKEN
    assert now
    assert now.resident.mobile_phone == "19900000001"


async def test_an_overtaken_change_leaves_its_number_free(stores: Stores) -> None:
    first = account(resident(11))
    await stores.open(first)
    second = _changed(first, mobile_phone="19900000001")
    await stores.change(first, second)
    await stores.change(first, _changed(first, address="x"), serial=serial("m"))

    again = await stores.change(second, _changed(second, address="x"), serial=serial("m"))

    assert again == DONE


async def test_a_change_replaces_the_links(stores: Stores) -> None:
    first = account(resident(12, cards=(bound("A-1"), bound("A-2"))))
    await stores.open(first)

    await stores.change(first, _changed(first, cards=(bound("B-1"),)), Change.RELINKED)

    assert await stores.count("card_links") == 1


async def test_a_profile_moved_to_another_card_does_not_open(stores: Stores) -> None:
    mine, other = account(resident(13)), account(resident(14))
    await stores.open(mine)
    await stores.open(other)
    await stores.database.execute(
        "update cards set sealed_profile = (select sealed_profile from cards where ehcid = $1)"
        " where ehcid = $2",
        other.ehcid, mine.ehcid,
    )  # fmt: skip

    with pytest.raises(SealBroken):
        await stores.cards.by_ehcid(mine.ehcid)


async def test_a_profile_with_one_changed_bit_does_not_open(stores: Stores) -> None:
    made = account(resident(15))
    await stores.open(made)
    await stores.database.execute(
        "update cards set sealed_profile = set_bit(sealed_profile, 200,"
        " 1 - get_bit(sealed_profile, 200))"
    )

    with pytest.raises(SealBroken):
        await stores.cards.by_ehcid(made.ehcid)


async def test_the_document_of_a_living_card_is_not_released(stores: Stores) -> None:
    made = account(resident(16))
    await stores.open(made)

    await stores.cards.release_document(made)

    assert await stores.count("card_documents") == 1


async def test_the_document_of_a_closed_card_is_released(stores: Stores) -> None:
    made = account(resident(17))
    await stores.open(made)
    closed = replace(made, state=CardState.CLOSED, revision=2)
    await stores.change(made, closed, Change.CLOSED)

    await stores.cards.release_document(closed)

    assert await stores.count("card_documents") == 0
