"""Change what is registered; what was there before stays in the history.

A changed entry that was refused is applied for again. Numbers never change. What the approval
filled in (day of access, owner letter) stays where the form leaves it empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.clashes import clash, named_by
from openehc.access.entries import ApplicationEntry, Entry, ModuleEntry
from openehc.access.entry_rules import component_of, differences, faults_of, is_major_change
from openehc.access.model import Standing
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import stored
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.spec import Spec

_UNDECIDED: Final = frozenset({Standing.APPLIED, Standing.REFUSED})


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """The use case."""

    act_on: ActOnRecord
    spec: Spec

    async def __call__(self, command: ActCommand, entry: Entry) -> Record | Refusal:
        """The changed entry; the same entry given again changes its revision only."""

        async def change(connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            new = _with_assigned(record, entry)
            faults = (*faults_of(new, self.spec), *_fixed(record, new))
            if faults:
                return Refusal(Reason.INPUT_WRONG, faults=faults)
            if record.standing is Standing.REFUSED or named_by(new) != named_by(record.entry):
                same = await self.act_on.records.in_the_way(
                    connection, record.kind, new, besides=record.record_id
                )
                if same:
                    return clash(record.kind, same)
            _, after = differences(record.entry, new)
            columns = {name: value for name, value in stored(new).items() if name in after}
            return columns | _report_due(command, record, new)

        return await self.act_on(command, change)


def _with_assigned(record: Record, entry: Entry) -> Entry:
    """The entry with what an approval filled in; 表6.3 and 6.4 let nobody leave it out."""
    if record.standing in _UNDECIDED:
        return entry
    names = {record.kind.dated, "owner_type"} & {field.name for field in fields(entry)}
    left_out = {name for name in names if getattr(entry, name) is None}
    return replace(entry, **{name: getattr(record.entry, name) for name in left_out})


def _fixed(record: Record, entry: Entry) -> tuple[Fault, ...]:
    """What may not change: whose it is, and with a number what the number says."""
    if getattr(entry, "institution_id", None) != getattr(record.entry, "institution_id", None):
        return (Fault("org_code", "所属机构不可变更，请另行登记", "whose it is cannot change"),)
    return _numbered(record.entry, entry) if record.number else ()


def _numbered(before: Entry, entry: Entry) -> tuple[Fault, ...]:
    """What a number says of an entry (附录D.2): its kind and the letter of the body in charge."""
    faults = []
    if isinstance(entry, ApplicationEntry) and isinstance(before, ApplicationEntry):
        if component_of(entry.app_channel) != component_of(before.app_channel):
            faults.append(Fault(
                "app_channel", "每个应用种类须单独登记并取得编号",
                "each kind of application is registered under a number of its own",
            ))  # fmt: skip
        if entry.use_unit_type != before.use_unit_type:
            faults.append(_letter("use_unit_type"))
    if (
        isinstance(entry, ModuleEntry) and isinstance(before, ModuleEntry)
        and entry.owner_type != before.owner_type
    ):  # fmt: skip
        faults.append(_letter("owner_type"))
    return tuple(faults)


def _letter(field: str) -> Fault:
    return Fault(
        field, "登记编号含此类别，不可变更，请另行登记",
        "the number tells it: register anew under another one",
    )  # fmt: skip


def _report_due(command: ActCommand, record: Record, entry: Entry) -> dict[str, Any]:
    """A change of x or y of the version has to be reported and assessed again (材料二 2.4)."""
    before = record.entry
    if (
        record.number and isinstance(entry, ApplicationEntry)
        and isinstance(before, ApplicationEntry)
        and is_major_change(before.app_version, entry.app_version)
    ):  # fmt: skip
        return {"report_due_since": record.more["report_due_since"] or command.now}
    return {}
