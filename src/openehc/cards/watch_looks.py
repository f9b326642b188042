"""Bound how often one person looks at residents, so that nobody reads a town out of the platform.

Counted in the database over all workers, by the minute. Signs nobody out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore
from openehc.kernel.refusal import Reason, Refusal


@unique
class Look(StrEnum):
    """What is counted apart."""

    SEARCH = "search"
    REVEAL = "reveal"


MOST_A_MINUTE: Final = {Look.SEARCH: 60, Look.REVEAL: 30}


@dataclass(frozen=True, slots=True)
class WatchLooks:
    """The use case: called before every look."""

    store: DeskStore
    trail: AuditTrail

    async def __call__(self, look: Look, *, by: Actor, now: datetime) -> Refusal | None:
        """Count the look; a refusal when it is one too many in this minute.

        The first that is too many leaves a security event, those after it in the same
        minute none: a flood must not fill the record.
        """
        most = MOST_A_MINUTE[look]
        looks = await self.store.looked(by.id, kind=look.value, now=now)
        if looks <= most:
            return None
        if looks == most + 1:
            await self.trail.record(
                AuditEvent(
                    category=Category.SECURITY, action=f"residents.{look.value}-too-often",
                    actor=by, at=now, object_kind="user", object_ref=by.id,
                    result=Reason.LOOKS_TOO_MANY.name.lower(), after={"most_a_minute": most},
                )
            )  # fmt: skip
        return Refusal(
            Reason.LOOKS_TOO_MANY,
            f"每分钟最多{most}次，请稍后再试",
            f"at most {most} a minute; try again later",
        )
