"""Recording that somebody who is signed in asked for what their roles do not hold.

Decides nothing: the door that turns them away does (`console/api/guards.py`).
"""

from dataclasses import dataclass

from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Reason
from openehc.people.events import security
from openehc.people.model import Principal, Visit


@dataclass(frozen=True, slots=True)
class RecordDenial:
    """The use case."""

    trail: AuditTrail
    clock: Clock

    async def __call__(self, by: Principal, *, permission: str, route: str) -> None:
        """Durable when it returns; `route` is the method and the path without its values."""
        await self.trail.record(
            security(
                "permission.deny", by.actor, Visit(by.actor.address, self.clock.now()),
                object_kind="permission", object_ref=permission,
                result=Reason.NOT_GRANTED.name.lower(), after={"route": route},
            )
        )  # fmt: skip
