"""Change an account: personal data, bound cards, standing, end (材料一 6.1).

One use case with one way to save: load, let a pure step say what the account becomes,
save it with its history. Registration is not done here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, refusal_of
from openehc.cards.identity import identity_faults
from openehc.cards.model import Act, BoundCard, CardAccount, CardState, Change, Resident
from openehc.cards.rules import (
    changed_fields,
    judge_change,
    one_default,
    with_cards_bound,
    with_cards_unbound,
    with_default_at,
    without_card_at,
)
from openehc.cards.store import AccountChange, CardStore, Saved
from openehc.cards.usage import Kind, UsageFact
from openehc.kernel.clock import china_day
from openehc.kernel.ids import Entropy, new_serial
from openehc.kernel.refusal import Reason, Refusal

_ATTEMPTS = 5
ALTERABLE = frozenset(
    {"user_sex", "mobile_phone", "nation", "birthday", "telephone", "address", "work_unit", "tags"}
)
"""What may change: never the name or the document (004 4.2)."""

Step = Callable[[CardAccount], CardAccount | Refusal]


@dataclass(frozen=True, slots=True)
class ChangeCommand:
    """Who changes which account, why, under which number."""

    admission: Admission
    ehcid: bytes
    change: Change
    serial: SerialKey | None
    external_serial: str
    now: datetime
    photo: bytes | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The account as it is now, and the platform's number of the change (alter_no)."""

    account: CardAccount
    platform_serial: str


@dataclass(frozen=True, slots=True)
class ChangeCard:
    """The use case."""

    store: CardStore
    entropy: Entropy

    async def __call__(self, command: ChangeCommand, step: Step) -> Changed | Refusal:
        """Apply `step` to the account and save it, again if it was overtaken."""
        for _ in range(_ATTEMPTS):
            before = await self.store.by_ehcid(command.ehcid)
            if before is None:
                return Refusal(Reason.CARD_UNKNOWN)
            after = step(before)
            if isinstance(after, Refusal):
                return after
            act = Act(
                change=command.change,
                at=command.now,
                platform_serial=new_serial(self.entropy),
                external_serial=command.external_serial,
                changed_fields=changed_fields(before.resident, after.resident),
            )
            fact = UsageFact(
                Kind.CHANGE, at=command.now, admission=command.admission, account=after
            )
            change = AccountChange(
                before=before, after=after, admission=command.admission, act=act,
                photo=command.photo, reason=command.reason, fact=fact,
            )  # fmt: skip
            written = await self.store.change_account(change, serial=command.serial)
            refusal = refusal_of(written.claim)
            if refusal:
                return refusal
            if written.saved is Saved.DONE:
                return Changed(after, act.platform_serial)
        return Refusal(Reason.SERIAL_IN_FLIGHT, "该电子健康卡正在被其他请求处理，请稍后重试")


def altering(values: dict[str, Any], *, now: datetime) -> Step:
    """The step that puts new personal data into place; keys outside `ALTERABLE` are a defect."""
    if not ALTERABLE.issuperset(values):
        raise ValueError("a field that may not change")

    def step(account: CardAccount) -> CardAccount | Refusal:
        refusal = judge_change(account)
        if refusal:
            return refusal
        after = msgspec.structs.replace(account.resident, **values)
        faults = identity_faults(
            id_type=after.id_type, id_no=after.id_no, user_sex=after.user_sex,
            birthday=after.birthday, today=china_day(now),
        )  # fmt: skip
        if faults:
            return Refusal(Reason.IDENTITY_WRONG, "；".join(faults))
        return _with_resident(account, after)

    return step


def binding(cards: tuple[BoundCard, ...]) -> Step:
    """The step that binds more cards."""
    return _relinking(lambda held: with_cards_bound(held, cards))


def unbinding(cards: tuple[BoundCard, ...]) -> Step:
    """The step that unbinds these cards."""
    return _relinking(lambda held: with_cards_unbound(held, cards))


def unbinding_at(position: int) -> Step:
    """The step that unbinds the card at this place of the list."""
    return _relinking(lambda held: without_card_at(held, position))


def defaulting(position: int) -> Step:
    """The step that makes the card at this place the default."""
    return _relinking(lambda held: with_default_at(held, position))


def replacing(cards: tuple[BoundCard, ...]) -> Step:
    """The step after which exactly these cards are bound."""
    return _relinking(lambda _: one_default(cards))


def _relinking(
    choose: Callable[[tuple[BoundCard, ...]], tuple[BoundCard, ...] | Refusal],
) -> Step:
    def step(account: CardAccount) -> CardAccount | Refusal:
        refusal = judge_change(account)
        if refusal:
            return refusal
        cards = choose(account.resident.cards)
        if isinstance(cards, Refusal):
            return cards
        return _with_resident(account, msgspec.structs.replace(account.resident, cards=cards))

    return step


def closing(account: CardAccount) -> CardAccount | Refusal:
    """The step that ends the account; its EHCID stays for a later registration."""
    if account.merged_into:
        return Refusal(Reason.CARD_MERGED)
    if account.state is CardState.CLOSED:
        return Refusal(Reason.CARD_CLOSED)
    return msgspec.structs.replace(account, state=CardState.CLOSED, revision=account.revision + 1)


def blacklisting(account: CardAccount) -> CardAccount | Refusal:
    """The step that puts the account on the black list."""
    if account.merged_into:
        return Refusal(Reason.CARD_MERGED)
    if account.blacklisted:
        return Refusal(Reason.CARD_BLACKLISTED)
    return msgspec.structs.replace(account, blacklisted=True, revision=account.revision + 1)


def restoring(account: CardAccount) -> CardAccount | Refusal:
    """The step that takes the account off the black list."""
    if not account.blacklisted:
        return Refusal(Reason.CARD_UNKNOWN, "该电子健康卡不在黑名单中")
    return msgspec.structs.replace(account, blacklisted=False, revision=account.revision + 1)


def _with_resident(account: CardAccount, resident: Resident) -> CardAccount:
    return msgspec.structs.replace(account, resident=resident, revision=account.revision + 1)
