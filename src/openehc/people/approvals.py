"""Four eyes: an act is asked for by one person, decided by another, and done once.

The decision is durable before the act begins, so a stop in between leaves it approved
and not done, for people to look at; it is never done twice. Which acts there are stands in
`ApprovalKinds`; nothing here knows what they do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from openehc.audit.model import Actor
from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.refusal import Fault, PlatformError, Reason, Refusal
from openehc.people.approval_kinds import ApprovalKind, ApprovalKinds
from openehc.people.approval_store import (
    Approval,
    ApprovalState,
    ApprovalStore,
    Decision,
    NewApproval,
)
from openehc.people.events import administration, refused
from openehc.people.model import Principal, UserState, Visit
from openehc.people.user_store import UserStore

LIFE: Final = timedelta(days=3)
LARGEST: Final = 8192
"""Bytes of the parameters as JSON."""

UNKNOWN: Final = Refusal(Reason.RECORD_UNKNOWN, "没有该申请。", "There is no such request.")
OVER: Final = Refusal(
    Reason.STATE_FORBIDS, "该申请已处理或已过期。", "The request was decided or is over."
)
ANOTHER: Final = Refusal(
    Reason.STATE_FORBIDS, "必须由申请人以外的人审批。",
    "Another person than the requester decides.",
)  # fmt: skip
NOT_HELD: Final = Refusal(
    Reason.OUT_OF_SCOPE, "您没有该操作的权限。", "You lack the permission of this act."
)
REQUESTER_GONE: Final = Refusal(
    Reason.STATE_FORBIDS, "申请人已停用或已无该操作的权限。",
    "The requester is disabled, or lost the permission of this act.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """An act that somebody wants done, and why."""

    kind: str
    parameters: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """Asks, decides and does."""

    store: ApprovalStore
    users: UserStore
    trail: AuditTrail
    kinds: ApprovalKinds

    async def ask(self, asked: Asked, *, by: Principal, visit: Visit) -> Approval | Refusal:
        """The request, which waits for somebody else for three days."""
        event = administration(
            "approval.ask", by, visit, object_kind="approval", reason=asked.reason,
            after={"kind": asked.kind},
        )  # fmt: skip
        kind = self._kind(asked.kind, by)
        if isinstance(kind, Refusal):
            return await refused(self.trail, event, kind)
        parameters = msgspec.json.encode(asked.parameters)
        faults = (*_size_faults(parameters), *kind.check(asked.parameters))
        if faults:
            return await refused(self.trail, event, Refusal(Reason.INPUT_WRONG, faults=faults))
        new = NewApproval(
            kind.name, parameters.decode(), asked.reason, by.user_id, visit.address, visit.now,
            visit.now + LIFE,
        )  # fmt: skip
        async with self.trail.act(event) as act:
            number = await self.store.insert(act.connection, new)
            if number is None:
                return act.refused(
                    Refusal(Reason.STATE_FORBIDS, "您待审批的申请过多。", "Too many of yours wait.")
                )
            act.tell(object_ref=str(number))
        return await self._now(number)

    async def refuse(
        self, approval_id: int, reason: str, *, by: Principal, visit: Visit
    ) -> Approval | Refusal:
        """Decide against it."""
        decision = Decision(ApprovalState.REFUSED, by.user_id, visit.now, reason)
        decided = await self._decided(approval_id, decision, by=by, visit=visit)
        return decided if isinstance(decided, Refusal) else await self._now(approval_id)

    async def withdraw(self, approval_id: int, *, by: Principal, visit: Visit) -> Refusal | None:
        """Take one's own request back."""
        event = administration(
            "approval.withdraw", by, visit, object_kind="approval", object_ref=str(approval_id)
        )
        async with self.trail.act(event) as act:
            held = await self.store.locked(act.connection, approval_id)
            if held is None or held.requested_by != by.user_id:
                return act.refused(UNKNOWN)
            if not held.waits(visit.now):
                return act.refused(OVER)
            decision = Decision(ApprovalState.WITHDRAWN, by.user_id, visit.now, "")
            await self.store.decide(act.connection, approval_id, decision)
            act.tell(
                before={"state": held.state.value, "kind": held.kind},
                after={"state": decision.state.value, "kind": held.kind},
            )
        return None

    async def approve(
        self, approval_id: int, reason: str, *, by: Principal, visit: Visit
    ) -> Approval | Refusal:
        """Decide for it and do it; `outcome` tells what the act said."""
        # 1. the decision is durable
        decision = Decision(ApprovalState.APPROVED, by.user_id, visit.now, reason)
        decided = await self._decided(approval_id, decision, by=by, visit=visit)
        if isinstance(decided, Refusal):
            return decided
        # 2. the requester still may
        kind = self.kinds.get(decided.kind)
        requester = await self._requester(decided, kind)
        # 3. the act, once
        refusal: Refusal | None = REQUESTER_GONE
        if kind is not None and requester is not None:
            refusal = await self._done(decided, kind, requester, by.actor)
        # 4. what became of it
        await self._finish(decided, refusal, by=by, visit=visit)
        return await self._now(approval_id)

    async def _done(
        self, approval: Approval, kind: ApprovalKind, requester: Actor, approver: Actor
    ) -> Refusal | None:
        try:
            return await kind.execute(approval.parameters, by=requester, approved_by=approver)
        except PlatformError:
            return Refusal(
                Reason.INTERNAL, "执行结果不明，请核对。", "It is not known whether it was done."
            )

    async def _decided(
        self, approval_id: int, decision: Decision, *, by: Principal, visit: Visit
    ) -> Approval | Refusal:
        event = administration(
            "approval.decide", by, visit, object_kind="approval", object_ref=str(approval_id),
            reason=decision.reason,
        )  # fmt: skip
        async with self.trail.act(event) as act:
            held = await self.store.locked(act.connection, approval_id)
            if refusal := self._not_decidable(held, act, by=by, visit=visit):
                return act.refused(refusal)
            assert held is not None  # noqa: S101 (seen by `_not_decidable`)
            await self.store.decide(act.connection, approval_id, decision)
            act.tell(after={"state": decision.state.value, "kind": held.kind})
        return held

    def _not_decidable(
        self, held: Approval | None, act: Act, *, by: Principal, visit: Visit
    ) -> Refusal | None:
        if held is None:
            return UNKNOWN
        act.tell(
            before={
                "state": held.state.value, "requester": held.requester, "kind": held.kind,
            }
        )  # fmt: skip
        if held.requested_by == by.user_id:
            return ANOTHER
        if isinstance(kind := self._kind(held.kind, by), Refusal):
            return kind
        return None if held.waits(visit.now) else OVER

    def _kind(self, name: str, by: Principal) -> ApprovalKind | Refusal:
        kind = self.kinds.get(name)
        if kind is None:
            fault = Fault("kind", "没有该类操作", "there is no such act")
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        return kind if by.may(kind.permission) else NOT_HELD

    async def _requester(self, approval: Approval, kind: ApprovalKind | None) -> Actor | None:
        account = await self.users.by_id(approval.requested_by)
        if account is None or kind is None or account.user.state is not UserState.ACTIVE:
            return None
        if kind.permission not in account.user.permissions:
            return None
        return account.user.actor(approval.requested_from)

    async def _finish(
        self, approval: Approval, refusal: Refusal | None, *, by: Principal, visit: Visit
    ) -> None:
        state = ApprovalState.FAILED if refusal else ApprovalState.DONE
        outcome = refusal.detail or refusal.reason.value if refusal else ""
        event = administration(
            "approval.finish", by, visit, object_kind="approval",
            object_ref=str(approval.approval_id), after={"state": state.value},
        )  # fmt: skip
        async with self.trail.act(event) as act:
            await self.store.finish(
                act.connection, approval.approval_id, state, outcome=outcome[:500]
            )

    async def _now(self, approval_id: int) -> Approval | Refusal:
        return await self.store.one(approval_id) or UNKNOWN


def _size_faults(parameters: bytes) -> tuple[Fault, ...]:
    if len(parameters) <= LARGEST:
        return ()
    return (Fault("parameters", f"参数不得超过{LARGEST}字节", f"at most {LARGEST} bytes"),)
