"""Suspend, resume, black-list, restore, exit, apply again: one use case for all registers.

What depends on an institution needs no change of its own: whoever is admitted, and every
list, looks at both standings. Workers are told by the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.ports import OpenFindings
from openehc.access.record import ActCommand, Record
from openehc.access.rules import Act
from openehc.kernel.refusal import Reason, Refusal

STANDING_ACTS: Final = frozenset(
    {Act.SUSPEND, Act.RESUME, Act.BLACKLIST, Act.RESTORE, Act.EXIT, Act.REAPPLY}
)

_BACK: Final = frozenset({Act.RESUME, Act.RESTORE})


@dataclass(frozen=True, slots=True)
class ChangeStanding:
    """The use case."""

    act_on: ActOnRecord
    findings: OpenFindings

    async def __call__(self, command: ActCommand) -> Record | Refusal:
        """The entry in its new standing."""
        if command.act not in STANDING_ACTS:
            raise ValueError(f"{command.act} is no act of this use case")

        async def move(connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            if command.act in _BACK and await self.findings.hold(connection, record):
                return Refusal(
                    Reason.STATE_FORBIDS, "尚有未整改完成的违规，请先办结",
                    "a finding about it is still open",
                )  # fmt: skip
            return {}

        return await self.act_on(command, move)
