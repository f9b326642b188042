"""Users and the policy in the database; secrets are sealed at rest.

Whoever changes something hands in the transaction of the audited act.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy
from openehc.people import sql
from openehc.people.model import Account, Credentials, User, UserState
from openehc.people.permissions import Role
from openehc.people.policy import COLUMNS, Policy, SecondFactor
from openehc.storage.errors import StatementRefused, UniqueViolation
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

UserListing = Listing
"""How a list of users is ordered and cut."""

_FOREIGN_KEY: Final = "23503"


class InstitutionUnknown(Exception):
    """The institution is not registered."""


class CertificateTaken(Exception):
    """The certificate's holder is bound to another user."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made; the password has to be changed at the first sign-in unless `settled`."""

    login: str
    display_name: str
    credentials: Credentials
    at: datetime
    roles: frozenset[Role] = frozenset()
    institution_id: int | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users a list shows: a part of login or name, a state, a role, an institution."""

    text: str = ""
    state: UserState | None = None
    role: Role | None = None
    institution_id: int | None = None


class UserStore:
    """Reads and writes users."""

    def __init__(self, database: Database, sealer: ProfileSealer, entropy: Entropy) -> None:
        self._database = database
        self._sealer = sealer
        self._entropy = entropy

    async def by_login(self, login: str) -> Account | None:
        """The user of that login."""
        return self._account(await self._database.fetchrow(sql.ACCOUNT_BY_LOGIN, login))

    async def by_certificate(self, identity: bytes) -> Account | None:
        """The user to whom the holder of a certificate is bound."""
        return self._account(await self._database.fetchrow(sql.ACCOUNT_BY_CERTIFICATE, identity))

    async def by_id(self, user_id: int) -> Account | None:
        """The user of that number."""
        return self._account(await self._database.fetchrow(sql.ACCOUNT_BY_ID, user_id))

    async def locked(self, connection: Transaction, user_id: int) -> Account | None:
        """The user, whom nobody else changes until the transaction ends."""
        return self._account(await connection.fetchrow(sql.ACCOUNT_LOCKED, user_id))

    async def alone(self, connection: Transaction) -> None:
        """Until the transaction ends nobody else changes roles or states."""
        await connection.execute(sql.LOCK_USERS)

    async def roles_without(
        self, connection: Transaction, roles: frozenset[Role], *, user_id: int
    ) -> frozenset[Role]:
        """Those of `roles` that no active user but this one holds."""
        found = await connection.fetch(sql.OTHER_HOLDERS, sorted(roles), user_id)
        return frozenset(Role(row["role"]) for row in found if not row["holders"])

    async def insert(self, connection: Transaction, new: NewUser) -> int | None:
        """The number of the new user; None when the login is taken. Raises InstitutionUnknown."""
        sealed = self._sealed(new.login, new.credentials)
        try:
            async with connection.savepoint():
                found = await connection.fetchval(
                    sql.INSERT_USER, new.login, new.display_name, sorted(new.roles),
                    new.institution_id, sealed, new.at, not new.settled,
                )  # fmt: skip
        except StatementRefused as refused:
            raise _unknown_institution(refused) from None
        return None if found is None else int(found)

    async def update(self, connection: Transaction, user: User) -> bool:
        """Save name, roles, reach and state; whether the revision was the present one.

        Raises InstitutionUnknown.
        """
        try:
            async with connection.savepoint():
                done = await connection.execute(
                    sql.UPDATE_USER, user.user_id, user.revision, user.display_name,
                    sorted(user.roles), user.institution_id, user.state.value,
                )  # fmt: skip
        except StatementRefused as refused:
            raise _unknown_institution(refused) from None
        return done == "UPDATE 1"

    async def disable_those_of(self, connection: Transaction, institution_id: int) -> list[User]:
        """The users of an institution who could sign in until now, by login."""
        rows = await connection.fetch(sql.DISABLE_THOSE_OF, institution_id)
        return sorted((user_of(row) for row in rows), key=lambda user: user.login)

    async def save_credentials(self, connection: Transaction, account: Account) -> None:
        """Save the secrets of a user whom this transaction holds, and what hangs on them."""
        user, secrets = account.user, account.credentials
        await connection.execute(
            sql.UPDATE_CREDENTIALS, user.user_id, self._sealed(user.login, secrets),
            user.password_changed_at, user.must_change_password, bool(secrets.totp),
        )  # fmt: skip

    async def bind_certificate(
        self, connection: Transaction, user: User, identity: bytes | None
    ) -> bool:
        """Bind or unbind; whether the revision was the present one. Raises CertificateTaken."""
        try:
            async with connection.savepoint():
                done = await connection.execute(
                    sql.BIND_CERTIFICATE, user.user_id, user.revision, identity
                )
        except UniqueViolation:
            raise CertificateTaken from None
        return done == "UPDATE 1"

    async def use_totp_step(self, connection: Transaction, user_id: int, step: int) -> bool:
        """Whether this time step's code was not used yet; from now on it is."""
        return await connection.execute(sql.USE_TOTP_STEP, user_id, step) == "UPDATE 1"

    async def note_sign_in(self, connection: Transaction, user_id: int, at: datetime) -> None:
        """Keep when the user signed in last."""
        await connection.execute(sql.NOTE_SIGN_IN, user_id, at)

    async def listed(self, found: UserFilter, listing: Listing) -> tuple[list[User], int]:
        """One page of users, and how many match."""
        matching = (found.text, found.state, found.role, found.institution_id)
        rows = await self._database.fetch(
            sql.LIST_USERS + listing.clause(tie_break="u.user_id"), *matching
        )
        total = await self._database.fetchval(sql.COUNT_USERS, *matching)
        return [user_of(row) for row in rows], int(total)

    async def policy(self) -> Policy:
        """The policy as it is now."""
        row = await self._database.fetchrow(sql.SELECT_POLICY)
        return policy_of(dict(row)) if row else Policy()

    async def save_policy(self, connection: Transaction, policy: Policy) -> bool:
        """Save it; whether the revision was the present one."""
        told = policy.told()
        values = [told[name] for name in COLUMNS[:-1]]
        return await connection.execute(sql.UPDATE_POLICY, policy.revision, *values) == "UPDATE 1"

    def _account(self, row: Any) -> Account | None:  # noqa: ANN401 (a row of the driver)
        if row is None:
            return None
        opened = self._sealer.open(row["sealed_credentials"], row=credentials_row(row["login"]))
        credentials = msgspec.json.decode(opened, type=Credentials)
        return Account(user_of(row), credentials, row["totp_step"])

    def _sealed(self, login: str, credentials: Credentials) -> bytes:
        plain = msgspec.json.encode(credentials)
        return self._sealer.seal(plain, row=credentials_row(login), entropy=self._entropy).content


def credentials_row(login: str) -> bytes:
    """The identity under which a user's secrets are sealed."""
    return b"users.sealed_credentials:" + login.encode()


def user_of(row: Any) -> User:  # noqa: ANN401 (a row of the driver)
    """A row with `USER_COLUMNS`. Roles that this version does not know give nothing."""
    known = set(Role)
    return User(
        user_id=row["user_id"], login=row["login"], display_name=row["display_name"],
        roles=frozenset(Role(role) for role in row["roles"] if role in known),
        institution_id=row["institution_id"], state=UserState(row["state"]),
        password_changed_at=row["password_changed_at"],
        must_change_password=row["must_change_password"], totp_enrolled=row["totp_enrolled"],
        certificate_bound=row["certificate_bound"], last_sign_in_at=row["last_sign_in_at"],
        created_at=row["created_at"], revision=row["revision"],
    )  # fmt: skip


def policy_of(told: dict[str, Any]) -> Policy:
    """The policy from its columns."""
    return Policy(**{**told, "second_factor": SecondFactor(told["second_factor"])})


def _unknown_institution(refused: StatementRefused) -> Exception:
    return InstitutionUnknown() if refused.sqlstate == _FOREIGN_KEY else refused
