"""Record that somebody saw the contact persons of a register in clear (材料一 9.4).

Masked entries and registers without contact persons leave no record. Values are in no
record: it names the entry and the columns that were shown.
"""

from dataclasses import dataclass

from openehc.access.columns import columns_of
from openehc.access.kinds import Kind
from openehc.access.record import Record
from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import Clock


def contact_columns(kind: Kind) -> list[str]:
    """The columns of a register that hold somebody's personal data, in order of their names."""
    return sorted(column.name for column in columns_of(kind.entry) if column.private)


@dataclass(frozen=True, slots=True)
class RecordSight:
    """The use case: called before an entry is shown in clear."""

    trail: AuditTrail
    clock: Clock

    async def __call__(self, record: Record, *, what: str, by: Actor) -> None:
        """Durable when it returns; raises DatabaseDown, and then nothing may be shown.

        `what` is "view" or "view-history".
        """
        columns = contact_columns(record.kind)
        if not columns:
            return
        await self.trail.record(
            AuditEvent(
                category=Category.PERSONAL_DATA, action=f"{record.kind.name}.{what}", actor=by,
                at=self.clock.now(), object_kind=record.kind.name, object_ref=record.reference,
                after={"fields": columns, "shown": 1},
            )
        )  # fmt: skip
