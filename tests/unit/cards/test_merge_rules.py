"""Two accounts of one person: who may be merged, into which, and the way back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openehc.cards.merge_rules import (
    SEPARABLE_FOR,
    Before,
    Contradiction,
    Evidence,
    Pair,
    contradictions,
    evidence,
    may_be_one,
    merge,
    separate,
)
from openehc.cards.model import CardAccount, CardState, Resident
from openehc.kernel.refusal import Reason, Refusal
from tests.support.residents import PASSPORT, account, bound, resident

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def double_of(person: Resident, **changes: Any) -> Resident:
    """The same person with a passport."""
    passport = {"id_type": PASSPORT, "id_no": "ZZ7654321"}
    return msgspec.structs.replace(person, **{**passport, **changes})


def pair(**changes: Any) -> Pair:
    """An identity card's account and the same person's passport account."""
    person = resident(1)
    return Pair(account(person), account(double_of(person, **changes)))


def merged(both: Pair) -> Pair:
    done = merge(both.survivor, both.merged)
    assert isinstance(done, Pair), done
    return done


def reason(answer: object) -> Reason:
    assert isinstance(answer, Refusal), answer
    return answer.reason


# ---------------------------------------------------------------- one person?


def test_name_birthday_and_phone_speak_for_one_person() -> None:
    person = resident(1)

    assert evidence(person, double_of(person)) == frozenset(Evidence)
    assert evidence(person, double_of(person, birthday="", mobile_phone="1")) == {Evidence.NAME}


def test_what_is_unknown_speaks_for_nothing() -> None:
    nameless = resident(1, birthday="", user_name="", mobile_phone="")

    assert evidence(nameless, nameless) == frozenset()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"user_sex": "2"}, {Contradiction.SEX}),
        ({"user_sex": "9"}, set()),
        ({"birthday": "19000101"}, {Contradiction.BIRTHDAY}),
        ({"birthday": ""}, set()),
        ({"user_name": "别人"}, {Contradiction.NAME}),
        ({"user_name": "JIA Sample"}, set()),
    ],
)
def test_what_contradicts(changes: dict[str, str], found: set[Contradiction]) -> None:
    person = resident(1)  # sex 1

    assert contradictions(person, double_of(person, **changes)) == found


def test_one_agreement_is_not_enough() -> None:
    person = resident(1)

    assert not may_be_one(person, double_of(person, birthday="", mobile_phone="19900000000"))
    assert may_be_one(person, double_of(person, birthday=""))
    assert may_be_one(person, double_of(person, user_name="JIA Sample"))


def test_two_identity_numbers_need_every_agreement() -> None:
    person = resident(1)
    corrected = msgspec.structs.replace(person, id_no=resident(2).id_no)

    assert may_be_one(person, corrected)
    assert not may_be_one(person, msgspec.structs.replace(corrected, mobile_phone="19900000000"))


def test_twins_are_two_people() -> None:
    first = resident(1, id_type="06", id_no="A1", user_name="甲样本")
    second = msgspec.structs.replace(first, id_no="A2", user_name="甲示例")

    assert not may_be_one(first, second)


fields = st.fixed_dictionaries(
    {
        "user_name": st.sampled_from(["甲样本", "乙示例"]),
        "user_sex": st.sampled_from(["1", "2", "9"]),
        "birthday": st.sampled_from(["", "19900101", "19910101"]),
        "mobile_phone": st.sampled_from(["19900000001", "19900000002"]),
        "id_type": st.sampled_from(["01", PASSPORT]),
    }
)


@given(one=fields, other=fields)
def test_whether_two_are_one_does_not_depend_on_the_order(
    one: dict[str, str], other: dict[str, str]
) -> None:
    left, right = resident(1, **one), resident(2, **other)

    assert may_be_one(left, right) == may_be_one(right, left)


# ---------------------------------------------------------------- merging


def test_the_merged_account_ends_and_points_at_the_survivor() -> None:
    done = merged(pair())

    assert (done.merged.state, done.merged.merged_into) == (CardState.CLOSED, done.survivor.ehcid)
    assert (done.survivor.state, done.survivor.merged_into) == (CardState.ACTIVE, None)


def test_cards_and_tags_move_and_the_survivors_own_stay_first() -> None:
    both = pair(cards=(bound("B-1", default="Y"), bound("A-1")), tags=("慢病", "帮扶"))
    own = msgspec.structs.replace(
        both.survivor.resident, cards=(bound("A-1", default="Y"),), tags=("帮扶",)
    )

    done = merged(Pair(replace(both.survivor, resident=own), both.merged))

    cards = [(card.card_no, card.is_default) for card in done.survivor.resident.cards]
    assert cards == [("A-1", True), ("B-1", False)]
    assert done.survivor.resident.tags == ("帮扶", "慢病")
    assert (done.merged.resident.cards, done.merged.resident.tags) == ((), ())


def test_name_document_and_phone_of_the_survivor_stay() -> None:
    both = pair(mobile_phone="19900000009", address="示例路1号")

    kept = merged(both).survivor.resident

    assert (kept.mobile_phone, kept.address) == (both.survivor.resident.mobile_phone, "")


def test_the_account_of_the_identity_card_is_never_given_up() -> None:
    both = pair()

    assert reason(merge(both.merged, both.survivor)) is Reason.STATE_FORBIDS


@pytest.mark.parametrize(
    ("which", "changes", "why"),
    [
        ("survivor", {"blacklisted": True}, Reason.CARD_BLACKLISTED),
        ("survivor", {"state": CardState.PREPARED}, Reason.CARD_NOT_ACTIVE),
        ("survivor", {"state": CardState.CLOSED}, Reason.CARD_CLOSED),
        ("survivor", {"state": CardState.CLOSED, "merged_into": b"x" * 32}, Reason.CARD_MERGED),
        ("merged", {"blacklisted": True}, Reason.CARD_BLACKLISTED),
        ("merged", {"state": CardState.CLOSED}, Reason.CARD_CLOSED),
        ("merged", {"state": CardState.CLOSED, "merged_into": b"x" * 32}, Reason.CARD_MERGED),
    ],
)
def test_who_does_not_stand_well_is_not_merged(
    which: str, changes: dict[str, Any], why: Reason
) -> None:
    both = pair()
    spoilt = replace(both, **{which: replace(getattr(both, which), **changes)})

    assert reason(merge(spoilt.survivor, spoilt.merged)) is why


def test_an_account_is_not_merged_into_itself() -> None:
    one = account(resident(1))

    assert reason(merge(one, one)) is Reason.STATE_FORBIDS


def test_two_persons_are_not_merged() -> None:
    one, other = account(resident(1)), account(resident(2))

    assert reason(merge(one, other)) is Reason.STATE_FORBIDS


def test_more_cards_than_an_account_may_have_are_not_brought_together() -> None:
    both = pair(cards=tuple(bound(f"B-{number}") for number in range(11)))
    own = tuple(bound(f"A-{number}") for number in range(10))
    full = replace(
        both.survivor, resident=msgspec.structs.replace(both.survivor.resident, cards=own)
    )

    assert reason(merge(full, both.merged)) is Reason.STATE_FORBIDS


# ---------------------------------------------------------------- the way back


numbers = st.lists(st.sampled_from("ABCDEF"), unique=True, max_size=5)
tags = st.lists(st.sampled_from("甲乙丙丁"), unique=True, max_size=4)


@given(own=numbers, others=numbers, own_tags=tags, other_tags=tags)
def test_taking_apart_gives_back_what_was(
    own: list[str], others: list[str], own_tags: list[str], other_tags: list[str]
) -> None:
    both = pair(cards=_cards(others), tags=tuple(other_tags))
    kept = msgspec.structs.replace(both.survivor.resident, cards=_cards(own), tags=tuple(own_tags))
    before = Pair(replace(both.survivor, resident=kept), both.merged)

    apart = _apart(before, merged(before))

    assert isinstance(apart, Pair)
    assert apart.survivor.resident == before.survivor.resident
    assert apart.merged.resident == before.merged.resident
    assert (apart.merged.state, apart.merged.merged_into) == (CardState.ACTIVE, None)


def test_a_card_that_was_unbound_since_does_not_come_back() -> None:
    before = pair(cards=(bound("B-1"), bound("B-2")))
    together = merged(before)
    fewer = msgspec.structs.replace(
        together.survivor.resident, cards=together.survivor.resident.cards[:1]
    )

    apart = _apart(before, replace(together, survivor=replace(together.survivor, resident=fewer)))

    assert isinstance(apart, Pair)
    assert [card.card_no for card in apart.merged.resident.cards] == ["B-1"]
    assert apart.survivor.resident.cards == ()


def test_after_thirty_days_a_merge_stays() -> None:
    before = pair()

    assert isinstance(_apart(before, merged(before), after=SEPARABLE_FOR), Pair)
    late = _apart(before, merged(before), after=SEPARABLE_FOR + timedelta(seconds=1))
    assert reason(late) is Reason.STATE_FORBIDS


def test_the_later_merge_is_taken_apart_first() -> None:
    before = pair()
    together = merged(before)
    gone = replace(together.survivor, state=CardState.CLOSED, merged_into=b"y" * 32)

    assert reason(_apart(before, replace(together, survivor=gone))) is Reason.STATE_FORBIDS


def test_what_was_not_merged_cannot_be_taken_apart() -> None:
    one: CardAccount = account(resident(1))

    assert reason(separate(one, one, before=None, now=NOW)) is Reason.STATE_FORBIDS


def _cards(numbers: list[str]) -> Any:
    return tuple(
        bound(number, default="Y" if place == 0 else "N") for place, number in enumerate(numbers)
    )


def _apart(before: Pair, together: Pair, *, after: timedelta = timedelta()) -> Pair | Refusal:
    told = Before(NOW, before.survivor.resident, before.merged.resident, before.merged.state)
    return separate(together.survivor, together.merged, before=told, now=NOW + after)
