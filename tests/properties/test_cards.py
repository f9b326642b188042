"""Bound cards and the life of an account, whatever happens to them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
from openehc.cards.model import BoundCard, CardAccount, CardState
from openehc.cards.rules import (
    MOST_CARDS,
    Registration,
    judge_registration,
    judge_standing,
    one_default,
    with_cards_bound,
    with_cards_unbound,
)
from openehc.kernel.refusal import Refusal
from tests.support.residents import account, applicant, resident

CARDS = st.builds(
    BoundCard,
    st.sampled_from(["01", "02"]),
    st.integers(0, 15).map(str),
    st.just("20260101080000"),
    st.booleans(),
)
LISTS = st.lists(CARDS, max_size=12, unique_by=lambda card: (card.card_type, card.card_no)).map(
    tuple
)
STEPS = st.one_of(
    LISTS.map(binding),
    LISTS.map(unbinding),
    LISTS.map(replacing),
    st.just(altering({"address": "示例路1号"}, now=datetime(2026, 3, 1, tzinfo=UTC))),
    st.sampled_from([closing, blacklisting, restoring]),
)
ACCOUNTS = st.builds(
    lambda state, blacklisted, name: account(
        resident(user_name=name), state=state, blacklisted=blacklisted
    ),
    st.sampled_from(CardState),
    st.booleans(),
    st.sampled_from(["甲样本", "乙示例"]),
)


def defaults(cards: tuple[BoundCard, ...]) -> int:
    return sum(card.is_default for card in cards)


def keys(cards: tuple[BoundCard, ...]) -> list[tuple[str, str]]:
    return [(card.card_type, card.card_no) for card in cards]


@given(LISTS)
def test_exactly_one_card_is_the_default(cards: tuple[BoundCard, ...]) -> None:
    assert defaults(one_default(cards)) == bool(cards)


@given(LISTS)
def test_choosing_the_default_keeps_the_cards(cards: tuple[BoundCard, ...]) -> None:
    assert keys(one_default(cards)) == keys(cards)


@given(LISTS)
def test_choosing_the_default_twice_changes_nothing(cards: tuple[BoundCard, ...]) -> None:
    once = one_default(cards)

    assert one_default(once) == once


@given(LISTS, LISTS)
def test_binding_keeps_every_card_once(
    held: tuple[BoundCard, ...], added: tuple[BoundCard, ...]
) -> None:
    cards = with_cards_bound(held, added)
    wanted = {*keys(held), *keys(added)}

    if isinstance(cards, Refusal):
        assert len(wanted) > MOST_CARDS
    else:
        assert sorted(keys(cards)) == sorted(wanted)
        assert defaults(cards) == bool(wanted)


@given(LISTS, LISTS)
def test_unbinding_takes_away_what_was_bound(
    held: tuple[BoundCard, ...], added: tuple[BoundCard, ...]
) -> None:
    new = tuple(card for card in added if (card.card_type, card.card_no) not in keys(held))
    cards = with_cards_bound(held, new)

    if not isinstance(cards, Refusal):
        left = with_cards_unbound(cards, new)
        assert not isinstance(left, Refusal)
        assert keys(left) == keys(held)


@given(st.lists(STEPS, max_size=15))
def test_an_account_keeps_its_rules_through_its_whole_life(steps: list[Step]) -> None:
    now = account()
    for step in steps:
        after = step(now)
        if isinstance(after, Refusal):
            continue
        assert after.revision == now.revision + 1
        assert after.ehcid == now.ehcid
        assert not (now.state is CardState.CLOSED and after.state is not CardState.CLOSED)
        cards = after.resident.cards
        assert defaults(cards) == bool(cards)
        now = after


@given(ACCOUNTS, st.sampled_from(["3", "4"]))
def test_a_living_card_is_never_taken_over(found: CardAccount, apply_method: str) -> None:
    asking = applicant(resident(user_name="甲样本"), apply_method=apply_method)
    decision = judge_registration(found, asking)

    if decision is Registration.REPLACE or found.resident.user_name != "甲样本":
        assert isinstance(decision, Refusal) or found.state is CardState.CLOSED


@given(ACCOUNTS)
def test_a_black_listed_card_gains_nothing(found: CardAccount) -> None:
    listed = replace(found, blacklisted=True)

    assert isinstance(judge_registration(listed, applicant(resident())), Refusal)
    assert isinstance(judge_standing(listed), Refusal)
