"""Suspend, resume, black-list, restore, exit, apply again: one use case for all registers.

While an institution is stopped, what depends on it needs no change of its own: whoever is
admitted, and every list, looks at both standings. An exit is for good: secrets and certificates
of client software are gone with it, and an institution takes along what depends on it. Off the
black list means back to the standing before. Workers are told by the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.end_dependants import EndDependants
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS
from openehc.access.manage_secret import NO_SECRETS
from openehc.access.model import Standing
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
    end_dependants: EndDependants

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
            if command.act is Act.EXIT:
                return await self._exit(connection, command, record)
            if command.act is Act.REAPPLY and record.standing is Standing.EXITED:
                # one that left before an exit took anything along
                return await self._take_along(connection, command, record)
            if command.act is Act.RESTORE:
                return await self._restore(connection, record)
            return {}

        return await self.act_on(command, move)

    async def _exit(
        self, connection: Any, command: ActCommand, record: Record  # noqa: ANN401 (the open transaction)
    ) -> Mapping[str, Any] | Refusal:  # fmt: skip
        if record.kind is APPLICATIONS:
            return {**NO_SECRETS, "client_certificates": [], "certificate_needed": False}
        if record.kind is INSTITUTIONS:
            return await self._take_along(connection, command, record)
        return {}

    async def _take_along(
        self, connection: Any, command: ActCommand, record: Record  # noqa: ANN401 (the open transaction)
    ) -> Mapping[str, Any] | Refusal:  # fmt: skip
        ended = await self.end_dependants(connection, command, record)
        if isinstance(ended, Refusal):
            return ended
        numbers, events = ended
        return {"noted": ({}, {"ended": numbers}), "followed": events} if events else {}

    async def _restore(self, connection: Any, record: Record) -> Mapping[str, Any]:  # noqa: ANN401
        """Whatever was suspended before stays so until somebody lets it go on."""
        records = self.act_on.records
        before = await records.standing_before(connection, record, Act.BLACKLIST)
        return {"standing": Standing.SUSPENDED} if before is Standing.SUSPENDED else {}
