"""Looking at users: lists and single ones, with who is locked out at the moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openehc.kernel.refusal import Refusal
from openehc.people.admit_try import login_subject
from openehc.people.model import User, Visit
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserFilter, UserListing, UserStore


@dataclass(frozen=True, slots=True)
class FindUsers:
    """Reads users."""

    users: UserStore
    sessions: SessionStore

    async def listed(
        self,
        found: UserFilter,
        listing: UserListing,
        *,
        visit: Visit,
    ) -> tuple[list[User], int]:
        """One page, and how many match."""
        users, total = await self.users.listed(found, listing)
        return await self._with_locks(users, visit), total

    async def one(self, user_id: int, *, visit: Visit) -> User | Refusal:
        """The user of that number."""
        account = await self.users.by_id(user_id)
        if account is None:
            return unknown_user()
        return (await self._with_locks([account.user], visit))[0]

    async def _with_locks(self, users: Sequence[User], visit: Visit) -> list[User]:
        policy = await self.users.policy()
        tries = await self.sessions.tries(
            [login_subject(user.login) for user in users], now=visit.now, window=policy.lock
        )
        locked = {key for key, one in tries.items() if one.failures >= policy.lock_after}
        return [replace(user, locked=login_subject(user.login) in locked) for user in users]
