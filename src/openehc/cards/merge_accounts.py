"""Merge two accounts of one person, and take them apart again (材料一 6.1; docs/decisions).

Both are acts that a second person approves: called with what was asked for, by whom, and who
approved it. `judge` tells whoever asks beforehand whether it would be done. Both accounts,
their history and the audit record are one transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from openehc.audit.model import OK, RESIDENT_OBJECT, Actor, AuditEvent, Category, resident_ref
from openehc.audit.trail import AuditTrail
from openehc.cards.change_at_desk import CHANGED_MEANWHILE, at_the_console
from openehc.cards.desk_store import DeskStore, Merging
from openehc.cards.merge_rules import Before, Pair, judge_merge, merge, separate
from openehc.cards.model import Act, CardAccount, Change
from openehc.cards.rules import changed_fields
from openehc.cards.sight import is_ehcid, reason_faults
from openehc.cards.store import AccountChange, CardStore, OvertakenError
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy, new_serial
from openehc.kernel.refusal import Fault, Reason, Refusal

PHOTO: Final = "photo"
"""How history names a photo that moved; it is no field of the profile."""

MERGE: Final = "residents.merge"
SEPARATE: Final = "residents.separate"
"""The names of both acts, in audit records and where a second person decides on them."""

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Doing:
    """An act on two accounts: what it is, by whom, when, and under which number."""

    action: str
    by: Actor
    approved_by: Actor
    reason: str
    now: datetime
    serial: str


@dataclass(frozen=True, slots=True)
class MergeAccounts:
    """The use case: `survivor` and `merged` are EHCIDs in hex, `reason` is for the auditor."""

    cards: CardStore
    trail: AuditTrail
    entropy: Entropy
    clock: Clock

    async def judge(self, parameters: Parameters, *, by: Actor) -> Refusal | None:
        """Why these accounts cannot be merged as they are now; None when they can. Recorded."""
        loaded = await self._loaded(parameters)
        judged = loaded if isinstance(loaded, Refusal) else merge(loaded.survivor, loaded.merged)
        refusal = judged if isinstance(judged, Refusal) else None
        await self.trail.record(_judged(MERGE, parameters, refusal, by=by, now=self.clock.now()))
        return refusal

    async def __call__(
        self, parameters: Parameters, by: Actor, approved_by: Actor
    ) -> Refusal | None:
        """Merge; judged again, since the accounts may have changed while it waited."""
        before = await self._loaded(parameters)
        if isinstance(before, Refusal):
            return before
        after = merge(before.survivor, before.merged)
        if isinstance(after, Refusal):
            return after
        doing = _Doing(
            MERGE, by, approved_by, parameters["reason"].strip(), self.clock.now(),
            new_serial(self.entropy),
        )  # fmt: skip
        photo = await self._photo_to_move(before)
        fields = (PHOTO,) if photo else ()
        absorbed = _change(before.survivor, after.survivor, Change.ABSORBED, doing, more=fields)
        merged = _change(before.merged, after.merged, Change.MERGED, doing)
        try:
            async with self.cards.writing(), self.trail.act(_event(before, after, doing)) as act:
                for change in _in_order(_with_photo(absorbed, photo), merged):
                    await self.cards.change_within(act.connection, change)
        except OvertakenError:
            return CHANGED_MEANWHILE
        return None

    async def _loaded(self, parameters: Parameters) -> Pair | Refusal:
        faults = merge_faults(parameters)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        survivor = await self.cards.by_ehcid(bytes.fromhex(parameters["survivor"]))
        merged = await self.cards.by_ehcid(bytes.fromhex(parameters["merged"]))
        refusal = judge_merge(survivor, merged)
        if refusal or survivor is None or merged is None:
            return refusal or Refusal(Reason.CARD_UNKNOWN)
        return Pair(survivor, merged)

    async def _photo_to_move(self, pair: Pair) -> bytes | None:
        """The merged account's photo, if the survivor has none of its own."""
        if await self.cards.photo(pair.survivor.ehcid):
            return None
        return await self.cards.photo(pair.merged.ehcid)


@dataclass(frozen=True, slots=True)
class SeparateAccounts:
    """The use case: take a merge apart; `merged` is the EHCID, in hex, of the closed account."""

    cards: CardStore
    desk: DeskStore
    trail: AuditTrail
    entropy: Entropy
    clock: Clock

    async def judge(self, parameters: Parameters, *, by: Actor) -> Refusal | None:
        """Why the merge cannot be taken apart now; None when it can. Recorded."""
        loaded = await self._loaded(parameters)
        refusal = loaded if isinstance(loaded, Refusal) else None
        await self.trail.record(_judged(SEPARATE, parameters, refusal, by=by, now=self.clock.now()))
        return refusal

    async def __call__(
        self, parameters: Parameters, by: Actor, approved_by: Actor
    ) -> Refusal | None:
        """Take the accounts apart, as far as nothing was done with them since."""
        loaded = await self._loaded(parameters)
        if isinstance(loaded, Refusal):
            return loaded
        before, after, merging = loaded
        doing = _Doing(
            SEPARATE, by, approved_by, parameters["reason"].strip(),
            self.clock.now(), new_serial(self.entropy),
        )  # fmt: skip
        changes = _in_order(
            _change(before.survivor, after.survivor, Change.SEPARATED, doing),
            _change(before.merged, after.merged, Change.SEPARATED, doing),
        )
        try:
            async with self.cards.writing(), self.trail.act(_event(before, after, doing)) as act:
                for change in changes:
                    await self.cards.change_within(act.connection, change)
                for ehcid in merging.with_photo:
                    await self.desk.drop_photo(act.connection, ehcid, of=merging.at)
        except OvertakenError:
            return CHANGED_MEANWHILE
        return None

    async def _loaded(self, parameters: Parameters) -> tuple[Pair, Pair, Merging] | Refusal:
        faults = separate_faults(parameters)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        merged = await self.cards.by_ehcid(bytes.fromhex(parameters["merged"]))
        into = merged.merged_into if merged else None
        survivor = await self.cards.by_ehcid(into) if into else None
        merging = await self.desk.merging(merged) if merged else None
        told = _before(merging) if merging else None
        after = separate(survivor, merged, before=told, now=self.clock.now())
        if isinstance(after, Refusal):
            return after
        if survivor is None or merged is None or merging is None:
            raise AssertionError("judged without an account")
        return Pair(survivor, merged), after, merging


def _before(merging: Merging) -> Before:
    return Before(merging.at, merging.survivor_before, merging.merged_before, merging.state_before)


def merge_faults(parameters: Parameters) -> tuple[Fault, ...]:
    """What is wrong with what somebody hands in for a merge."""
    return _faults(parameters, ("survivor", "merged"))


def separate_faults(parameters: Parameters) -> tuple[Fault, ...]:
    """What is wrong with what somebody hands in for taking a merge apart."""
    return _faults(parameters, ("merged",))


def _faults(parameters: Parameters, ids: tuple[str, ...]) -> tuple[Fault, ...]:
    wrong = [
        Fault(name, "应为64位十六进制的电子健康卡ID", "64 hex characters")
        for name in ids
        if not is_ehcid(str(parameters.get(name, "")))
    ]
    return (*wrong, *reason_faults(str(parameters.get("reason", ""))))


def _change(
    before: CardAccount, after: CardAccount, change: Change, doing: _Doing,
    *, more: tuple[str, ...] = (),
) -> AccountChange:  # fmt: skip
    return AccountChange(
        before=before, after=after, admission=at_the_console(doing.by),
        act=Act(
            change=change, at=doing.now, platform_serial=doing.serial,
            changed_fields=(*changed_fields(before.resident, after.resident), *more),
        ),
    )  # fmt: skip


def _with_photo(change: AccountChange, photo: bytes | None) -> AccountChange:
    return AccountChange(
        before=change.before, after=change.after, admission=change.admission, act=change.act,
        photo=photo,
    )  # fmt: skip


def _in_order(*changes: AccountChange) -> list[AccountChange]:
    """Rows are always locked in the same order, so that two merges cannot wait for each other."""
    return sorted(changes, key=lambda change: change.after.ehcid)


def _judged(
    action: str, parameters: Parameters, refusal: Refusal | None, *, by: Actor, now: datetime
) -> AuditEvent:
    """The record of somebody who asked whether the act would be done."""
    ids = {name: str(parameters.get(name, "")) for name in ("merged", "survivor")}
    named = {name: text.upper() for name, text in ids.items() if is_ehcid(text)}
    return AuditEvent(
        category=Category.ADMINISTRATION, action=f"{action}-check", actor=by, at=now,
        object_kind=RESIDENT_OBJECT, object_ref=named.pop("merged", ""),
        result=refusal.reason.name.lower() if refusal else OK, after=named,
    )  # fmt: skip


def _event(before: Pair, pair: Pair, doing: _Doing) -> AuditEvent:
    """The record lies with the account that ends or comes back; it names the other."""
    return AuditEvent(
        category=Category.ADMINISTRATION, action=doing.action, actor=doing.by, at=doing.now,
        object_kind=RESIDENT_OBJECT, object_ref=resident_ref(pair.merged.ehcid),
        reason=doing.reason,
        before={
            "cards": len(before.survivor.resident.cards), "state": before.merged.state.value,
        },
        after={
            "survivor": resident_ref(pair.survivor.ehcid), "approved_by": doing.approved_by.id,
            "cards": len(pair.survivor.resident.cards), "state": pair.merged.state.value,
        },
    )  # fmt: skip
