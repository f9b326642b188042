"""Ends what belongs to an institution, in the transaction of the act that ends the institution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from openehc.access import ending_sql as sql
from openehc.access.kinds import Kind
from openehc.access.record import ActCommand
from openehc.storage.pool import Transaction


@dataclass(frozen=True, slots=True)
class Ended:
    """An entry that left, or was refused as it waited; its columns before and after."""

    record_id: int
    number: str | None
    act: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class EndingStore:
    """Writes the registers."""

    async def count(self, connection: Transaction, institution_id: int) -> int:
        """How many entries belong to the institution, but for those that left before."""
        return int(await connection.fetchval(sql.COUNT_ENTRIES, institution_id))

    async def end(
        self, connection: Transaction, kind: Kind, command: ActCommand, *, reason: str,
        noted: Mapping[str, Any],
    ) -> list[Ended]:  # fmt: skip
        """End all entries of one register, with a line in the history of each."""
        by = command.by
        rows = await connection.fetch(
            sql.END_ENTRIES[kind], command.record_id, command.now, by.kind.value, by.id, reason,
            msgspec.json.encode(noted).decode(),
        )  # fmt: skip
        return [
            Ended(
                row["record_id"], row["number"], row["act"],
                msgspec.json.decode(row["before"]), msgspec.json.decode(row["after"]),
            )
            for row in rows
        ]  # fmt: skip
