"""Looking at users: lists and single ones, with who is locked out at the moment.

Names are personal data, so every look is recorded before anything is shown: who was seen, by
login, and never by which name somebody was looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Refusal
from openehc.people.admit_try import login_subject
from openehc.people.events import sight
from openehc.people.model import Principal, User, Visit
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserFilter, UserListing, UserStore


@dataclass(frozen=True, slots=True)
class FindUsers:
    """Reads users, on the record."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail

    async def listed(
        self,
        found: UserFilter,
        listing: UserListing,
        *,
        by: Principal,
        visit: Visit,
    ) -> tuple[list[User], int]:
        """One page, and how many match. Raises DatabaseDown."""
        users, total = await self.users.listed(found, listing)
        await self.trail.record(sight("user.list", users, by=by, visit=visit))
        return await self._with_locks(users, visit), total

    async def one(self, user_id: int, *, by: Principal, visit: Visit) -> User | Refusal:
        """The user of that number. Raises DatabaseDown."""
        account = await self.users.by_id(user_id)
        if account is None:
            return unknown_user()
        await self.trail.record(sight("user.view", [account.user], by=by, visit=visit))
        return (await self._with_locks([account.user], visit))[0]

    async def _with_locks(self, users: Sequence[User], visit: Visit) -> list[User]:
        policy = await self.users.policy()
        tries = await self.sessions.tries(
            [login_subject(user.login) for user in users], now=visit.now, window=policy.lock
        )
        locked = {key for key, one in tries.items() if one.failures >= policy.lock_after}
        return [replace(user, locked=login_subject(user.login) in locked) for user in users]
