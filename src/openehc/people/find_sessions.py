"""Looking at who is signed in; the look is recorded, since it shows people's names."""

from dataclasses import dataclass

from openehc.audit.trail import AuditTrail
from openehc.people.events import sight
from openehc.people.model import Principal, Session, User, Visit
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserStore
from openehc.storage.listing import Listing


@dataclass(frozen=True, slots=True)
class FindSessions:
    """The use case."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail

    async def __call__(
        self, listing: Listing, *, by: Principal, visit: Visit
    ) -> tuple[list[tuple[Session, User]], int]:
        """One page of living sessions, and how many there are. Raises DatabaseDown."""
        policy = await self.users.policy()
        found, total = await self.sessions.listed(policy, visit.now, listing)
        seen = [user for _, user in found]
        await self.trail.record(sight("session.list", seen, by=by, visit=visit))
        return found, total
