"""From the fields of a registration to an applicant."""

import base64
from typing import Any

import pytest

from openehc.cards.model import Applicant
from openehc.gateway.applicants import REQUIRED, applicant_of, bound_cards_of
from openehc.kernel.refusal import Reason, Refusal
from openehc.spec import load
from tests.support.residents import RARE_NAMES, foreigner, registration_fields, resident
from tests.support.signed_requests import NOW

PERSON = resident(19)
TABLE = load().methods["ehc.ehealthcard.register"]


async def applied(**changes: Any) -> Applicant | Refusal:
    fields = registration_fields(PERSON, serial="R1", **changes)
    checked = TABLE.check(fields)
    assert checked.faults == ()
    return await applicant_of(checked.values, now=NOW)


async def accepted(**changes: Any) -> Applicant:
    made = await applied(**changes)
    assert not isinstance(made, Refusal)
    return made


async def refused(**changes: Any) -> Refusal:
    made = await applied(**changes)
    assert isinstance(made, Refusal)
    return made


async def test_the_applicant_is_who_was_sent() -> None:
    assert (await accepted()).resident == PERSON


async def test_the_birthday_is_taken_from_an_identity_number() -> None:
    assert (await accepted()).resident.birthday == PERSON.birthday


async def test_a_foreigner_without_a_birthday_has_none() -> None:
    visitor = foreigner()
    made = await accepted(id_type=visitor.id_type, id_no=visitor.id_no, user_name=visitor.user_name)

    assert made.resident.birthday == ""


async def test_name_and_number_are_kept_in_their_normal_form() -> None:
    made = await accepted(user_name="阿依•样 本", id_no=f" {PERSON.id_no.lower()}")

    assert (made.resident.user_name, made.resident.id_no) == ("阿依·样本", PERSON.id_no)


async def test_a_name_is_also_kept_as_it_was_typed() -> None:
    assert (await accepted(user_name="阿依•样本")).resident.name_as_typed == "阿依•样本"


async def test_a_name_in_normal_form_is_kept_once() -> None:
    assert (await accepted()).resident.name_as_typed == ""


@pytest.mark.parametrize("name", [*RARE_NAMES, "甲😀样本"])
async def test_a_rare_name_is_registered_as_it_is(name: str) -> None:
    assert (await accepted(user_name=name)).resident.user_name == name


@pytest.mark.parametrize("name", ["", " ", "　", "甲\x00样本", "甲\u200b样本", "甲\n样本"])
def test_a_name_without_signs_or_with_unseen_ones_is_no_name(name: str) -> None:
    fields = registration_fields(PERSON, serial="R1", user_name=name)

    assert [fault.field for fault in TABLE.check(fields).faults] == ["user_name"]


async def test_a_wrong_check_digit_is_refused() -> None:
    wrong = PERSON.id_no[:-1] + ("0" if PERSON.id_no[-1] != "0" else "1")

    assert (await refused(id_no=wrong)).reason is Reason.IDENTITY_WRONG


async def test_all_contradictions_are_told_at_once() -> None:
    refusal = await refused(birthday="19000101", user_sex="2" if PERSON.user_sex == "1" else "1")

    assert "birthday" in refusal.detail
    assert "user_sex" in refusal.detail


async def test_a_refusal_repeats_nothing_of_the_person() -> None:
    refusal = await refused(birthday="19000101")

    personal = (PERSON.id_no, PERSON.user_name, "19000101")
    assert not [text for text in personal if text in refusal.detail]


async def test_a_photo_that_is_none_is_refused() -> None:
    text = base64.b64encode(b"no picture").decode()

    assert "photo_info" in (await refused(photo_info=text)).detail


async def test_the_same_card_twice_is_bound_once() -> None:
    cards = [{"card_type": "01", "card_no": "1"}, {"card_type": "01", "card_no": "1"}]

    assert len(bound_cards_of(cards, now=NOW)) == 1


@pytest.mark.requirement("G1-6.1-5")
async def test_a_card_is_bound_at_the_time_of_the_request() -> None:
    cards = [{"card_type": "01", "card_no": "1"}]
    (card,) = (await accepted(card_list=cards)).resident.cards

    assert (card.card_type, card.card_no, card.bound_at) == ("01", "1", "20260301083000")


async def test_one_of_several_cards_is_the_default() -> None:
    cards = [{"card_type": "01", "card_no": "1"}, {"card_type": "01", "card_no": "2"}]
    made = await accepted(card_list=cards)

    assert [card.is_default for card in made.resident.cards] == [True, False]


async def test_preparing_in_bulk_is_told_apart() -> None:
    assert (await accepted(apply_method="4")).prepares


def test_the_registration_set_is_what_the_table_requires() -> None:
    assert set(REQUIRED) == {row.name for row in TABLE.request if row.required}
