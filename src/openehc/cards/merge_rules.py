"""Two accounts of one person: whether they are, which survives, what it becomes, and the way back.

Pure. The worst mistake here is to join two people: so two of name, birthday and phone must
agree (all three where both hold an identity card), nothing may contradict, a second person
approves (`people`), and for thirty days everything can be taken apart again (docs/decisions,
merging accounts).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final

import msgspec

from openehc.cards.identity import RESIDENT_IDENTITY_CARD, Sex, is_east_asian
from openehc.cards.model import BoundCard, CardAccount, CardState, Resident
from openehc.cards.rules import MOST_CARDS, judge_change, judge_standing, one_default
from openehc.kernel.refusal import Reason, Refusal

SEPARABLE_FOR: Final = timedelta(days=30)
MOST_TAGS: Final = 20
ENOUGH: Final = 2
"""How many of name, birthday and phone have to agree."""

ENOUGH_FOR_TWO_NUMBERS: Final = 3
"""The same for two identity numbers: people of one name and one birthday are many."""


@unique
class Evidence(StrEnum):
    """In what two accounts agree."""

    NAME = "user_name"
    BIRTHDAY = "birthday"
    PHONE = "mobile_phone"


@unique
class Contradiction(StrEnum):
    """In what two accounts cannot be one person's."""

    SEX = "user_sex"
    BIRTHDAY = "birthday"
    NAME = "user_name"


def evidence(one: Resident, other: Resident) -> frozenset[Evidence]:
    """What speaks for one person; what is unknown speaks for nothing."""
    pairs = {
        Evidence.NAME: (one.user_name, other.user_name),
        Evidence.BIRTHDAY: (one.birthday, other.birthday),
        Evidence.PHONE: (one.mobile_phone, other.mobile_phone),
    }
    return frozenset(kind for kind, (left, right) in pairs.items() if left and left == right)


def contradictions(one: Resident, other: Resident) -> frozenset[Contradiction]:
    """What speaks against it.

    Names differ between documents only by script (a passport's is Latin); two names of one
    script are two people's, twins for instance, who share birthday and phone.
    """
    found = set()
    if {one.user_sex, other.user_sex} == {Sex.MALE, Sex.FEMALE}:
        found.add(Contradiction.SEX)
    if one.birthday and other.birthday and one.birthday != other.birthday:
        found.add(Contradiction.BIRTHDAY)
    names = {one.user_name, other.user_name} - {""}
    if len(names) > 1 and len(set(map(is_east_asian, names))) == 1:
        found.add(Contradiction.NAME)
    return frozenset(found)


def may_be_one(one: Resident, other: Resident) -> bool:
    """Whether two residents may be one person."""
    two_numbers = one.id_type == other.id_type == RESIDENT_IDENTITY_CARD
    enough = ENOUGH_FOR_TWO_NUMBERS if two_numbers else ENOUGH
    return len(evidence(one, other)) >= enough and not contradictions(one, other)


def judge_merge(survivor: CardAccount | None, merged: CardAccount | None) -> Refusal | None:
    """Whether `merged` may go into `survivor`.

    An identity card is never given up for another document: codes, visits and the index
    of the nation go by it.
    """
    if survivor is None or merged is None:
        return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
    if survivor.ehcid == merged.ehcid:
        return Refusal(Reason.STATE_FORBIDS, "两个账户是同一个", "both are the same account")
    refusal = judge_standing(survivor) or judge_change(merged)
    if refusal:
        return refusal
    if not may_be_one(survivor.resident, merged.resident):
        return Refusal(
            Reason.STATE_FORBIDS,
            "姓名、出生日期、手机号须至少两项一致（两个身份证号须三项一致），且不得矛盾",
            "two of name, birthday and phone must agree (all three for two identity cards),"
            " and nothing may contradict",
        )
    identity_card = RESIDENT_IDENTITY_CARD
    if merged.resident.id_type == identity_card != survivor.resident.id_type:
        return Refusal(
            Reason.STATE_FORBIDS,
            "应保留以居民身份证注册的账户",
            "the account of the identity card has to survive",
        )
    return None


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Two accounts, as they become together."""

    survivor: CardAccount
    merged: CardAccount


def merge(survivor: CardAccount, merged: CardAccount) -> Pair | Refusal:
    """Both accounts after the merge: cards and tags move, the survivor's own data stay."""
    refusal = judge_merge(survivor, merged)
    if refusal:
        return refusal
    kept, moved = survivor.resident, merged.resident
    cards = _together(kept.cards, moved.cards)
    tags = tuple(dict.fromkeys((*kept.tags, *moved.tags)))
    if len(cards) > MOST_CARDS or len(tags) > MOST_TAGS:
        return Refusal(
            Reason.STATE_FORBIDS,
            f"合并后绑定卡不得超过{MOST_CARDS}张，标签不得超过{MOST_TAGS}个",
            f"at most {MOST_CARDS} cards and {MOST_TAGS} tags after the merge",
        )
    return Pair(
        survivor=_with(survivor, cards=cards, tags=tags),
        merged=msgspec.structs.replace(
            _with(merged, cards=(), tags=()), state=CardState.CLOSED, merged_into=survivor.ehcid
        ),
    )


@dataclass(frozen=True, slots=True)
class Before:
    """What two accounts were before they were merged, and when that was."""

    at: datetime
    survivor: Resident
    merged: Resident
    merged_state: CardState


def separate(
    survivor: CardAccount | None, merged: CardAccount | None, *, before: Before | None,
    now: datetime,
) -> Pair | Refusal:  # fmt: skip
    """Both accounts as they are apart again.

    What was bound or unbound since stays done: a card that was moved goes back if the
    survivor still holds it.
    """
    if survivor is None or merged is None or before is None or merged.merged_into is None:
        return Refusal(Reason.STATE_FORBIDS, "该账户未被合并", "the account was not merged")
    if now > before.at + SEPARABLE_FOR:
        return Refusal(
            Reason.STATE_FORBIDS,
            f"合并已超过{SEPARABLE_FOR.days}天，不能撤销",
            f"merged more than {SEPARABLE_FOR.days} days ago",
        )
    if survivor.merged_into:
        return Refusal(
            Reason.STATE_FORBIDS, "请先撤销后一次合并", "take the later merge apart first"
        )
    held, had = _keys(survivor.resident.cards), _keys(before.survivor.cards)
    moved = _keys(before.merged.cards) - had
    kept = tuple(card for card in survivor.resident.cards if _key(card) not in moved)
    back = tuple(card for card in before.merged.cards if _key(card) in held)
    gone = set(before.merged.tags) - set(before.survivor.tags)
    tags = tuple(tag for tag in survivor.resident.tags if tag not in gone)
    return Pair(
        survivor=_with(survivor, cards=one_default(kept), tags=tags),
        merged=msgspec.structs.replace(
            _with(merged, cards=one_default(back), tags=before.merged.tags),
            state=before.merged_state, merged_into=None,
        ),
    )  # fmt: skip


def _together(kept: tuple[BoundCard, ...], moved: tuple[BoundCard, ...]) -> tuple[BoundCard, ...]:
    """The cards of both; the survivor's default stays the default."""
    held = _keys(kept)
    added = [card for card in moved if _key(card) not in held]
    if any(card.is_default for card in kept):
        added = [BoundCard(card.card_type, card.card_no, card.bound_at) for card in added]
    return one_default((*kept, *added))


def _key(card: BoundCard) -> tuple[str, str]:
    return card.card_type, card.card_no


def _keys(cards: tuple[BoundCard, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(map(_key, cards))


def _with(
    account: CardAccount, *, cards: tuple[BoundCard, ...], tags: tuple[str, ...]
) -> CardAccount:
    resident = msgspec.structs.replace(account.resident, cards=cards, tags=tags)
    return msgspec.structs.replace(account, resident=resident, revision=account.revision + 1)
