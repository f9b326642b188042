"""Registration, standing and bound cards: what is decided over an account."""

import pytest
from msgspec.structs import replace

from openehc.cards.model import BoundCard, CardState
from openehc.cards.rules import (
    MOST_CARDS,
    Registration,
    changed_fields,
    judge_change,
    judge_registration,
    judge_standing,
    one_default,
    with_cards_bound,
    with_cards_unbound,
)
from openehc.kernel.refusal import Reason, Refusal
from tests.support.residents import account, applicant, bound, resident

PERSON = resident()
RENAMED = resident(user_name="丙改名")
ASKING = applicant(PERSON)
IN_BULK = applicant(PERSON, apply_method="4")


def test_somebody_unknown_gets_a_new_account() -> None:
    assert judge_registration(None, ASKING) is Registration.CREATE


@pytest.mark.requirement("G1-5.2.1-2")
def test_somebody_with_a_card_gets_it_back() -> None:
    assert judge_registration(account(PERSON), ASKING) is Registration.RETURN


def test_the_owner_of_a_prepared_card_activates_it() -> None:
    found = account(PERSON, state=CardState.PREPARED)

    assert judge_registration(found, ASKING) is Registration.ACTIVATE


def test_preparing_a_prepared_card_again_changes_nothing() -> None:
    found = account(PERSON, state=CardState.PREPARED)

    assert judge_registration(found, IN_BULK) is Registration.RETURN


def test_a_closed_card_opens_again_for_its_owner() -> None:
    found = account(PERSON, state=CardState.CLOSED)

    assert judge_registration(found, ASKING) is Registration.REOPEN


def test_a_closed_card_under_another_name_gives_way() -> None:
    found = account(RENAMED, state=CardState.CLOSED)

    assert judge_registration(found, ASKING) is Registration.REPLACE


@pytest.mark.parametrize("state", [CardState.ACTIVE, CardState.PREPARED])
def test_a_living_card_is_never_overwritten_by_another_name(state: CardState) -> None:
    decision = judge_registration(account(RENAMED, state=state), ASKING)

    assert decision == Refusal(Reason.NAME_CONFLICT)


@pytest.mark.requirement("G1-6.1-4")
@pytest.mark.parametrize("state", CardState)
@pytest.mark.parametrize("name", ["same", "other"])
def test_a_black_listed_document_registers_nothing(state: CardState, name: str) -> None:
    holder = PERSON if name == "same" else RENAMED
    found = account(holder, state=state, blacklisted=True)

    assert judge_registration(found, ASKING) == Refusal(Reason.CARD_BLACKLISTED)


def test_an_active_card_may_be_used() -> None:
    assert judge_standing(account()) is None


@pytest.mark.parametrize(
    ("state", "reason"),
    [(CardState.CLOSED, Reason.CARD_CLOSED), (CardState.PREPARED, Reason.CARD_NOT_ACTIVE)],
)
def test_a_card_that_is_not_active_may_not_be_used(state: CardState, reason: Reason) -> None:
    assert judge_standing(account(state=state)) == Refusal(reason)


@pytest.mark.requirement("G1-6.1-4")
@pytest.mark.parametrize("state", CardState)
def test_a_black_listed_card_may_not_be_used(state: CardState) -> None:
    found = account(state=state, blacklisted=True)

    assert judge_standing(found) == Refusal(Reason.CARD_BLACKLISTED)


@pytest.mark.parametrize("state", [CardState.ACTIVE, CardState.PREPARED])
def test_a_living_card_may_be_changed(state: CardState) -> None:
    assert judge_change(account(state=state)) is None


def test_a_closed_card_may_not_be_changed() -> None:
    assert judge_change(account(state=CardState.CLOSED)) == Refusal(Reason.CARD_CLOSED)


def test_a_black_listed_card_may_not_be_changed() -> None:
    assert judge_change(account(blacklisted=True)) == Refusal(Reason.CARD_BLACKLISTED)


def test_no_card_may_not_be_changed() -> None:
    assert judge_change(None) == Refusal(Reason.CARD_UNKNOWN)


def numbers(cards: tuple[BoundCard, ...] | Refusal) -> list[str]:
    assert not isinstance(cards, Refusal)
    return [card.card_no for card in cards]


def default_of(cards: tuple[BoundCard, ...] | Refusal) -> list[str]:
    assert not isinstance(cards, Refusal)
    return [card.card_no for card in cards if card.is_default]


def test_the_first_card_is_the_default_when_none_claims_it() -> None:
    assert default_of(one_default((bound("1"), bound("2")))) == ["1"]


def test_the_last_claim_of_the_default_wins() -> None:
    cards = (bound("1", default="Y"), bound("2", default="Y"), bound("3"))

    assert default_of(one_default(cards)) == ["2"]


def test_no_cards_have_no_default() -> None:
    assert one_default(()) == ()


def test_binding_adds_to_the_cards_that_are_held() -> None:
    assert numbers(with_cards_bound((bound("1"),), (bound("2"),))) == ["1", "2"]


def test_binding_leaves_the_default_where_it_was() -> None:
    held = (bound("1"), bound("2", default="Y"))

    assert default_of(with_cards_bound(held, (bound("3"),))) == ["2"]


def test_a_new_card_may_become_the_default() -> None:
    held = (bound("1", default="Y"),)

    assert default_of(with_cards_bound(held, (bound("2", default="Y"),))) == ["2"]


@pytest.mark.requirement("G1-6.1-5")
def test_a_card_bound_again_keeps_its_first_binding_time() -> None:
    again = BoundCard("01", "1", "20300101080000")

    assert with_cards_bound((bound("1"),), (again,)) == (bound("1", default="Y"),)


def test_the_same_number_of_another_kind_is_another_card() -> None:
    assert numbers(with_cards_bound((bound("1"),), (bound("1", card_type="02"),))) == ["1", "1"]


def test_as_many_cards_as_allowed_are_bound() -> None:
    cards = tuple(bound(str(number)) for number in range(MOST_CARDS))

    assert len(numbers(with_cards_bound(cards[:10], cards[10:]))) == MOST_CARDS


def test_one_card_more_is_refused() -> None:
    cards = tuple(bound(str(number)) for number in range(MOST_CARDS + 1))

    refusal = with_cards_bound(cards[:10], cards[10:])

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.FIELDS_WRONG


def test_unbinding_leaves_the_others() -> None:
    assert numbers(with_cards_unbound((bound("1"), bound("2")), (bound("1"),))) == ["2"]


def test_another_card_becomes_the_default_when_it_is_unbound() -> None:
    held = (bound("1"), bound("2", default="Y"), bound("3"))

    assert default_of(with_cards_unbound(held, (bound("2"),))) == ["1"]


def test_a_card_that_is_not_bound_cannot_be_unbound() -> None:
    refusal = with_cards_unbound((bound("1"),), (bound("1"), bound("2")))

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CARD_UNKNOWN


def test_the_hospital_goes_on_with_the_default_card() -> None:
    person = resident(cards=(bound("1"), bound("2", default="Y")))

    assert person.default_card == bound("2", default="Y")


def test_changed_fields_are_named() -> None:
    after = resident(mobile_phone="19911112222", address="示例路1号")

    assert set(changed_fields(PERSON, after)) == {"mobile_phone", "address"}


def test_the_card_id_is_printed_as_64_upper_hex_characters() -> None:
    assert replace(account(), ehcid=bytes(31) + b"\xab").ehealth_card_id == "00" * 31 + "AB"
