"""Show masked fields of one resident in clear, for a reason that the auditor can read.

What is shown stands in the record by the names of its fields, never by its values.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openehc.audit.model import RESIDENT_OBJECT, Actor, AuditEvent, Category, resident_ref
from openehc.audit.trail import AuditTrail
from openehc.cards.masked import in_clear
from openehc.cards.sight import Sight, judge_sights, reason_faults
from openehc.cards.store import CardStore
from openehc.cards.watch_looks import Look, WatchLooks
from openehc.kernel.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Revealed:
    """The fields in clear, and the photo (a JPEG) if it was asked for and is there."""

    fields: dict[str, Any]
    photo: bytes | None


@dataclass(frozen=True, slots=True)
class RevealFields:
    """The use case."""

    cards: CardStore
    watch: WatchLooks
    trail: AuditTrail

    async def __call__(
        self, ehcid: bytes, fields: frozenset[Sight], *, reason: str, by: Actor, now: datetime
    ) -> Revealed | Refusal:
        """These fields, once the look is recorded."""
        faults = reason_faults(reason)
        refusal = (
            Refusal(Reason.INPUT_WRONG, faults=faults) if faults else judge_sights(fields, by=by)
        ) or await self.watch(Look.REVEAL, by=by, now=now)
        if refusal:
            return refusal
        account = await self.cards.by_ehcid(ehcid)
        if account is None:
            return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
        photo = await self.cards.photo(ehcid) if Sight.PHOTO in fields else None
        await self.trail.record(
            AuditEvent(
                category=Category.PERSONAL_DATA, action="residents.reveal", actor=by, at=now,
                object_kind=RESIDENT_OBJECT, object_ref=resident_ref(ehcid),
                reason=reason.strip(), after={"fields": sorted(fields)},
            )
        )  # fmt: skip
        return Revealed(in_clear(account, sorted(fields)), photo)
