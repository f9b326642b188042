"""Findings in the database. Changes run in a transaction that the caller opened with its record."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from openehc.access import finding_sql as sql
from openehc.access.findings import (
    Finding,
    Seen,
    Situation,
    Source,
    State,
    Step,
    StepTaken,
)
from openehc.access.record import Record
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

SORTABLE: Final = {"id": "f.finding_id", "found_at": "f.found_at", "state": "f.state"}

MOST_STRANGERS: Final = 200
"""So many findings about software that nobody registered wait at a time: what strangers invent
fills neither the list of whoever handles it nor the records that are never removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSearch:
    """What a list of findings is narrowed to; `reach` is the actor's limit."""

    state: State | None = None
    situation: Situation | None = None
    application_id: int | None = None
    reach: int | None = None


@dataclass(frozen=True, slots=True)
class Knocking:
    """Somebody who was turned away often on one day."""

    app_id: str
    reason: str
    attempts: int
    application_id: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at refused calls by any worker, and the last day that has a record of one."""

    looked_at: datetime
    recorded_on: date | None


class FindingStore:
    """Reads and writes findings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, search: FindingSearch, listing: Listing) -> tuple[list[Finding], int]:
        """One page, and how many there are."""
        arguments = (
            search.state and search.state.value, search.situation and search.situation.value,
            search.application_id, search.reach,
        )  # fmt: skip
        statement = sql.PAGE + listing.clause(tie_break="f.finding_id")
        rows = await self._database.fetch(statement, *arguments)
        total = await self._database.fetchval(sql.COUNT, *arguments)
        return [_finding(row) for row in rows], int(total)

    async def find(self, finding_id: int, *, reach: int | None) -> Finding | None:
        """One finding, if the actor's reach covers its application."""
        row = await self._database.fetchrow(sql.ONE, finding_id)
        finding = _finding(row) if row else None
        return finding if finding and reach in (None, finding.institution_id) else None

    async def locked(self, connection: Transaction, finding_id: int) -> Finding | None:
        """One finding, which nobody else changes until the transaction ends."""
        row = await connection.fetchrow(sql.LOCK, finding_id)
        return _finding(row) if row else None

    async def insert(self, connection: Transaction, seen: Seen, *, at: datetime) -> int | None:
        """A new finding's id; None when the same is being handled already."""
        found = await connection.fetchval(
            sql.INSERT, seen.application_id, seen.subject, seen.situation.value, seen.evidence,
            seen.source.value, at,
        )  # fmt: skip
        return None if found is None else int(found)

    async def move(
        self, connection: Transaction, finding: Finding, state: State, *, holding: str, at: datetime
    ) -> None:
        """Write the new state; `holding` is "holds" while the application is suspended by it."""
        await connection.execute(sql.MOVE, finding.finding_id, state.value, holding == "holds", at)

    async def remember(
        self, connection: Transaction, finding_id: int, taken: StepTaken, *,
        application_revision: int | None,
    ) -> None:  # fmt: skip
        """Add a step, and the revision of the application that it made, if it made one."""
        await connection.execute(
            sql.INSERT_STEP, finding_id, taken.at, taken.step.value, taken.actor_kind,
            taken.actor_id, taken.note, application_revision,
        )  # fmt: skip

    async def steps(self, finding_id: int) -> list[StepTaken]:
        """What was done about a finding, the last first; at most 500 steps."""
        rows = await self._database.fetch(sql.STEPS, finding_id)
        return [StepTaken(**{**dict(row), "step": Step(row["step"])}) for row in rows]

    async def stopped(self, connection: Transaction, record: Record) -> bool:
        """Whether it was a finding that suspended the application the last time."""
        return bool(await connection.fetchval(sql.STOPPED_BY_FINDING, record.record_id))

    async def hold(self, connection: Transaction, record: Record, besides: int = 0) -> bool:
        """Whether an open finding suspended the application; `besides` is left out."""
        return bool(await connection.fetchval(sql.HOLDING, record.record_id, besides))

    async def last_look(self) -> Look:
        """When refused calls were last looked at."""
        row = await self._database.fetchrow(sql.LAST_LOOK)
        if row is None:
            raise LookupError("the migration makes the row of finding_looks")
        return Look(row["looked_at"], row["recorded_on"])

    async def note_look(
        self, connection: Transaction | None, *, at: datetime, recorded_on: date | None = None
    ) -> None:
        """Note a look, in the transaction of its record if there is one."""
        await (connection or self._database).execute(sql.NOTE_LOOK, at, recorded_on)

    async def knocking(self, day: date, *, at_least: int) -> list[Knocking]:
        """Who was turned away so often on that day, the most frequent first; at most 200.

        Nobody unregistered any more while `MOST_STRANGERS` of them wait for somebody to look.
        """
        rows = await self._database.fetch(sql.KNOCKING, day, at_least, MOST_STRANGERS)
        return [
            Knocking(row["app_id"], row["reason"], row["attempts"], row["application_id"])
            for row in rows
        ]


def _finding(row: Any) -> Finding:  # noqa: ANN401 (a row of the driver)
    seen = Seen(
        application_id=row["application_id"], subject=row["subject"],
        situation=Situation(row["situation"]), evidence=row["evidence"],
        source=Source(row["source"]),
    )  # fmt: skip
    return Finding(
        finding_id=row["finding_id"], seen=seen, state=State(row["state"]),
        holds_application=row["holds_application"], found_at=row["found_at"],
        changed_at=row["changed_at"], revision=row["revision"],
        institution_id=row["institution_id"], app_name=row["app_name"],
        record_num=row["ehcappid"],
    )  # fmt: skip
