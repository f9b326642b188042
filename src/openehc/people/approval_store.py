"""Acts that wait for a second person, in the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final

import msgspec

from openehc.people import sql
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

MOST_WAITING: Final = 50
"""Acts of one requester that may wait at a time."""

ApprovalListing = Listing
"""How a list of approvals is ordered and cut."""


@unique
class ApprovalState(StrEnum):
    """How far an act is; APPROVED without DONE or FAILED means that it was cut off midway."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewApproval:
    """An act that somebody asks for; `parameters` is JSON."""

    kind: str
    parameters: str
    reason: str
    requested_by: int
    requested_from: str
    requested_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """An act as it stands."""

    approval_id: int
    kind: str
    parameters: Mapping[str, Any]
    reason: str
    requested_by: int
    requester: str
    requested_from: str
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState
    decider: str
    decided_at: datetime | None
    decision_reason: str
    outcome: str

    def waits(self, now: datetime) -> bool:
        """Whether it can still be decided."""
        return self.state is ApprovalState.WAITING and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an act, by whom and why."""

    state: ApprovalState
    decided_by: int
    at: datetime
    reason: str


class ApprovalStore:
    """Reads and writes approvals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, connection: Transaction, new: NewApproval) -> int | None:
        """Its number; None when too many of the requester wait."""
        found: int | None = await connection.fetchval(
            sql.INSERT_APPROVAL, new.kind, new.parameters, new.reason, new.requested_by,
            new.requested_from, new.requested_at, new.expires_at, MOST_WAITING,
        )  # fmt: skip
        return found

    async def one(self, approval_id: int) -> Approval | None:
        """The approval of that number."""
        row = await self._database.fetchrow(sql.APPROVAL_BY_ID, approval_id)
        return approval_of(row) if row else None

    async def locked(self, connection: Transaction, approval_id: int) -> Approval | None:
        """The approval, which nobody else decides until the transaction ends."""
        row = await connection.fetchrow(sql.APPROVAL_LOCKED, approval_id)
        return approval_of(row) if row else None

    async def decide(self, connection: Transaction, approval_id: int, decision: Decision) -> None:
        """Write a decision on one that waits."""
        await connection.execute(
            sql.DECIDE_APPROVAL, approval_id, decision.state.value, decision.decided_by,
            decision.at, decision.reason,
        )  # fmt: skip

    async def finish(
        self, connection: Transaction, approval_id: int, state: ApprovalState, *, outcome: str
    ) -> None:
        """Write what became of an approved one."""
        await connection.execute(sql.FINISH_APPROVAL, approval_id, state.value, outcome)

    async def listed(
        self, state: ApprovalState | None, kinds: list[str], listing: Listing
    ) -> tuple[list[Approval], int]:
        """One page of these kinds, and how many match."""
        rows = await self._database.fetch(
            sql.LIST_APPROVALS + listing.clause(tie_break="a.approval_id"), state, kinds
        )
        total = await self._database.fetchval(sql.COUNT_APPROVALS, state, kinds)
        return [approval_of(row) for row in rows], int(total)


def approval_of(row: Any) -> Approval:  # noqa: ANN401 (a row of the driver)
    """A row with the columns of an approval."""
    return Approval(
        approval_id=row["approval_id"], kind=row["kind"],
        parameters=msgspec.json.decode(row["parameters"], type=dict[str, Any]),
        reason=row["reason"], requested_by=row["requested_by"], requester=row["requester"],
        requested_from=row["requested_from"], requested_at=row["requested_at"],
        expires_at=row["expires_at"], state=ApprovalState(row["state"]),
        decider=row["decider"] or "", decided_at=row["decided_at"],
        decision_reason=row["decision_reason"], outcome=row["outcome"],
    )  # fmt: skip
