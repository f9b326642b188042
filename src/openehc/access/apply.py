"""Hand in an application to be registered (材料二 附录B 5.1: 接入申请).

The entry is there from now on and works once somebody approved it; see `decide.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from openehc.access.act_on_record import event_of, masked, plain
from openehc.access.clashes import TAKEN, clash
from openehc.access.entries import ApplicationEntry, Entry
from openehc.access.entry_rules import faults_of
from openehc.access.kinds import INSTITUTIONS, Kind
from openehc.access.model import Standing
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import RecordStore, stored
from openehc.access.rules import CLOSED, SAID, Act
from openehc.audit.model import Actor
from openehc.audit.trail import Act as AuditedAct
from openehc.audit.trail import AuditTrail
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.spec import Spec

_APP_ID_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_APP_ID_LENGTH: Final = 18


@dataclass(frozen=True, slots=True)
class Apply:
    """The use case, for each of the four registers."""

    trail: AuditTrail
    records: RecordStore
    spec: Spec
    entropy: Entropy

    async def __call__(
        self, kind: Kind, entry: Entry, *, by: Actor, now: datetime
    ) -> Record | Refusal:
        """The new entry, applied for; or why there is none."""
        command = ActCommand(kind=kind, record_id=0, revision=0, act=Act.APPLY, by=by, now=now)
        async with self.trail.act(event_of(command)) as act:
            refusal = await self._refusal(act, kind, entry, by)
            if refusal:
                return act.refused(refusal)
            values = self._values(entry, now)
            record_id = await self.records.insert(act.connection, kind, values)
            if record_id is None:
                return act.refused(TAKEN)
            return await self._remembered(act, command, record_id, stored(entry))

    async def _refusal(
        self, act: AuditedAct, kind: Kind, entry: Entry, by: Actor
    ) -> Refusal | None:
        faults = faults_of(entry, self.spec)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        owner = getattr(entry, "institution_id", None)
        if by.institution_id is not None and (kind is INSTITUTIONS or owner != by.institution_id):
            return Refusal(Reason.OUT_OF_SCOPE, "只能为本机构申请", "only for your own institution")
        if owner is not None:
            found = await self.records.institution_state(act.connection, owner)
            if found is None or found[0] in CLOSED:
                zh, en = SAID[found[0]] if found else ("未登记", "not registered")
                fault = Fault("org_code", f"所属机构{zh}", f"the institution is {en}")
                return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        same = await self.records.in_the_way(act.connection, kind, entry)
        return clash(kind, same) if same else None

    def _values(self, entry: Entry, now: datetime) -> dict[str, Any]:
        values = {
            **stored(entry), "standing": Standing.APPLIED.value, "created_at": now,
            "changed_at": now,
        }  # fmt: skip
        if isinstance(entry, ApplicationEntry):
            values["app_id"] = new_app_id(self.entropy)
        return values

    async def _remembered(
        self, act: AuditedAct, command: ActCommand, record_id: int, values: dict[str, Any]
    ) -> Record | Refusal:
        applied = ActCommand(
            kind=command.kind, record_id=record_id, revision=0, act=command.act, by=command.by,
            now=command.now,
        )  # fmt: skip
        after = {name: plain(value) for name, value in values.items()}
        await self.records.remember(act.connection, applied, before={}, after=after)
        found = await self.records.locked(act.connection, command.kind, record_id)
        if found is None:
            raise LookupError("an entry that was just inserted is there")
        act.tell(object_ref=found.reference, after=masked(command.kind, after))
        return found


def new_app_id(entropy: Entropy) -> str:
    """A name for a client application: 18 characters, of which none is mistaken for another."""
    return "".join(
        _APP_ID_LETTERS[byte % len(_APP_ID_LETTERS)] for byte in entropy.bytes(_APP_ID_LENGTH)
    )
