"""Who is behind a session cookie: one read, and at most every 30 seconds a write.

A session that was idle or lived too long, or is presented from another address, ends
here and is recorded. Opens none.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import Clock
from openehc.people.events import security
from openehc.people.model import Principal, Proof, Visit
from openehc.people.permissions import at_stopped_institution
from openehc.people.rules import enough, is_fresh, password_overdue, why_ended
from openehc.people.session_store import Found, SessionStore
from openehc.people.tokens import csrf_of, token_hash

SEE_EVERY: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LiveSessions:
    """Reads sessions. On a `real` node administrators need a second factor, in the demo nobody."""

    store: SessionStore
    trail: AuditTrail
    clock: Clock
    real: bool = True

    async def principal(self, token: str, *, address: str) -> Principal | None:
        """The person, and their session used now; None when it ended or never was."""
        found = await self.find(token, address=address)
        return self.principal_of(found, token, address=address) if found else None

    async def find(self, token: str, *, address: str) -> Found | None:
        """The living session of a token, used now."""
        found = await self.store.by_token(token_hash(token))
        if found is None:
            return None
        visit = Visit(address, self.clock.now())
        session, policy = found.session, found.policy
        why = why_ended(session, found.user, policy=policy, now=visit.now)
        if not why and policy.one_address and session.address != address:
            why = "another-address"
        if why:
            await self._ended(found, visit, why)
            return None
        if visit.now - session.seen_at >= SEE_EVERY:
            await self.store.see(session.session_id, visit.now)
        return found

    def principal_of(self, found: Found, token: str, *, address: str) -> Principal:
        """The person of a living session."""
        user, session, policy = found.user, found.session, found.policy
        now = self.clock.now()
        held = user.permissions
        if not found.institution_works:
            held = at_stopped_institution(held)
        by_password = session.proved_by in {Proof.PASSWORD, Proof.PASSWORD_AND_CODE}
        return Principal(
            user_id=user.user_id, actor=user.actor(address), display_name=user.display_name,
            roles=user.roles, permissions=held, session_id=session.session_id,
            csrf=csrf_of(token), fresh=is_fresh(session, policy=policy, now=now),
            must_change_password=by_password and password_overdue(user, policy=policy, now=now),
            must_enrol=self.real and not enough(session.proved_by, user, policy=policy),
        )  # fmt: skip

    async def _ended(self, found: Found, visit: Visit, why: str) -> None:
        event = security(
            "session.end", found.user.actor(visit.address), visit, object_kind="session",
            object_ref=str(found.session.session_id), after={"why": why},
        )  # fmt: skip
        async with self.trail.act(event) as act:
            await self.store.delete(act.connection, found.session.session_id)
