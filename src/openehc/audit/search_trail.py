"""Search and count audit records (材料二 附录B 5.3: 统计、查询、分析).

Whoever looks is recorded, before anything is shown. Checks no chain.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.record_store import AuditRecord, RecordCount, RecordQuery, RecordStore
from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.storage.listing import Found, Listing

SORTABLE: Final = {
    "at": "at", "actor": "actor_id", "action": "action", "category": "category",
    "result": "result",
}  # fmt: skip
NEWEST_FIRST: Final = "-at"
DIMENSIONS: Final = {
    "day": "(at at time zone 'Asia/Shanghai')::date", "category": "category", "action": "action",
    "result": "result", "actor": "actor_id", "actor_kind": "actor_kind",
    "institution": "institution_id", "object_kind": "object_kind",
}  # fmt: skip
"""What counts can be told apart by: names on the wire and expressions."""

OBJECT: Final = "audit"


@dataclass(frozen=True, slots=True)
class SearchTrail:
    """The use case."""

    store: RecordStore
    trail: AuditTrail

    async def __call__(
        self, query: RecordQuery, *, listing: Listing, actor: Actor, now: datetime
    ) -> Found[AuditRecord]:
        """A page of what matches and lies within the actor's reach. Raises DatabaseDown."""
        reached = within_reach(query, actor)
        await self.trail.record(looked("audit.search", reached, actor=actor, now=now))
        return await self.store.page(reached, listing=listing)

    async def counted(
        self, query: RecordQuery, *, by: tuple[str, ...], actor: Actor, now: datetime
    ) -> list[RecordCount] | Refusal:
        """Counts of what matches by names of `DIMENSIONS`, the most frequent first."""
        if not by or len(set(by)) < len(by) or not set(by) <= DIMENSIONS.keys():
            names = ", ".join(DIMENSIONS)
            fault = Fault(
                "by", f"可选（至少一项，不重复）：{names}", f"one or more, each once: {names}"
            )
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        reached = within_reach(query, actor)
        await self.trail.record(looked("audit.count", reached, actor=actor, now=now))
        return await self.store.counts(reached, columns=tuple(DIMENSIONS[name] for name in by))


def within_reach(query: RecordQuery, actor: Actor) -> RecordQuery:
    """The query, cut down to the actor's own institution where that is their reach."""
    if actor.institution_id is None:
        return query
    return replace(query, institution_id=actor.institution_id)


def looked(action: str, query: RecordQuery, *, actor: Actor, now: datetime) -> AuditEvent:
    """The event that somebody looked at the records, with what they asked for."""
    return AuditEvent(
        category=Category.SECURITY, action=action, actor=actor, at=now, object_kind=OBJECT,
        after=asked_for(query),
    )  # fmt: skip


def asked_for(query: RecordQuery) -> dict[str, Any]:
    """What a query says, as JSON values."""
    said = {name: getattr(query, name) for name in query.__slots__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in said.items()
        if value is not None
    }
