"""Change an account on a person's behalf, at the console: same steps, with revision and record.

The change, its row of history and its audit record are one transaction. A person who looked
at an older revision is told so; nothing is tried again behind their back.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from openehc.access.model import Medium
from openehc.access.registry import Admission
from openehc.audit.model import RESIDENT_OBJECT, Actor, AuditEvent, Category, resident_ref
from openehc.audit.trail import AuditTrail
from openehc.cards.change_card import Step
from openehc.cards.model import Act, CardAccount, Change
from openehc.cards.rules import changed_fields
from openehc.cards.sight import reason_faults
from openehc.cards.store import AccountChange, CardStore, OvertakenError
from openehc.kernel.ids import Entropy, new_serial
from openehc.kernel.refusal import Reason, Refusal

CONSOLE: Final = "console"
"""What stands in the place of an application in the history of what people do."""

CHANGED_MEANWHILE: Final = Refusal(
    Reason.RECORD_CHANGED,
    "该账户已被他人修改，请刷新后重试",
    "somebody changed the account meanwhile; load it again",
)


@dataclass(frozen=True, slots=True)
class DeskChange:
    """What somebody wants to change, in which revision of which account.

    `action` names it in the audit record; `reason` is None where none is asked for.
    """

    ehcid: bytes
    revision: int
    change: Change
    action: str
    by: Actor
    now: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeAtDesk:
    """The use case."""

    cards: CardStore
    trail: AuditTrail
    entropy: Entropy

    async def __call__(self, command: DeskChange, step: Step) -> CardAccount | Refusal:
        """The account as it is after `step`; a refusal is recorded, too."""
        done = await self._done(command, step)
        if isinstance(done, Refusal):
            await self.trail.record(_event(command, result=done.reason.name.lower()))
        return done

    async def _done(self, command: DeskChange, step: Step) -> CardAccount | Refusal:
        faults = () if command.reason is None else reason_faults(command.reason)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        before = await self.cards.by_ehcid(command.ehcid)
        if before is None:
            return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
        if before.revision != command.revision:
            return CHANGED_MEANWHILE
        after = step(before)
        return after if isinstance(after, Refusal) else await self._saved(command, before, after)

    async def _saved(
        self, command: DeskChange, before: CardAccount, after: CardAccount
    ) -> CardAccount | Refusal:
        fields = changed_fields(before.resident, after.resident)
        change = AccountChange(
            before=before, after=after, admission=at_the_console(command.by),
            act=Act(
                change=command.change, at=command.now, platform_serial=new_serial(self.entropy),
                changed_fields=fields,
            ),
            reason=command.reason and command.reason.strip(),
        )  # fmt: skip
        event = _event(
            command, before=standing_of(before), after={**standing_of(after), "fields": fields}
        )
        try:
            async with self.cards.writing(), self.trail.act(event) as act:
                await self.cards.change_within(act.connection, change)
        except OvertakenError:
            return CHANGED_MEANWHILE
        return after


def at_the_console(by: Actor) -> Admission:
    """Where a change of the console comes from, as history tells it: the console, and whose."""
    return Admission(
        app_id=CONSOLE, app_channel="", ehcappid="", medium=Medium.ONLINE, term_id=by.id,
        institution_id=by.institution_id or 0, org_code="", org_name="",
    )  # fmt: skip


def standing_of(account: CardAccount) -> dict[str, Any]:
    """What a record tells of an account: how it stands, never whose it is."""
    return {
        "revision": account.revision, "state": account.state.value,
        "blacklisted": account.blacklisted, "cards": len(account.resident.cards),
        "tags": len(account.resident.tags),
    }  # fmt: skip


def _event(command: DeskChange, **more: Any) -> AuditEvent:  # noqa: ANN401 (fields of AuditEvent)
    return AuditEvent(
        category=Category.ADMINISTRATION, action=command.action, actor=command.by,
        at=command.now, object_kind=RESIDENT_OBJECT, object_ref=resident_ref(command.ehcid),
        reason=(command.reason or "").strip(), **more,
    )  # fmt: skip
