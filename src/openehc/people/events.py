"""Audit events of people: sign-ins are SECURITY, changes of users and policy ADMINISTRATION.

Looks at people's names are PERSONAL_DATA. An event names users by login and holds no secret;
what a stranger typed as a login is not in it, for people type passwords into the wrong field.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.kernel.masking import masked_name
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal, User, Visit

NOBODY: Final = "unknown"
"""The actor of a failed sign-in under a login that nobody has."""


def security(action: str, actor: Actor, visit: Visit, **more: Any) -> AuditEvent:  # noqa: ANN401 (fields of AuditEvent)
    """Something about signing in."""
    return AuditEvent(category=Category.SECURITY, action=action, actor=actor, at=visit.now, **more)


def administration(
    action: str,
    by: Principal,
    visit: Visit,
    **more: Any,  # noqa: ANN401 (fields of AuditEvent)
) -> AuditEvent:
    """A change of users, roles or policy."""
    return AuditEvent(
        category=Category.ADMINISTRATION, action=action, actor=by.actor, at=visit.now, **more
    )


def sight(action: str, seen: Sequence[User], *, by: Principal, visit: Visit) -> AuditEvent:
    """These users were shown with their names; the event names them by login."""
    logins = sorted({user.login for user in seen})
    return AuditEvent(
        category=Category.PERSONAL_DATA, action=action, actor=by.actor, at=visit.now,
        object_kind="user", object_ref=logins[0] if len(logins) == 1 else "",
        after={"logins": logins, "shown": len(seen)},
    )  # fmt: skip


async def refused(trail: AuditTrail, event: AuditEvent, refusal: Refusal) -> Refusal:
    """Record an act that was refused before it began; gives the refusal."""
    await trail.record(replace(event, result=refusal.reason.name.lower()))
    return refusal


def nobody(visit: Visit) -> Actor:
    """Somebody who is not known."""
    return Actor(ActorKind.USER, NOBODY, visit.address)


def actor_of(user: User | None, visit: Visit) -> Actor:
    """The user, or nobody."""
    return user.actor(visit.address) if user else nobody(visit)


def told(user: User) -> dict[str, Any]:
    """A user as audit records show them."""
    return {
        "display_name": masked_name(user.display_name), "roles": sorted(user.roles),
        "institution_id": user.institution_id, "state": user.state.value,
    }  # fmt: skip
