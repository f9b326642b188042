"""Import a file into a register: read, judge row by row, insert in batches, give back what failed.

Every batch is one transaction with its history, its audit record and the mark of how far
the job came; after a kill the same file can be sent again, and rows that were taken are
found unchanged. Reading runs in a process of its own, so the worker serves on.
"""

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from openehc.access.apply import new_app_id
from openehc.access.entries import ApplicationEntry, Entry, InstitutionEntry, ModuleEntry
from openehc.access.entry_rules import owner_of_category
from openehc.access.imports.importing import OF
from openehc.access.imports.judging import Known, Same, faults_with_place, judged, misplaced
from openehc.access.imports.model import ImportCommand, JobState, Mode
from openehc.access.imports.reading import Flawed, ReadFile, ReadRow, read_file
from openehc.access.imports.store import ImportStore
from openehc.access.imports.writing import FailedRow, failed_workbook
from openehc.access.model import Standing
from openehc.access.numbers import compose_ehcappid
from openehc.access.record_store import stored
from openehc.access.rules import Act
from openehc.audit.model import AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import Clock, china_day
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Fault

BATCH: Final = 500
READ_SECONDS: Final = 120.0

ReadFiles = Callable[[str, str, bytes], Awaitable[ReadFile | Flawed]]


async def read_apart(register: str, name: str, data: bytes) -> ReadFile | Flawed:
    """`read_file` in a process of its own; one that takes too long is refused."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max_workers=1, mp_context=context)
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(
                pool, read_file, register, name, data
            )
    except BrokenProcessPool:
        return Flawed("文件无法读取", "the file could not be read")
    except TimeoutError:
        return Flawed("读取文件超时", "reading took too long")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class New:
    """A row that is inserted: its entry, and the number that an approval gives."""

    row: ReadRow
    entry: Entry
    owner: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class ImportFile:
    """The use case; `ehcin` is this node's number."""

    store: ImportStore
    trail: AuditTrail
    clock: Clock
    entropy: Entropy
    ehcin: str
    read: ReadFiles = read_apart

    async def __call__(self, job_id: UUID, command: ImportCommand) -> None:
        """Carry out the job; its row tells what came of it. Raises DatabaseDown."""
        await self.store.set_state(job_id, JobState.READING, at=self.clock.now())
        file = await self.read(command.kind.name, command.file_name, command.content)
        if isinstance(file, Flawed):
            problem = (file.zh, file.en)
            await self.store.set_state(job_id, JobState.FAILED, problem=problem,
                                       at=self.clock.now())  # fmt: skip
            return
        await self.store.set_state(
            job_id, JobState.WRITING, total=len(file.rows), at=self.clock.now()
        )
        titles = {column.name: column.title for column in OF[command.kind].columns}
        failed: list[FailedRow] = []
        for start in range(0, len(file.rows), BATCH):
            rows = file.rows[start : start + BATCH]
            faults = await self._batch(job_id, command, rows)
            failed += [_failed(file, titles, row, found) for row, found in faults]
        book = await asyncio.to_thread(failed_workbook, file.titles, failed) if failed else None
        await self.store.finish(job_id, failed_rows=book, at=self.clock.now())

    async def _batch(
        self, job_id: UUID, command: ImportCommand, rows: Sequence[ReadRow]
    ) -> list[tuple[ReadRow, tuple[Fault, ...]]]:
        """Take a batch; the rows that failed."""
        importing, now = OF[command.kind], self.clock.now()
        reach = command.by.institution_id
        good = [row for row in rows if not row.faults]
        known = await self.store.known(importing, rows)
        failed = [
            (row, faults_with_place(row, importing, known, mode=command.mode, reach=reach))
            for row in rows
            if row.faults
        ]
        new: list[New] = []
        unchanged = 0
        for row in good:
            said = judged(row, importing, known, mode=command.mode, reach=reach)
            if isinstance(said, Same):
                unchanged += 1
            elif isinstance(said, Fault):
                failed.append((row, (said,)))
            else:
                new.append(New(row, said, _owner(row, said, known)))
        if command.mode is Mode.CHECK or not new:
            figures = (len(new), unchanged, len(failed))
            await self.store.progress(None, job_id, figures=figures, at=now)
            return failed
        failed += await self._insert(job_id, command, new, figures=(unchanged, len(failed)))
        return failed

    async def _insert(
        self, job_id: UUID, command: ImportCommand, new: list[New], *, figures: tuple[int, int]
    ) -> list[tuple[ReadRow, tuple[Fault, ...]]]:
        kind, importing, now = command.kind, OF[command.kind], self.clock.now()
        event = AuditEvent(
            category=Category.ADMINISTRATION, action=f"{kind.name}.import", actor=command.by,
            at=now, object_kind="import", object_ref=str(job_id), reason=command.file_name[:200],
        )  # fmt: skip
        async with self.trail.act(event) as act:
            new, closed = await self._in_open_places(act.connection, command, new)
            numbered, failed = await self._numbered(act.connection, command, new)
            values = [self._values(command, one, now) for one in numbered]
            ids = await self.store.insert(act.connection, importing, values)
            keys = [importing.key_of(one.entry) for one in numbered]
            clash = Fault(importing.told_at, "已有相同的登记", "the same is registered already")
            found = list(zip(numbered, keys, strict=True))
            taken = [(one, ids[key]) for one, key in found if key in ids]
            failed += [(one.row, (clash,)) for one, key in found if key not in ids] + closed
            history = [line for one, number in taken for line in _history(command, one, number)]
            await self.store.remember(
                act.connection,
                kind,
                by=command.by,
                reason=f"批量导入{job_id}",
                at=now,
                rows=history,
            )
            unchanged, before = figures
            told = (len(taken), unchanged, before + len(failed))
            await self.store.progress(act.connection, job_id, figures=told, at=now)
            act.tell(after={"rows": len(taken), "mode": command.mode.value})
        return failed  # fmt: skip

    async def _in_open_places(
        self, connection: Any, command: ImportCommand, new: list[New]  # noqa: ANN401 (the transaction)
    ) -> tuple[list[New], list[tuple[ReadRow, tuple[Fault, ...]]]]:  # fmt: skip
        """Those whose institution is as it was when they were judged, and those it left alone.

        Whoever ends an institution meanwhile waits, or was quicker: nothing is left behind.
        """
        importing, reach = OF[command.kind], command.by.institution_id
        places = await self.store.held_places(connection, importing, [one.row for one in new])
        if not importing.owner:
            return new, []
        faults = [
            misplaced(one.row, places.get(one.row.org_code), mode=command.mode, reach=reach)
            for one in new
        ]
        return (
            [one for one, fault in zip(new, faults, strict=True) if fault is None],
            [(one.row, (fault,)) for one, fault in zip(new, faults, strict=True) if fault],
        )

    async def _numbered(
        self, connection: Any, command: ImportCommand, new: list[New]  # noqa: ANN401 (the transaction)
    ) -> tuple[list[New], list[tuple[ReadRow, tuple[Fault, ...]]]]:  # fmt: skip
        """The same with numbers, where an approval gives some; those for whom none is left."""
        component = OF[command.kind].component
        if not component or command.mode is not Mode.APPROVE:
            return new, []
        numbered: list[New] = []
        failed: list[tuple[ReadRow, tuple[Fault, ...]]] = []
        used_up = Fault(
            OF[command.kind].told_at, "该类别的登记编号已用完", "the numbers are used up"
        )
        for owner in sorted({one.owner for one in new}):
            of_owner = [one for one in new if one.owner == owner]
            first = await self.store.take_numbers(
                connection, ehcin=self.ehcin, component=component, owner=owner, count=len(of_owner)
            )
            if first is None:
                failed += [(one.row, (used_up,)) for one in of_owner]
                continue
            numbered += [
                replace(one, number=compose_ehcappid(
                    self.ehcin, component=component, owner=owner, serial=first + place
                ))
                for place, one in enumerate(of_owner)
            ]  # fmt: skip
        return numbered, failed

    def _values(self, command: ImportCommand, one: New, now: datetime) -> dict[str, Any]:
        """The columns of a new row."""
        kind, approved = command.kind, command.mode is Mode.APPROVE
        standing = Standing.ACTIVE if approved else Standing.APPLIED
        values = {
            **stored(one.entry), "revision": 2 if approved else 1, "created_at": now,
            "changed_at": now, "standing": standing.value,
        }  # fmt: skip
        if approved:
            values[kind.dated] = values[kind.dated] or china_day(now)
        if kind.number:
            values[kind.number] = one.number or None
        if approved and isinstance(one.entry, InstitutionEntry):
            values["owner_type"] = one.owner
        if isinstance(one.entry, ApplicationEntry):
            values["app_id"] = new_app_id(self.entropy)
        return values


def _owner(row: ReadRow, entry: Entry, known: Known) -> str:
    """The letter of the body in charge, under which an approval numbers the entry."""
    match entry:
        case InstitutionEntry():
            return entry.owner_type or owner_of_category(entry.org_category)
        case ModuleEntry():
            return entry.owner_type
        case ApplicationEntry():
            return entry.use_unit_type
    return known.places[row.org_code].owner


def _history(command: ImportCommand, one: New, record_id: int) -> list[dict[str, Any]]:
    """An application, and with it an approval where that was asked for."""
    lines: list[dict[str, Any]] = [
        {"record_id": record_id, "revision": 1, "act": Act.APPLY.value,
         "after": _told(stored(one.entry))}
    ]  # fmt: skip
    if command.mode is Mode.APPROVE:
        after = {"standing": Standing.ACTIVE.value, "number": one.number or None}
        lines.append({"record_id": record_id, "revision": 2, "act": Act.APPROVE.value,
                      "after": after})  # fmt: skip
    return lines


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _failed(
    file: ReadFile, titles: Mapping[str, str], row: ReadRow, faults: Sequence[Fault]
) -> FailedRow:
    shown = dict(zip(file.columns, row.shown, strict=True))
    told = []
    for fault in faults:
        title = titles.get(fault.field, fault.field)
        told.append((title, shown.get(fault.field, ""), fault.zh.removeprefix(f"{title}：")))
    return FailedRow(row.number, row.shown, tuple(told))
