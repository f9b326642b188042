"""Giving and taking roles, and the institution that a user reaches: the security administrator.

Nobody changes their own roles, the three administrators are never one person, and each
of them stays with somebody (材料二 附录B 5.3: rights check each other).
"""

from dataclasses import dataclass, replace

from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.change_user import LAST_ADMINISTRATOR, NOT_ONESELF, held_user, saved
from openehc.people.events import administration, refused
from openehc.people.make_user import NO_INSTITUTION
from openehc.people.model import Principal, User, Visit
from openehc.people.permissions import SEPARATED, Role, role_faults
from openehc.people.session_store import SessionStore
from openehc.people.user_store import InstitutionUnknown, UserStore


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a user shall be from now on; no roles at all take every right away."""

    user_id: int
    revision: int
    roles: frozenset[Role]
    institution_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class AssignRoles:
    """Assigns roles."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail

    async def __call__(self, asked: Assignment, *, by: Principal, visit: Visit) -> User | Refusal:
        """The user with the new roles; their sessions end, so that no old right is left."""
        event = administration(
            "user.assign-roles", by, visit, object_kind="user", object_ref=str(asked.user_id),
            reason=asked.reason,
        )  # fmt: skip
        if asked.user_id == by.user_id:
            return await refused(self.trail, event, NOT_ONESELF)
        faults = (
            role_faults(asked.roles, institution_id=asked.institution_id) if asked.roles else ()
        )
        if faults:
            return await refused(self.trail, event, Refusal(Reason.INPUT_WRONG, faults=faults))
        async with self.trail.act(event) as act:
            await self.users.alone(act.connection)
            held = await held_user(self.users, act, asked.user_id, revision=asked.revision)
            if isinstance(held, Refusal):
                return held
            lost = (held.roles - asked.roles) & SEPARATED
            if await self.users.roles_without(act.connection, lost, user_id=asked.user_id):
                return act.refused(LAST_ADMINISTRATOR)
            after = replace(held, roles=asked.roles, institution_id=asked.institution_id)
            try:
                changed = await saved(self.users, act, held, after)
            except InstitutionUnknown:
                return act.refused(NO_INSTITUTION)
            await self.sessions.delete_others(act.connection, asked.user_id, 0)
        return changed
