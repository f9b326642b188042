"""Change what is registered; what was there before stays in the history.

A changed entry that was refused is applied for again. Numbers never change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openehc.access.act_on_record import ActOnRecord
from openehc.access.entries import ApplicationEntry, Entry
from openehc.access.entry_rules import component_of, differences, faults_of, is_major_change
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import stored
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.spec import Spec


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """The use case."""

    act_on: ActOnRecord
    spec: Spec

    async def __call__(self, command: ActCommand, entry: Entry) -> Record | Refusal:
        """The changed entry; the same entry given again changes its revision only."""

        async def change(_connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            faults = (*faults_of(entry, self.spec), *_fixed(record, entry))
            if faults:
                return Refusal(Reason.INPUT_WRONG, faults=faults)
            _, after = differences(record.entry, entry)
            columns = {name: value for name, value in stored(entry).items() if name in after}
            return columns | _report_due(command, record, entry)

        return await self.act_on(command, change)


def _fixed(record: Record, entry: Entry) -> tuple[Fault, ...]:
    """What may not change: whose it is, and with a number what the number says."""
    if getattr(entry, "institution_id", None) != getattr(record.entry, "institution_id", None):
        return (Fault("org_code", "所属机构不可变更，请另行登记", "whose it is cannot change"),)
    before = record.entry
    if (
        record.number and isinstance(entry, ApplicationEntry)
        and isinstance(before, ApplicationEntry)
        and component_of(entry.app_channel) != component_of(before.app_channel)
    ):  # fmt: skip
        return (
            Fault(
                "app_channel", "每个应用种类须单独登记并取得编号",
                "each kind of application is registered under a number of its own",
            ),
        )  # fmt: skip
    return ()


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
