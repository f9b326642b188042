"""End the connection of an institution or of client software: what a second person agreed to.

Called with what one person asked for, by whom, and who approved it. The revision that was
seen when asking still has to be the present one: what was changed meanwhile is looked at anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.change_standing import ChangeStanding
from openehc.access.entry_rules import printable
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, Kind
from openehc.access.record import ActCommand
from openehc.access.rules import Act, reason_faults
from openehc.audit.model import Actor
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Fault, Reason, Refusal

EXITS: Final[Mapping[Kind, str]] = {
    INSTITUTIONS: "institutions.exit", APPLICATIONS: "applications.exit",
}  # fmt: skip
"""The names of both acts where a second person decides on them; their permissions too."""

_LARGEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class EndConnection:
    """The use case: `id` and `revision` name the entry as it was seen, `reason` tells why."""

    kind: Kind
    change_standing: ChangeStanding
    clock: Clock

    async def __call__(
        self, parameters: Mapping[str, Any], by: Actor, approved_by: Actor
    ) -> Refusal | None:
        """End it, or say why it was not ended."""
        faults = exit_faults(parameters)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        done = await self.change_standing(
            ActCommand(
                kind=self.kind, record_id=parameters["id"], revision=parameters["revision"],
                act=Act.EXIT, by=by, now=self.clock.now(), reason=parameters["reason"].strip(),
                approved_by=approved_by.id,
            )
        )  # fmt: skip
        return done if isinstance(done, Refusal) else None


def exit_parameters(command: ActCommand) -> dict[str, Any]:
    """What has to be handed in for this act."""
    return {
        "id": command.record_id, "revision": command.revision, "reason": command.reason,
    }  # fmt: skip


def exit_faults(parameters: Mapping[str, Any]) -> tuple[Fault, ...]:
    """What is wrong with what was handed in; whether the entry is there is not asked."""
    faults = [
        Fault(name, f"须为1至{_LARGEST}的整数", f"a whole number from 1 to {_LARGEST}")
        for name in ("id", "revision")
        if type(parameters.get(name)) is not int or not 1 <= parameters[name] <= _LARGEST
    ]
    reason = parameters.get("reason", "")
    if not isinstance(reason, str) or not printable(reason):
        faults.append(Fault("reason", "须为文字，不得含控制字符", "text, no control characters"))
    else:
        faults += reason_faults(Act.EXIT, reason)
    faults += [
        Fault(name[:64], "没有此参数", "no such parameter")
        for name in parameters
        if name not in {"id", "revision", "reason"}
    ]
    return tuple(faults)
