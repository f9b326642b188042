"""People who exist before anybody can sign in: of the demo, of a new node, in an emergency.

Acts as the platform itself, from this machine, and is recorded like that.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from openehc.audit.model import SYSTEM
from openehc.audit.trail import AuditTrail
from openehc.crypto.keyfile import open_key_file
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.make_user import MadeUser, MakeUser, UserToMake
from openehc.people.model import User, Visit
from openehc.people.passwords import PasswordVault
from openehc.people.reset_user import ResetUser
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserFilter, UserStore
from openehc.storage.listing import Listing
from openehc.storage.pool import Database
from openehc.wiring.audit_key import trail_beside
from openehc.wiring.people import turns_of
from openehc.wiring.rotation_worker import KeyRing
from openehc.wiring.settings import Settings

Result = TypeVar("Result")
_MANY: Final = 1000
INSTITUTION: Final = "select institution_id from institutions where org_code = $1"


Work = Callable[["FirstPeople"], Coroutine[Any, Any, Result]]
"""Something to be done about the users."""


@dataclass(frozen=True, slots=True)
class FirstPeople:
    """Makes, settles and resets users as the platform itself."""

    users: UserStore
    vault: PasswordVault
    make_user: MakeUser
    reset_user: ResetUser
    clock: Clock
    database: Database

    def _visit(self) -> Visit:
        return Visit("", self.clock.now())

    async def make(self, asked: UserToMake) -> MadeUser | Refusal:
        """A new user."""
        return await self.make_user(asked, by=SYSTEM, visit=self._visit())

    async def settle(self, asked: UserToMake) -> None:
        """Let the user exist with just this password; what else was changed stays."""
        made = await self.make(asked)
        if isinstance(made, MadeUser) or made.reason is not Reason.RECORD_EXISTS:
            return
        account = await self.users.by_login(asked.login)
        if account and not await self.vault.matches(asked.password, account.credentials.password):
            await self.reset_user.anybody(
                account, by=SYSTEM, visit=self._visit(), password=asked.password
            )

    async def reset(self, login: str) -> MadeUser | Refusal:
        """New credentials for anybody, in an emergency."""
        account = await self.users.by_login(login)
        if account is None:
            return unknown_user()
        return await self.reset_user.anybody(account, by=SYSTEM, visit=self._visit())

    async def institution(self, org_code: str) -> int | None:
        """The number of a registered institution."""
        found: int | None = await self.database.fetchval(INSTITUTION, org_code)
        return found

    async def everybody(self) -> list[User]:
        """The users by login."""
        listing = Listing(order="u.login", direction="asc", limit=_MANY, offset=0)
        return (await self.users.listed(UserFilter(), listing))[0]


def first_people(database: Database, keys: KeyRing, clock: Clock, trail: AuditTrail) -> FirstPeople:
    """The use cases over a database."""
    entropy = SystemEntropy()
    users, vault = UserStore(database, keys.sealer, entropy), PasswordVault()
    sealing = turns_of(keys)
    return FirstPeople(
        users, vault, MakeUser(users, vault, trail, entropy, sealing),
        ResetUser(users, SessionStore(database), vault, trail, entropy, sealing), clock,
        database,
    )  # fmt: skip


def with_people(settings: Settings, passphrase: str, dsn: str, work: Work[Result]) -> Result:
    """Run `work` on the users, outside any worker."""

    def read() -> Any:  # noqa: ANN401 (what KeyRing reads)
        return open_key_file(settings.key_file, passphrase)

    async def run() -> Result:
        database = await Database.connect(dsn, size=2, name="openehc people")
        ring = KeyRing(read, read(), database, SystemEntropy())
        try:
            trail = trail_beside(settings, database)
            return await work(first_people(database, ring, SystemClock(), trail))
        finally:
            await ring.leave()
            await database.close()

    return asyncio.run(run())
