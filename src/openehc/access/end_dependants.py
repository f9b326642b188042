"""An institution that leaves takes along what depends on it (材料二 附录B 5.1: 中止机构合作关系).

Its software loses secrets and certificates and leaves, as do its terminals and crypto modules;
what waited for an approval is refused; its people sign in no more. Each of them gets its own
line in history and its own audit record, all in the transaction of the institution's act.
Nothing of it comes back with the institution.
"""

from dataclasses import dataclass
from typing import Any, Final

from openehc.access.ending_store import Ended, EndingStore
from openehc.access.kinds import DEPENDING, Kind
from openehc.access.ports import Staff
from openehc.access.record import ActCommand, Record
from openehc.access.rules import ACTS, Act
from openehc.audit.model import AuditEvent, Category
from openehc.kernel.refusal import Reason, Refusal

MOST: Final = 20_000
"""So many entries end with one institution: their audit records are one group of a chain."""

TOO_MANY: Final = Refusal(
    Reason.STATE_FORBIDS, f"所属的软件、终端和密码模块超过{MOST}个，请先分别退出",
    f"more than {MOST:,} entries belong to it: end some of them first",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndDependants:
    """The use case, part of the act on the institution; `staff` are the people who work there."""

    store: EndingStore
    staff: Staff

    async def __call__(
        self, connection: Any, command: ActCommand, institution: Record  # noqa: ANN401 (the open transaction)
    ) -> tuple[dict[str, int], list[AuditEvent]] | Refusal:  # fmt: skip
        """How many of each kind ended, and the events that tell so one by one."""
        if await self.store.count(connection, institution.record_id) > MOST:
            return TOO_MANY
        reason = f"随机构{ACTS[Act.EXIT]}：{command.reason}"
        noted = {"with_institution": institution.org_code, "approved_by": command.approved_by}
        numbers: dict[str, int] = {}
        events: list[AuditEvent] = []
        for kind in DEPENDING:
            ended = await self.store.end(connection, kind, command, reason=reason, noted=noted)
            numbers[kind.table] = len(ended)
            events += [_event(kind, one, command, institution, reason) for one in ended]
        left = await self.staff.leave(
            connection, institution.record_id, by=command.by, reason=reason, at=command.now
        )
        return {**numbers, "users": len(left)}, [*events, *left]


def _event(
    kind: Kind, ended: Ended, command: ActCommand, institution: Record, reason: str
) -> AuditEvent:
    return AuditEvent(
        category=Category.ADMINISTRATION, action=f"{kind.name}.{ended.act}", actor=command.by,
        at=command.now, object_kind=kind.name, reason=reason,
        object_ref=f"{ended.record_id}:{ended.number or institution.org_code}",
        before=ended.before, after=ended.after,
    )  # fmt: skip
