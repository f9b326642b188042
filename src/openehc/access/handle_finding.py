"""Record a finding and carry it through its steps; each step is audited (材料二 3.2).

Suspending and returning change the application in the same transaction. An application
that a finding suspended comes back when that finding is closed or dismissed and no other
holds it; one that was suspended for another reason before stays so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openehc.access.act_on_record import OVERTAKEN, UNKNOWN
from openehc.access.finding_store import FindingStore
from openehc.access.findings import (
    Finding,
    Seen,
    State,
    Step,
    StepTaken,
    after,
    note_faults,
    seen_faults,
)
from openehc.access.kinds import APPLICATIONS
from openehc.access.model import Standing
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import RecordStore
from openehc.access.rules import Act
from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import Act as AuditedAct
from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal

KNOWN: Final = Refusal(
    Reason.RECORD_EXISTS, "同一违规正在处理中", "the same finding is being handled already"
)

NOT_CONNECTED: Final = Refusal(
    Reason.STATE_FORBIDS, "该应用尚未接入或已退出，无可停用",
    "the software is not connected yet or any more: there is nothing to suspend",
)  # fmt: skip
_UNCONNECTED: Final = frozenset({Standing.APPLIED, Standing.REFUSED, Standing.EXITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCommand:
    """Somebody takes a step about a finding of which they saw this revision."""

    finding_id: int
    revision: int
    step: Step
    by: Actor
    now: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HandleFinding:
    """The use cases."""

    trail: AuditTrail
    findings: FindingStore
    records: RecordStore

    async def record(self, seen: Seen, *, by: Actor, now: datetime) -> Finding | Refusal:
        """A new finding, or why there is none; RECORD_EXISTS while the same one is open."""
        async with self.trail.act(_event(Step.RECORD, by, now)) as act:
            faults = seen_faults(seen)
            if faults:
                return act.refused(Refusal(Reason.INPUT_WRONG, faults=faults))
            if seen.application_id is not None:
                record = await self.records.locked(
                    act.connection, APPLICATIONS, seen.application_id
                )
                if record is None:
                    return act.refused(UNKNOWN)
            finding_id = await self.findings.insert(act.connection, seen, at=now)
            if finding_id is None:
                return act.refused(KNOWN)
            await self._remember(act, finding_id, _taken(Step.RECORD, by, now), None)
            after_it = {"situation": seen.situation.value, "application": seen.application_id}
            act.tell(object_ref=str(finding_id), after=after_it)
            return await self._found(act, finding_id)

    async def step(self, command: FindingCommand) -> Finding | Refusal:
        """The finding after the step."""
        event = _event(command.step, command.by, command.now)
        async with self.trail.act(event) as act:
            act.tell(object_ref=str(command.finding_id), reason=command.reason)
            finding = await self.findings.locked(act.connection, command.finding_id)
            if finding is None:
                return act.refused(UNKNOWN)
            if finding.revision != command.revision:
                return act.refused(OVERTAKEN)
            faults = note_faults(command.step, command.reason)
            state = after(command.step, finding)
            if faults or isinstance(state, Refusal):
                refusal = state if isinstance(state, Refusal) else None
                return act.refused(refusal or Refusal(Reason.INPUT_WRONG, faults=faults))
            record = await self._application(act, finding)
            if record and state is State.SUSPENDED and record.standing in _UNCONNECTED:
                return act.refused(NOT_CONNECTED)
            holds, made = await self._on_application(act, command, finding, record, state)
            await self.findings.move(
                act.connection, finding, state, holding="holds" if holds else "", at=command.now
            )
            taken = _taken(command.step, command.by, command.now, command.reason)
            await self._remember(act, finding.finding_id, taken, made)
            act.tell(
                before={"state": finding.state.value},
                after={"state": state.value, "holds_application": holds},
            )
            return await self._found(act, finding.finding_id)

    async def _remember(
        self, act: AuditedAct, finding_id: int, taken: StepTaken, made: int | None
    ) -> None:
        await self.findings.remember(act.connection, finding_id, taken, application_revision=made)

    async def _application(self, act: AuditedAct, finding: Finding) -> Record | None:
        """The software that the finding is about, held until the end; None if not registered."""
        application_id = finding.seen.application_id
        if application_id is None:
            return None
        return await self.records.locked(act.connection, APPLICATIONS, application_id)

    async def _on_application(
        self, act: AuditedAct, command: FindingCommand, finding: Finding, record: Record | None,
        state: State,
    ) -> tuple[bool, int | None]:  # fmt: skip
        """Suspend or bring back: whether it stays held, and the application's new revision."""
        if record is None:
            return False, None
        if state is State.SUSPENDED:
            stops = record.standing is Standing.ACTIVE
            return True, await self._move(act, command, record, Act.SUSPEND) if stops else None
        if state not in {State.RETURNED, State.DISMISSED} or not finding.holds_application:
            return finding.holds_application, None
        returns = record.standing is Standing.SUSPENDED and await self._free(act, record, finding)
        return False, await self._move(act, command, record, Act.RESUME) if returns else None

    async def _free(self, act: AuditedAct, record: Record, finding: Finding) -> bool:
        """Whether nothing but this finding keeps the application from working."""
        if await self.findings.hold(act.connection, record, finding.finding_id):
            return False
        return await self.findings.stopped(act.connection, record)

    async def _move(
        self, act: AuditedAct, command: FindingCommand, record: Record, what: Act
    ) -> int:
        """The application's revision afterwards."""
        standing = Standing.SUSPENDED if what is Act.SUSPEND else Standing.ACTIVE
        moved = ActCommand(
            kind=APPLICATIONS, record_id=record.record_id, revision=record.revision, act=what,
            by=command.by, now=command.now, reason=f"违规{command.finding_id}：{command.reason}",
        )  # fmt: skip
        columns = {
            "standing": standing.value, "revision": record.revision + 1,
            "changed_at": command.now,
        }  # fmt: skip
        await self.records.update(act.connection, record, columns)
        await self.records.remember(
            act.connection, moved, before={"standing": record.standing.value},
            after={"standing": standing.value},
        )  # fmt: skip
        return record.revision + 1

    async def _found(self, act: AuditedAct, finding_id: int) -> Finding:
        found = await self.findings.locked(act.connection, finding_id)
        if found is None:
            raise LookupError("a finding that was just written is there")
        return found


def _taken(step: Step, by: Actor, now: datetime, note: str = "") -> StepTaken:
    return StepTaken(at=now, step=step, actor_kind=by.kind.value, actor_id=by.id, note=note)


def _event(step: Step, by: Actor, now: datetime) -> AuditEvent:
    return AuditEvent(
        category=Category.ADMINISTRATION, action=f"finding.{step.value}", actor=by, at=now,
        object_kind="finding",
    )  # fmt: skip
