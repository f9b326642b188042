"""Users, their sessions, and who someone is while signed in.

Decides nothing and reads nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from openehc.audit.model import Actor, ActorKind
from openehc.people.permissions import SEPARATED, Role, role_table


@unique
class UserState(StrEnum):
    """Whether a user may sign in; nobody is ever deleted."""

    ACTIVE = "active"
    DISABLED = "disabled"


@unique
class Proof(StrEnum):
    """How someone proved who they are."""

    PASSWORD = "password"  # noqa: S105 (a name)
    PASSWORD_AND_CODE = "password+totp"  # noqa: S105 (a name)
    CERTIFICATE = "certificate"
    GATEWAY = "gateway"

    @property
    def two_factors(self) -> bool:
        """A certificate's key is held in a token behind a PIN (附录F 4.1), which makes two."""
        return self is not Proof.PASSWORD


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who is signed in: the user, what they may do, and how they may act.

    `fresh` tells whether they proved themselves again within the last minutes, as dangerous
    acts demand; `csrf` is the value that every changing request must repeat. While
    `must_change_password` or `must_enrol` holds, they may do nothing else.
    """

    user_id: int
    actor: Actor
    display_name: str
    roles: frozenset[Role]
    permissions: frozenset[str]
    session_id: int
    csrf: str
    fresh: bool = False
    must_change_password: bool = False
    must_enrol: bool = False

    def may(self, permission: str) -> bool:
        """Whether one of the roles holds the permission."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request comes from (an IP address as text), and when."""

    address: str
    now: datetime


@dataclass(frozen=True, slots=True)
class User:
    """One person who works on the platform, as the register shows them."""

    user_id: int
    login: str
    display_name: str
    roles: frozenset[Role]
    institution_id: int | None
    state: UserState
    password_changed_at: datetime
    must_change_password: bool
    totp_enrolled: bool
    certificate_bound: bool
    last_sign_in_at: datetime | None
    created_at: datetime
    revision: int
    locked: bool = False

    @property
    def administrator(self) -> bool:
        """Whether this is one of the three administrators."""
        return bool(self.roles & SEPARATED)

    @property
    def permissions(self) -> frozenset[str]:
        """Everything that the roles hold."""
        return role_table().of(self.roles)

    def actor(self, address: str) -> Actor:
        """This person, acting from an address."""
        return Actor(ActorKind.USER, self.login, address, self.institution_id)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of one user; sealed at rest, never shown.

    `password` and `former` are argon2id hashes, newest first; `totp` and `pending_totp` are
    base32 secrets, the latter until its first code came; `recovery` are SM3 hashes of codes.
    """

    password: str = field(repr=False)
    former: tuple[str, ...] = field(default=(), repr=False)
    totp: str = field(default="", repr=False)
    pending_totp: str = field(default="", repr=False)
    recovery: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A user with the secrets, as signing in needs them."""

    user: User
    credentials: Credentials = field(repr=False)
    totp_step: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One session: opened, last seen and last proved at, from which address and how."""

    session_id: int
    user_id: int
    address: str
    proved_by: Proof
    proved_at: datetime
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that was just opened; `token` goes into the cookie and is kept nowhere.

    `recovery_left` counts the recovery codes that are left after one was used for it.
    """

    user: User
    session: Session
    csrf: str
    token: str = field(default="", repr=False)
    recovery_left: int | None = None
