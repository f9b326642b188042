"""Rotate, end the overlap of, and revoke the secret of a client application.

After a rotation the secret before works until a given time, so that an operator can
change it at leisure. Every worker follows within a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.credentials import NewSecret, Secrets
from openehc.access.decide import Approved
from openehc.access.record import ActCommand, Record
from openehc.kernel.refusal import Fault, Reason, Refusal

LONGEST_OVERLAP: Final = timedelta(days=30)
NO_PREVIOUS: Final[Mapping[str, Any]] = {"sealed_previous": None, "previous_until": None}
NO_SECRETS: Final[Mapping[str, Any]] = {**NO_PREVIOUS, "sealed_secret": None}


@dataclass(frozen=True, slots=True)
class ManageSecret:
    """The use cases; the act is named by the command."""

    act_on: ActOnRecord
    secrets: Secrets

    async def rotate(self, command: ActCommand, *, overlap: timedelta) -> Approved | Refusal:
        """A new secret; the present one works for `overlap` longer, at most 30 days."""
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            fault = Fault("overlap_hours", "重叠时间应为0至30天", "0 to 30 days")
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        made: list[NewSecret] = []

        async def change(connection: Any, record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            present = await self.act_on.records.sealed_secret(connection, record)
            made.append(self.secrets.new(record.more["app_id"]))
            previous = NO_PREVIOUS
            if present is not None and overlap:
                previous = {"sealed_previous": present, "previous_until": command.now + overlap}
            return {**previous, **made[0].columns, "secret_made_at": command.now}

        record = await self.act_on(command, change)
        return record if isinstance(record, Refusal) else Approved(record, made[0])

    async def end_overlap(self, command: ActCommand) -> Record | Refusal:
        """The secret before the last rotation stops working now."""

        async def change(_connection: Any, _record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            return NO_PREVIOUS

        return await self.act_on(command, change)

    async def revoke(self, command: ActCommand) -> Record | Refusal:
        """No secret works from now on; a rotation makes a new one."""

        async def change(_connection: Any, _record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            return NO_SECRETS

        return await self.act_on(command, change)
