"""Making a user: by the system administrator without any role, or on the machine itself.

Nobody has rights until the security administrator gives them (材料二 附录B 5.3: default
users are strictly limited, rights check each other). The initial password is told once.
"""

from dataclasses import dataclass, field

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.ids import Entropy
from openehc.kernel.masking import masked_name
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.model import Credentials, Visit
from openehc.people.passwords import PasswordVault, TooManySignIns, initial_password
from openehc.people.permissions import Role, role_faults
from openehc.people.ports import Sealing
from openehc.people.rules import display_name_faults, login_faults
from openehc.people.sign_in import BUSY
from openehc.people.user_store import InstitutionUnknown, NewUser, UserStore

TAKEN = Refusal(
    Reason.RECORD_EXISTS, "该登录名已被使用，且不得重复使用。",
    "This login is taken; logins are never used again.",
)  # fmt: skip
NO_INSTITUTION = Refusal(
    Reason.INPUT_WRONG,
    faults=(Fault("institution_id", "没有该机构", "there is no such institution"),),
)


@dataclass(frozen=True, slots=True)
class UserToMake:
    """A new user; roles only where the machine's own operator makes one.

    Without a `password` an initial one is made, which has to be changed at once; so has
    one that is handed in as its `password_hash`.
    """

    login: str
    display_name: str
    roles: frozenset[Role] = frozenset()
    institution_id: int | None = None
    password: str = field(default="", repr=False)
    password_hash: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MadeUser:
    """The number of a user, and the password to be told once."""

    user_id: int
    initial_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MakeUser:
    """Makes users."""

    users: UserStore
    vault: PasswordVault
    trail: AuditTrail
    entropy: Entropy
    sealing: Sealing

    async def __call__(self, asked: UserToMake, *, by: Actor, visit: Visit) -> MadeUser | Refusal:
        """The new user with the initial password."""
        faults = (*login_faults(asked.login), *display_name_faults(asked.display_name))
        if asked.roles:
            faults += role_faults(asked.roles, institution_id=asked.institution_id)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        password = asked.password or initial_password(self.entropy)
        try:
            hashed = asked.password_hash or await self.vault.hashed(password)
        except TooManySignIns:
            return BUSY
        event = AuditEvent(
            category=Category.ADMINISTRATION, action="user.make", actor=by, at=visit.now,
            object_kind="user", object_ref=asked.login,
            after={"display_name": masked_name(asked.display_name), "roles": sorted(asked.roles),
                   "institution_id": asked.institution_id},
        )  # fmt: skip
        new = NewUser(
            asked.login, asked.display_name, Credentials(hashed), visit.now, asked.roles,
            asked.institution_id, settled=bool(asked.password),
        )  # fmt: skip
        async with self.sealing(), self.trail.act(event) as act:
            made = await self._inserted(act, new)
        return made if isinstance(made, Refusal) else MadeUser(made, password)

    async def _inserted(self, act: Act, new: NewUser) -> int | Refusal:
        try:
            made = await self.users.insert(act.connection, new)
        except InstitutionUnknown:
            return act.refused(NO_INSTITUTION)
        return act.refused(TAKEN) if made is None else made
