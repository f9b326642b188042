"""Approve or refuse an application; an approval assigns the number of 附录D.2.

The number is taken in the transaction of the approval: whoever approves the same kind
under the same owner letter waits, so numbers have no gap and none is given twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from openehc.access.act_on_record import ActOnRecord
from openehc.access.credentials import NewSecret, Secrets
from openehc.access.entries import ApplicationEntry, InstitutionEntry, ModuleEntry
from openehc.access.entry_rules import component_of, faults_of, owner_of_category
from openehc.access.model import Standing
from openehc.access.numbers import CRYPTO_MODULE, TERMINAL, compose_ehcappid
from openehc.access.record import ActCommand, Record
from openehc.kernel.clock import china_day
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.spec import Spec

USED_UP = Refusal(
    Reason.STATE_FORBIDS,
    "该类别的登记编号已用完（0001~9999），请与国家管理部门联系扩充",
    "the numbers 0001 to 9999 of this kind are used up",
)


@dataclass(frozen=True, slots=True)
class Approved:
    """An approved entry; an application comes with its credentials, shown this once."""

    record: Record
    secret: NewSecret | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """The use cases. `ehcin` is this node's number, `node_name` what 表7.1 calls erhc_system."""

    act_on: ActOnRecord
    secrets: Secrets
    spec: Spec
    ehcin: str
    node_name: str

    async def refuse(self, command: ActCommand) -> Record | Refusal:
        """Refuse, with the reason that the applicant is told."""

        async def nothing(_connection: Any, _record: Record) -> Mapping[str, Any]:  # noqa: ANN401
            return {}

        return await self.act_on(command, nothing)

    async def approve(
        self, command: ActCommand, *, tested_on: date | None = None
    ) -> Approved | Refusal:
        """Approve. An application needs the day on which its joint test passed (材料一 7.2)."""
        made: list[NewSecret] = []

        async def approval(connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            day = china_day(command.now)
            faults = _faults(record, self.spec, tested_on=tested_on, day=day)
            if faults:
                return Refusal(Reason.INPUT_WRONG, faults=faults)
            changes = await self._numbered(connection, record)
            if isinstance(changes, Refusal):
                return changes
            changes |= _dated(record, day)
            if isinstance(record.entry, ApplicationEntry):
                made.append(self.secrets.new(record.more["app_id"]))
                changes |= made[0].columns | {
                    "secret_made_at": command.now, "erhc_system": self.node_name,
                    "noted": ({}, {"joint_test_on": str(tested_on)}),
                }  # fmt: skip
            return changes

        record = await self.act_on(command, approval)
        if isinstance(record, Refusal):
            return record
        return Approved(record, made[0] if made else None)

    async def _numbered(self, connection: Any, record: Record) -> dict[str, Any] | Refusal:  # noqa: ANN401
        """The number, unless the entry has one from before; its institution must be active."""
        entry = record.entry
        if isinstance(entry, InstitutionEntry):
            return {"owner_type": entry.owner_type or owner_of_category(entry.org_category)}
        letter = "X"
        if record.institution_id is not None:
            found = await self.act_on.records.institution_state(connection, record.institution_id)
            if found is None or found[0] is not Standing.ACTIVE:
                return Refusal(
                    Reason.STATE_FORBIDS, "所属机构尚未批准或已停用",
                    "its institution is not approved or was stopped",
                )  # fmt: skip
            letter = found[1] or owner_of_category(found[2] or "")
        component = TERMINAL
        if isinstance(entry, ApplicationEntry):
            component, letter = component_of(entry.app_channel), entry.use_unit_type
        elif isinstance(entry, ModuleEntry):
            component, letter = CRYPTO_MODULE, entry.owner_type
        if record.number:
            return {}
        return await self._number(connection, record, component=component, owner=letter)

    async def _number(
        self, connection: Any, record: Record, *, component: str, owner: str  # noqa: ANN401
    ) -> dict[str, Any] | Refusal:  # fmt: skip
        serial = await self.act_on.records.next_number(
            connection, ehcin=self.ehcin, component=component, owner=owner
        )
        if serial is None:
            return USED_UP
        number = compose_ehcappid(self.ehcin, component=component, owner=owner, serial=serial)
        return {record.kind.number: number}


def _faults(record: Record, spec: Spec, *, tested_on: date | None, day: date) -> tuple[Fault, ...]:
    """What the entry lacks to be approved."""
    faults = faults_of(record.entry, spec)
    if isinstance(record.entry, ApplicationEntry) and (tested_on is None or tested_on > day):
        wanted = Fault(
            "joint_test_on", "请填写数据准确性联调测试通过的日期",
            "the day on which the joint test passed is needed",
        )  # fmt: skip
        return (*faults, wanted)
    return faults


def _dated(record: Record, day: date) -> dict[str, Any]:
    """The day of access: as entered, else today."""
    name = record.kind.dated
    entered = getattr(record.entry, name, None) or record.more.get(name)
    return {name: entered or day}
