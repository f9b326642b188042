"""Changing a user: the name shown, and whether they may sign in at all.

Nobody disables themselves or the last holder of one of the three administrators' roles.
Roles and reach are not changed here: the security administrator gives them.
"""

from dataclasses import dataclass, replace

from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.admit_try import login_subject
from openehc.people.events import administration, refused, told
from openehc.people.model import Principal, User, UserState, Visit
from openehc.people.permissions import SEPARATED
from openehc.people.rules import display_name_faults, unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserStore

NOT_ONESELF = Refusal(
    Reason.STATE_FORBIDS, "不能对自己的账户进行此操作。", "Nobody does this to themselves."
)
LAST_ADMINISTRATOR = Refusal(
    Reason.STATE_FORBIDS, "这是该管理员角色的最后一个有效用户。",
    "This is the last active holder of an administrator's role.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangeUser:
    """Changes users; every change names the revision that it was made from."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail

    async def rename(
        self, user_id: int, display_name: str, *, revision: int, by: Principal, visit: Visit
    ) -> User | Refusal:
        """Show another name."""
        event = administration(
            "user.rename", by, visit, object_kind="user", object_ref=str(user_id)
        )
        if faults := display_name_faults(display_name):
            return await refused(self.trail, event, Refusal(Reason.INPUT_WRONG, faults=faults))
        async with self.trail.act(event) as act:
            held = await held_user(self.users, act, user_id, revision=revision)
            if isinstance(held, Refusal):
                return held
            return await saved(self.users, act, held, replace(held, display_name=display_name))

    async def disable(
        self, user_id: int, *, revision: int, reason: str, by: Principal, visit: Visit
    ) -> User | Refusal:
        """Let nobody sign in as this user any more; sessions end at once."""
        event = administration(
            "user.disable", by, visit, object_kind="user", object_ref=str(user_id), reason=reason
        )
        if user_id == by.user_id:
            return await refused(self.trail, event, NOT_ONESELF)
        async with self.trail.act(event) as act:
            await self.users.alone(act.connection)
            held = await held_user(self.users, act, user_id, revision=revision)
            if isinstance(held, Refusal):
                return held
            kept = held.roles & SEPARATED
            if await self.users.roles_without(act.connection, kept, user_id=user_id):
                return act.refused(LAST_ADMINISTRATOR)
            await self.sessions.delete_others(act.connection, user_id, 0)
            return await saved(self.users, act, held, replace(held, state=UserState.DISABLED))

    async def enable(
        self, user_id: int, *, revision: int, by: Principal, visit: Visit
    ) -> User | Refusal:
        """Let the user sign in again; a lock-out ends as well."""
        event = administration("user.enable", by, visit, object_kind="user")
        async with self.trail.act(event) as act:
            held = await held_user(self.users, act, user_id, revision=revision)
            if isinstance(held, Refusal):
                return held
            await self.sessions.forgive(act.connection, login_subject(held.login), b"")
            return await saved(self.users, act, held, replace(held, state=UserState.ACTIVE))


async def held_user(users: UserStore, act: Act, user_id: int, *, revision: int) -> User | Refusal:
    """The user, whom nobody else changes until the act ends; refused at another revision."""
    found = await users.locked(act.connection, user_id)
    if found is None:
        act.tell(object_ref=str(user_id))
        return act.refused(unknown_user())
    act.tell(object_ref=found.user.login, before=told(found.user))
    if found.user.revision != revision:
        return act.refused(Refusal(Reason.RECORD_CHANGED))
    return found.user


async def saved(users: UserStore, act: Act, before: User, after: User) -> User:
    """Write what a held user became; raises InstitutionUnknown."""
    await users.update(act.connection, replace(after, revision=before.revision))
    act.tell(after=told(after))
    return replace(after, revision=before.revision + 1)
