"""One act on one entry: lock it, judge it, change it, write history and audit; all or nothing.

The frame that every use case of the registers shares; what an act does to the columns is
handed in.

0. the institution that it belongs to is held first: whoever ends that one holds it, too
1. the entry exists and lies within the actor's reach      RECORD_UNKNOWN
2. the actor saw its present revision                      RECORD_CHANGED
3. its register knows the act, a reason is given           STATE_FORBIDS, INPUT_WRONG
4. its standing allows the act                             STATE_FORBIDS
5. a second person agreed, where the register wants one    APPROVAL_NEEDED
6. the use case says which columns change                  any refusal of its own
7. columns, history and audit record are written together
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.clashes import TAKEN
from openehc.access.columns import columns_of
from openehc.access.kinds import INSTITUTIONS, Kind
from openehc.access.model import Standing
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import RecordStore, reached
from openehc.access.rules import after, after_owner, reason_faults
from openehc.audit.model import AuditEvent, Category
from openehc.audit.trail import Act as AuditedAct
from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal

UNKNOWN: Final = Refusal(Reason.RECORD_UNKNOWN, "没有此记录", "no such record")
OVERTAKEN: Final = Refusal(
    Reason.RECORD_CHANGED,
    "该记录已被他人修改，请刷新后重试",
    "somebody changed it meanwhile; reload and try again",
)
SECOND_NEEDED: Final = Refusal(
    Reason.APPROVAL_NEEDED,
    "此操作须经第二人批准：请将approval的内容连同原因提交至/api/approvals",
    "a second person has to approve: hand in what stands in `approval`, with a reason, under"
    " /api/approvals",
)

Changes = Mapping[str, Any]
Decide = Callable[[Any, Record], Awaitable[Changes | Refusal]]
"""Given the open transaction and the locked entry: the columns to write, or why not.

Under "noted" may stand what history tells besides: before and after; under "followed" the
audit events of what changed with the entry; under "standing" another one than the act leads to.
"""


@dataclass(frozen=True, slots=True)
class ActOnRecord:
    """Carries out acts; see the steps above."""

    trail: AuditTrail
    records: RecordStore

    async def __call__(self, command: ActCommand, decide: Decide) -> Record | Refusal:
        """The entry afterwards, or why nothing was done."""
        async with self.trail.act(event_of(command)) as act:
            # 0. the institution that it belongs to is held first
            await self.records.hold_owner(act.connection, command.kind, command.record_id)
            record = await self.records.locked(act.connection, command.kind, command.record_id)
            if record:
                act.tell(object_ref=record.reference)
            judged = _judged(command, record)
            if isinstance(judged, Refusal):
                return act.refused(judged)
            record, standing = judged
            # 6. the use case says which columns change
            changes = await decide(act.connection, record)
            if isinstance(changes, Refusal):
                return act.refused(changes)
            return await self._written(act, command, record, {"standing": standing, **changes})

    async def _written(
        self, act: AuditedAct, command: ActCommand, record: Record, changes: dict[str, Any]
    ) -> Record | Refusal:
        # 7. columns, history and audit record are written together
        noted_before, noted = changes.pop("noted", ({}, {}))
        act.followed.extend(changes.pop("followed", ()))
        if command.approved_by:
            noted = {**noted, "approved_by": command.approved_by}
        columns = {
            **changes, "standing": changes["standing"].value,
            "revision": record.revision + 1, "changed_at": command.now,
        }  # fmt: skip
        if not await self.records.update(act.connection, record, columns):
            return act.refused(TAKEN)
        found = await self.records.locked(act.connection, command.kind, command.record_id)
        if found is None:
            return act.refused(UNKNOWN)
        before = told(record, changes) | noted_before
        now = told(found, changes) | noted
        await self.records.remember(act.connection, command, before=before, after=now)
        act.tell(
            object_ref=found.reference, before=masked(command.kind, before),
            after=masked(command.kind, now),
        )  # fmt: skip
        return found


def _judged(command: ActCommand, record: Record | None) -> tuple[Record, Standing] | Refusal:
    # 1. the entry exists and lies within the actor's reach
    if record is None or not reached(record, command.by.institution_id):
        return UNKNOWN
    # 2. the actor saw its present revision
    if record.revision != command.revision:
        return OVERTAKEN
    # 3. its register knows the act, a reason is given
    if command.act not in command.kind.acts:
        return Refusal(
            Reason.STATE_FORBIDS, f"{command.kind.title}不支持此操作", "not known to this register"
        )
    faults = reason_faults(command.act, command.reason)
    if faults:
        return Refusal(Reason.INPUT_WRONG, faults=faults)
    standing = _moved(command, record)
    return standing if isinstance(standing, Refusal) else (record, standing)


def _moved(command: ActCommand, record: Record) -> Standing | Refusal:
    # 4. its standing allows the act
    standing = after(command.act, record.standing)
    if command.kind is not INSTITUTIONS and not isinstance(standing, Refusal):
        standing = after_owner(standing, record.institution_standing)
    # 5. a second person agreed, where the register wants one
    alone = command.act in command.kind.by_two and not command.approved_by
    return SECOND_NEEDED if alone and not isinstance(standing, Refusal) else standing


def event_of(command: ActCommand) -> AuditEvent:
    """The audit event of an act."""
    kind = command.kind.name
    return AuditEvent(
        category=Category.ADMINISTRATION, action=f"{kind}.{command.act.value}", actor=command.by,
        at=command.now, object_kind=kind, object_ref=str(command.record_id),
        reason=command.reason,
    )  # fmt: skip


SECRET_COLUMNS: Final = frozenset({"sealed_secret", "sealed_previous"})
"""Columns whose values no history and no audit record repeats."""


def told(record: Record, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changed columns of an entry as JSON values; of secrets nothing."""
    values: dict[str, Any] = {"standing": record.standing.value}
    for name in changes:
        if name in SECRET_COLUMNS or name == "standing":
            continue
        value = record.number if name == record.kind.number else _value(record, name)
        values[name] = plain(value)
    return values


def _value(record: Record, name: str) -> object:
    if name in record.more:
        return record.more[name]
    return getattr(record.entry, name)


def plain(value: object) -> Any:  # noqa: ANN401 (a JSON value)
    """A value as JSON knows it."""
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def masked(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for the audit record: of contact persons only whether something stands there."""
    private = {column.name for column in columns_of(kind.entry) if column.private}
    return {name: "***" if name in private and value else value for name, value in values.items()}
