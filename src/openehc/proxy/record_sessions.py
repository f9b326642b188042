"""The record of each session that a caller opened: durable before the caller hears of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.proxy.model import Address
from openehc.proxy.record_calls import OBJECT_KIND, Trail

ACTION: Final = "crypto.session"


@dataclass(frozen=True, slots=True)
class RecordSessions:
    """`SessionRecorder` over the audit trail."""

    trail: Trail

    async def opened(self, caller: str, *, source: Address, at: datetime) -> None:
        """Durable when it returns; raises `PlatformError`, and then no session is opened."""
        event = AuditEvent(
            category=Category.SECURITY, action=ACTION,
            actor=Actor(ActorKind.APPLICATION, caller, str(source)), at=at,
            object_kind=OBJECT_KIND,
        )  # fmt: skip
        await self.trail.record(event)
