"""The steps of an account's life, each as a pure function."""

from datetime import UTC, datetime
from typing import Any

import pytest

from openehc.cards.change_card import (
    Step,
    altering,
    binding,
    blacklisting,
    closing,
    replacing,
    restoring,
    unbinding,
)
from openehc.cards.model import CardAccount, CardState
from openehc.kernel.refusal import Reason, Refusal
from tests.support.residents import account, bound, resident

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STEPS: dict[str, Step] = {
    "altering": altering({"address": "示例路1号"}, now=NOW),
    "binding": binding((bound("1"),)),
    "unbinding": unbinding(()),
    "replacing": replacing((bound("1"),)),
    "closing": closing,
    "blacklisting": blacklisting,
}


def done(step: Step, before: CardAccount) -> CardAccount:
    after = step(before)
    assert not isinstance(after, Refusal)
    return after


def reason_of(step: Step, before: CardAccount) -> Reason:
    answer = step(before)
    assert isinstance(answer, Refusal)
    return answer.reason


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_step_raises_the_revision_by_one(step: Step) -> None:
    assert done(step, account(revision=7)).revision == 8


@pytest.mark.parametrize("name", ["altering", "binding", "unbinding", "replacing", "closing"])
def test_a_closed_card_takes_no_step(name: str) -> None:
    assert reason_of(STEPS[name], account(state=CardState.CLOSED)) is Reason.CARD_CLOSED


@pytest.mark.parametrize("name", ["altering", "binding", "unbinding", "replacing"])
def test_a_black_listed_card_is_not_changed(name: str) -> None:
    assert reason_of(STEPS[name], account(blacklisted=True)) is Reason.CARD_BLACKLISTED


@pytest.mark.requirement("G1-6.1-4")
def test_altering_puts_new_data_into_place() -> None:
    step = altering({"mobile_phone": "19911112222"}, now=NOW)

    assert done(step, account()).resident == resident(mobile_phone="19911112222")


def test_altering_to_a_contradicting_birthday_is_refused() -> None:
    step = altering({"birthday": "19000101"}, now=NOW)

    assert reason_of(step, account()) is Reason.IDENTITY_WRONG


@pytest.mark.parametrize("name", ["user_name", "id_no", "id_type", "cards"])
def test_name_and_document_cannot_be_altered(name: str) -> None:
    values: dict[str, Any] = {name: "x"}

    with pytest.raises(ValueError, match="may not change"):
        altering(values, now=NOW)


def test_binding_too_many_cards_is_refused() -> None:
    step = binding(tuple(bound(str(number)) for number in range(21)))

    assert reason_of(step, account()) is Reason.FIELDS_WRONG


def test_replacing_leaves_exactly_the_new_cards() -> None:
    before = account(resident(cards=(bound("1", default="Y"),)))

    assert done(replacing((bound("2"),)), before).resident.cards == (bound("2", default="Y"),)


@pytest.mark.requirement("G1-6.1-4")
def test_closing_ends_the_account() -> None:
    assert done(closing, account()).state is CardState.CLOSED


def test_closing_keeps_the_card_id() -> None:
    assert done(closing, account()).ehcid == account().ehcid


def test_a_black_listed_card_may_still_be_closed() -> None:
    assert done(closing, account(blacklisted=True)).state is CardState.CLOSED


@pytest.mark.requirement("G1-6.1-4")
def test_black_listing_marks_the_account() -> None:
    assert done(blacklisting, account()).blacklisted


def test_black_listing_twice_is_refused() -> None:
    assert reason_of(blacklisting, account(blacklisted=True)) is Reason.CARD_BLACKLISTED


def test_restoring_takes_the_mark_away() -> None:
    assert not done(restoring, account(blacklisted=True)).blacklisted


def test_restoring_what_is_not_listed_is_refused() -> None:
    assert reason_of(restoring, account()) is Reason.CARD_UNKNOWN
