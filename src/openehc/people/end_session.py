"""Ending sessions: one's own, and those of others."""

from dataclasses import dataclass

from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.events import security
from openehc.people.model import Principal, Visit
from openehc.people.session_store import SessionStore


@dataclass(frozen=True, slots=True)
class EndSession:
    """Ends sessions."""

    store: SessionStore
    trail: AuditTrail

    async def own(self, by: Principal, visit: Visit) -> None:
        """Sign out."""
        event = security(
            "session.end", by.actor, visit, object_kind="session", object_ref=str(by.session_id),
            after={"why": "signed-out"},
        )  # fmt: skip
        async with self.trail.act(event) as act:
            await self.store.delete(act.connection, by.session_id)

    async def forced(
        self, session_id: int, *, by: Principal, visit: Visit, reason: str
    ) -> Refusal | None:
        """Sign somebody out."""
        event = security(
            "session.end", by.actor, visit, object_kind="session", object_ref=str(session_id),
            reason=reason, after={"why": "forced"},
        )  # fmt: skip
        async with self.trail.act(event) as act:
            held = await self.store.locked(act.connection, session_id)
            if held is None:
                return act.refused(
                    Refusal(Reason.RECORD_UNKNOWN, "没有该会话。", "There is no such session.")
                )
            act.tell(after={"why": "forced", "user": held[1].login})
            await self.store.delete(act.connection, session_id)
        return None
