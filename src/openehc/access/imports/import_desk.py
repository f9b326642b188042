"""Takes files in, one after the other, and carries the imports out beside the requests.

Few may wait: an import costs CPU for seconds. Keeps the files in memory until their turn, so
the imports of a worker end with it: while it lives it says so of each of its jobs, and a job
that nobody speaks for any more is told as interrupted.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from openehc.access.imports.import_file import ImportFile
from openehc.access.imports.importing import OF
from openehc.access.imports.model import KEPT, ImportCommand, Job, JobSearch
from openehc.access.imports.store import ImportStore
from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.crypto.sm3 import sm3
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Fault, PlatformError, Reason, Refusal
from openehc.storage.listing import Listing

MOST_WAITING: Final = 4
ALIVE_SECONDS: Final = 15.0
SILENT: Final = timedelta(seconds=60)
"""A job of which nothing was heard so long has no worker any more."""

INTERRUPTED: Final = ("导入中断，请重新上传同一文件", "interrupted; send the same file again")
ONE_BY_ONE: Final = Refusal(
    Reason.INPUT_WRONG,
    faults=(
        Fault(
            "mode",
            "应用软件须逐个批准（需联调测试日期，并分配只显示一次的密钥），请以apply导入",
            "software is approved one by one, with the day of its joint test and a secret that is"
            " shown once; import it with apply",
        ),
    ),
)
_log: Final = logging.getLogger("openehc.console")


@dataclass(slots=True)
class ImportDesk:
    """The imports of one worker."""

    store: ImportStore
    import_file: ImportFile
    trail: AuditTrail
    clock: Clock
    entropy: Entropy
    alive_every: float = ALIVE_SECONDS
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def accept(self, command: ImportCommand) -> Job | Refusal:
        """A new job, which runs from now on; OVERLOADED when too many wait.

        INPUT_WRONG for a mode that the register does not have.
        Recorded with the file's digest, dry runs as well; the batches that are taken leave
        records of their own.
        """
        if command.mode not in OF[command.kind].modes:
            return ONE_BY_ONE
        if len(self._tasks) >= MOST_WAITING:
            return Refusal(
                Reason.OVERLOADED, "正在进行的导入过多，请稍后再试", "too many imports wait"
            )
        now = self.clock.now()
        await self.store.forget(before=now - KEPT)
        job_id = UUID(bytes=self.entropy.bytes(16), version=4)
        digest = sm3(command.content)
        async with self.trail.act(_event(job_id, command, digest, now)) as act:
            await self.store.open_job(act.connection, job_id, command, digest=digest, at=now)
        task = asyncio.create_task(self._run(job_id, command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        job = await self.store.job(job_id)
        if job is None:
            raise LookupError("a job that was just opened is there")
        return job

    async def failed_rows(self, job: Job, *, by: Actor) -> bytes | None:
        """The workbook of rows that failed, as they were sent; None when none did.

        Recorded before it is given: it may hold contact persons. Raises DatabaseDown.
        """
        content = await self.store.failed_rows(job.job_id)
        if content is not None:
            await self.trail.record(
                AuditEvent(
                    category=Category.PERSONAL_DATA, action=f"{job.register}.failed-rows",
                    actor=by, at=self.clock.now(), object_kind="import",
                    object_ref=str(job.job_id), after={"shown": job.rows_failed},
                )
            )  # fmt: skip
        return content

    async def job(self, job_id: UUID) -> Job | None:
        """How far a job came, whichever worker has or had it."""
        await self._give_up_the_silent()
        return await self.store.job(job_id)

    async def jobs(self, search: JobSearch, listing: Listing) -> tuple[list[Job], int]:
        """One page of the jobs of a register, and how many there are."""
        await self._give_up_the_silent()
        return await self.store.jobs(search, listing)

    async def _give_up_the_silent(self) -> None:
        await self.store.give_up(problem=INTERRUPTED, silent_since=self.clock.now() - SILENT)

    async def _run(self, job_id: UUID, command: ImportCommand) -> None:
        speaking = asyncio.create_task(self._speak_for(job_id))
        try:
            async with self._turn:
                await self.import_file(job_id, command)
        except asyncio.CancelledError:
            await self._interrupted(job_id)
            raise
        except Exception as trouble:  # noqa: BLE001 (the job has to end, whatever it was)
            _log.error("import %s: %s", job_id, type(trouble).__name__)
            await self._interrupted(job_id)
        finally:
            speaking.cancel()

    async def _speak_for(self, job_id: UUID) -> None:
        while True:
            await asyncio.sleep(self.alive_every)
            with suppress(PlatformError):  # the next time, perhaps
                await self.store.alive(job_id, at=self.clock.now())

    async def _interrupted(self, job_id: UUID) -> None:
        try:
            await self.store.give_up(problem=INTERRUPTED, job_id=job_id)
        except PlatformError:
            _log.error("import %s could not be marked as failed", job_id)

    async def stop(self) -> None:
        """End what runs; the same file can be sent again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _event(job_id: UUID, command: ImportCommand, digest: bytes, now: datetime) -> AuditEvent:
    """Somebody hands in a file."""
    return AuditEvent(
        category=Category.ADMINISTRATION, action=f"{command.kind.name}.import-file",
        actor=command.by, at=now, object_kind="import", object_ref=str(job_id),
        reason=command.file_name[:200], after={"mode": command.mode.value, "sm3": digest.hex()},
    )  # fmt: skip
