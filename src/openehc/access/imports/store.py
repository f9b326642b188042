"""Imports in the database: jobs, what the register holds already, batches of new rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from openehc.access.imports import sql
from openehc.access.imports.judging import Known, Place, owner_of
from openehc.access.imports.model import ImportCommand, Job, JobState, Mode
from openehc.access.imports.reading import ReadRow
from openehc.access.kinds import INSTITUTIONS, Kind
from openehc.access.model import Standing
from openehc.access.sql import ENTRY_COLUMNS
from openehc.audit.model import Actor
from openehc.storage.pool import Database, Transaction

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class ImportStore:
    """Reads and writes imports."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        if row is None:
            return None
        told = dict(row)
        told |= {"mode": Mode(told["mode"]), "state": JobState(told["state"])}
        return Job(**told)

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
        """The job is done; keep the workbook of failed rows."""
        await self._database.execute(sql.JOB_DONE, job_id, failed_rows, at)

    async def failed_rows(self, job_id: UUID) -> bytes | None:
        """The workbook of failed rows."""
        found = await self._database.fetchval(sql.FAILED_ROWS, job_id)
        return None if found is None else bytes(found)

    async def forget(self, *, before: datetime) -> None:
        """Remove jobs from before that time, with their workbooks."""
        await self._database.execute(sql.FORGET_JOBS, before)

    async def known(self, kind: Kind, rows: Sequence[ReadRow]) -> Known:
        """What the register holds about these rows."""
        keys = [row.key for row in rows]
        places: dict[str, Place] = {}
        if kind is INSTITUTIONS:
            found = await self._database.fetch(sql.EXISTING[kind], [key[0] for key in keys])
        else:
            developers, serials = [key[0] for key in keys], [key[1] for key in keys]
            found = await self._database.fetch(sql.EXISTING[kind], developers, serials)
            codes = sorted({row.org_code for row in rows})
            places = {
                row["org_code"]: Place(
                    row["institution_id"], Standing(row["standing"]),
                    owner_of(row["owner_type"], row["org_category"]),
                )
                for row in await self._database.fetch(sql.INSTITUTIONS_BY_CODE, codes)
            }  # fmt: skip
        entries = {}
        for row in found:
            entry = kind.entry(**{name: row[name] for name in ENTRY_COLUMNS[kind]})
            entries[_key(kind, row)] = entry
        return Known(entries, places)

    async def insert(
        self, connection: Transaction, kind: Kind, values: Sequence[Mapping[str, Any]]
    ) -> dict[tuple[str, ...], int]:
        """Insert rows; the ids of those that were not there, by key."""
        rows = await connection.fetch(sql.insert_rows(kind), _encode(values).decode())
        return {_key(kind, row): row["record_id"] for row in rows}

    async def remember(
        self, connection: Transaction, kind: Kind, *, by: Actor, reason: str, at: datetime,
        rows: Sequence[Mapping[str, Any]],
    ) -> None:  # fmt: skip
        """Add history rows: record_id, revision, act, after."""
        await connection.execute(
            sql.INSERT_HISTORY_ROWS, kind.name, at, by.kind.value, by.id, reason,
            _encode(rows).decode(),
        )  # fmt: skip

    async def take_numbers(
        self, connection: Transaction, *, ehcin: str, component: str, owner: str, count: int
    ) -> int | None:
        """The first of `count` serials in a row; None when so many are not left."""
        last = await connection.fetchval(sql.TAKE_NUMBERS, ehcin, component, owner, count)
        return None if last is None else int(last) - count + 1


def _key(kind: Kind, row: Any) -> tuple[str, ...]:  # noqa: ANN401 (a row of the driver)
    if kind is INSTITUTIONS:
        return (row["org_code"],)
    return row["developer"], row["serial_no"]
