"""Recording: an act and its record are one transaction, so neither exists without the other.

Fail-closed (材料二 附录B 5.3): when the record cannot be made durable, the act does not
happen. Reads nothing back; `ehc audit` and the auditor's pages do.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from openehc.audit.chain import Chains, unmarked
from openehc.audit.mark_files import MarkFiles
from openehc.audit.model import AuditEvent
from openehc.audit.origin_store import Origin
from openehc.audit.sql import INSERT_RECORDS, RECORDS
from openehc.audit.store import RecordChain, values_of, write
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Refusal
from openehc.storage.batching import GroupCommit
from openehc.storage.pool import Database, Transaction


@dataclass(slots=True)
class Act:
    """An act in work: its transaction, and the event as far as it is known.

    `followed` are events of what the act did beside, each with a record of its own.
    """

    connection: Transaction
    event: AuditEvent
    followed: list[AuditEvent] = field(default_factory=list)

    def tell(self, **known: Any) -> None:  # noqa: ANN401 (fields of AuditEvent)
        """Complete the event: `object_ref`, `before`, `after`, `reason` and so on."""
        self.event = replace(self.event, **known)

    def refused(self, refusal: Refusal) -> Refusal:
        """Note that the act was refused; write nothing else in this transaction."""
        self.tell(result=refusal.reason.name.lower())
        return refusal


class AuditTrail:
    """Writes events; one instance for each process, which notes its chains in `marks`."""

    def __init__(
        self, database: Database, entropy: Entropy, marks: MarkFiles | None = None
    ) -> None:
        self._database = database
        self._origin = Origin(database)
        mark = marks.of(RECORDS, self._origin) if marks else unmarked
        self._chains = Chains(entropy, self._origin, mark)
        self._records = GroupCommit(
            database, INSERT_RECORDS, name="audit", lanes=1,
            addition=lambda: RecordChain(self._chains.opened()),
        )  # fmt: skip

    async def close(self) -> None:
        """Finish what waits and give the connection back."""
        await self._records.close()

    async def record(self, event: AuditEvent) -> None:
        """Record an event by itself; durable when it returns.

        Events that wait at the same moment share a commit. Raises QueueFull, DatabaseDown
        (OutcomeUnknown when nobody knows) and StatementRefused.
        """
        await self._origin.known()
        await self._records.run(values_of(event))

    @asynccontextmanager
    async def act(self, event: AuditEvent) -> AsyncIterator[Act]:
        """A transaction that commits together with the record of `event`.

            async with trail.act(event) as act:
                await act.connection.execute(...)
                act.tell(after={...})

        When the block raises, nothing was done and nothing is recorded.
        """
        await self._origin.known()
        with self._chains.borrowed() as chain:
            async with self._database.transaction() as connection:
                act = Act(connection, event)
                yield act
                await write(connection, [act.event, *act.followed], chain)
            chain.keep()  # only now: a commit in doubt leaves the chain unsettled, so unused
