"""Imports in the database: jobs, what the register holds already, batches of new rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from openehc.access.contacts import SEALED, Contacts, without
from openehc.access.entries import Entry
from openehc.access.imports import sql
from openehc.access.imports.failed_rows import FailedRows
from openehc.access.imports.importing import Importing, Key
from openehc.access.imports.judging import Known, Place, owner_of, placed
from openehc.access.imports.model import ImportCommand, Job, JobSearch, JobState, Mode
from openehc.access.imports.reading import ReadRow
from openehc.access.kinds import APPLICATIONS, Kind
from openehc.access.model import Standing
from openehc.access.record_store import entry_of
from openehc.audit.model import Actor
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class ImportStore:
    """Reads and writes imports."""

    def __init__(self, database: Database, contacts: Contacts, failed_rows: FailedRows) -> None:
        self._database = database
        self._contacts = contacts
        self._failed_rows = failed_rows

    async def open_job(
        self, connection: Transaction, job_id: UUID, command: ImportCommand, *, digest: bytes,
        at: datetime,
    ) -> None:  # fmt: skip
        """A new job; raises DatabaseDown."""
        await connection.execute(
            sql.INSERT_JOB, job_id, command.kind.name, command.mode.value,
            command.file_name[:200], digest, command.by.id, command.by.institution_id, at,
        )  # fmt: skip

    async def job(self, job_id: UUID) -> Job | None:
        """How far the job came."""
        row = await self._database.fetchrow(sql.SELECT_JOB, job_id)
        return _job(row) if row else None

    async def jobs(self, search: JobSearch, listing: Listing) -> tuple[list[Job], int]:
        """One page of the jobs of a register, and how many there are."""
        arguments = (search.register, search.reach, search.state and search.state.value)
        statement = sql.SELECT_JOBS + listing.clause(tie_break="job_id")
        rows = await self._database.fetch(statement, *arguments)
        total = await self._database.fetchval(sql.COUNT_JOBS, *arguments)
        return [_job(row) for row in rows], int(total)

    async def alive(self, job_id: UUID, *, at: datetime) -> None:
        """Note that the job is being worked on."""
        await self._database.execute(sql.JOB_ALIVE, job_id, at)

    async def give_up(
        self, *, problem: tuple[str, str], job_id: UUID | None = None,
        silent_since: datetime | None = None,
    ) -> None:  # fmt: skip
        """End this job, or those of which nothing was heard; what they took stays counted."""
        await self._database.execute(sql.GIVE_UP, job_id, silent_since, *problem)

    async def set_state(
        self, job_id: UUID, state: JobState, *, total: int = 0,
        problem: tuple[str, str] = ("", ""), at: datetime,
    ) -> None:  # fmt: skip
        """Note where the job stands."""
        await self._database.execute(sql.JOB_STATE, job_id, state.value, total, *problem, at)

    async def progress(
        self, connection: Transaction | None, job_id: UUID, *, figures: tuple[int, int, int],
        at: datetime,
    ) -> None:  # fmt: skip
        """Add new, unchanged and failed rows, in the transaction of the batch if there is one."""
        await (connection or self._database).execute(sql.JOB_PROGRESS, job_id, *figures, at)

    async def finish(self, job_id: UUID, *, failed_rows: bytes | None, at: datetime) -> None:
        """The job is done; keep the workbook of failed rows, sealed."""
        sealed = None
        if failed_rows is not None:
            sealed = await self._failed_rows.sealed(job_id, failed_rows)
        await self._database.execute(sql.JOB_DONE, job_id, sealed, at)

    async def failed_rows(self, job_id: UUID) -> bytes | None:
        """The workbook of failed rows."""
        found = await self._database.fetchval(sql.FAILED_ROWS, job_id)
        return None if found is None else await self._failed_rows.opened(job_id, bytes(found))

    async def forget(self, *, before: datetime) -> None:
        """Remove jobs from before that time, with their workbooks."""
        await self._database.execute(sql.FORGET_JOBS, before)

    async def known(self, importing: Importing, rows: Sequence[ReadRow]) -> Known:
        """What the register holds about these rows."""
        places: dict[str, Place] = {}
        if importing.owner:
            codes = sorted({row.org_code for row in rows})
            found = await self._database.fetch(sql.INSTITUTIONS_BY_CODE, codes)
            places = {row["org_code"]: _place(row) for row in found}
        entries: dict[Key, list[Entry]] = {}
        standings: dict[Key, set[Standing]] = {}
        keys = [
            importing.key_of(placed(row.entry, places.get(row.org_code)))
            for row in rows
            if row.entry
        ]
        columns = [list(column) for column in zip(*keys, strict=True)] or [[]] * len(importing.key)
        for held in await self._database.fetch(sql.EXISTING[importing.kind], *columns):
            entry = entry_of(importing.kind, held, self._opened(importing.kind, held))
            entries.setdefault(tuple(held["key"]), []).append(entry)
            standings.setdefault(tuple(held["key"]), set()).add(Standing(held["standing"]))
        return Known(entries, places, standings)

    async def held_places(
        self, connection: Transaction, importing: Importing, rows: Sequence[ReadRow]
    ) -> dict[str, Place]:
        """The institutions of these rows, which nobody changes until the transaction ends."""
        codes = sorted({row.org_code for row in rows}) if importing.owner else []
        found = await connection.fetch(sql.HELD_INSTITUTIONS, codes)
        return {row["org_code"]: _place(row) for row in found}

    def _opened(self, kind: Kind, row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of the driver)
        if kind is not APPLICATIONS:
            return {}
        return self._contacts.opened(row["sealed_contact"], app_id=row["app_id"])

    def _sealed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        columns = self._contacts.columns(values, app_id=values["app_id"], present={})
        return {**columns, SEALED: _bytea(columns[SEALED])}

    async def insert(
        self, connection: Transaction, importing: Importing, values: Sequence[Mapping[str, Any]]
    ) -> dict[Key, int]:
        """Insert rows; the ids of those that were not there, by key."""
        kind = importing.kind
        if kind is APPLICATIONS:
            await connection.execute(sql.ONE_IMPORT, kind.name)
            values = [self._sealed(row) for row in values]
        rows = await connection.fetch(sql.insert_rows(importing), _encode(values).decode())
        return {tuple(row["key"]): row["record_id"] for row in rows}

    async def remember(
        self, connection: Transaction, kind: Kind, *, by: Actor, reason: str, at: datetime,
        rows: Sequence[Mapping[str, Any]],
    ) -> None:  # fmt: skip
        """Add history rows: record_id, revision, act, after."""
        sealed = [
            {
                **row, "after": without(row["after"]),
                SEALED: _bytea(
                    self._contacts.history(row["record_id"], before={}, after=row["after"])
                ),
            }
            for row in rows
        ]  # fmt: skip
        await connection.execute(
            sql.INSERT_HISTORY_ROWS, kind.name, at, by.kind.value, by.id, reason,
            _encode(sealed).decode(),
        )  # fmt: skip

    async def take_numbers(
        self, connection: Transaction, *, ehcin: str, component: str, owner: str, count: int
    ) -> int | None:
        """The first of `count` serials in a row; None when so many are not left."""
        last = await connection.fetchval(sql.TAKE_NUMBERS, ehcin, component, owner, count)
        return None if last is None else int(last) - count + 1


def _place(row: Any) -> Place:  # noqa: ANN401 (a row of the driver)
    return Place(
        row["institution_id"], Standing(row["standing"]),
        owner_of(row["owner_type"], row["org_category"]),
    )  # fmt: skip


def _job(row: Any) -> Job:  # noqa: ANN401 (a row of the driver)
    told = dict(row)
    return Job(**told | {"mode": Mode(told["mode"]), "state": JobState(told["state"])})


def _bytea(value: bytes | None) -> str | None:
    """Bytes as the database reads them from a text."""
    return None if value is None else f"\\x{value.hex()}"
