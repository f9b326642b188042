"""Sign checkpoints at intervals, and copy them to a file outside the database.

The database cannot tell that its last checkpoints are missing; a copy elsewhere can
(another disk, a share that only grows). Whoever checks the records needs the key's
public half alone.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from openehc.audit.checkpoint import Checkpoint, as_line, from_line
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.fold_marks import FoldMarks
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import PlatformError

_AT_ONCE: Final = 500
_LONGEST_LINE: Final = 1 << 20
_log: Final = logging.getLogger("openehc.audit")


class CheckpointFileBroken(PlatformError):
    """The copy of the checkpoints does not end with a checkpoint."""


@dataclass(frozen=True, slots=True)
class SignCheckpoints:
    """The use case; `file` is the copy outside the database, None for none.

    `fold` sees to the marks in the node's data folder, where it keeps any.
    """

    store: CheckpointStore
    key: Sm2PrivateKey
    clock: Clock
    file: Path | None = None
    fold: FoldMarks | None = None

    async def __call__(self) -> Checkpoint | None:
        """Sign what moved, then bring the copy up to date. Raises PlatformError, OSError."""
        made = await self.store.sign(self.key, at=self.clock.now())
        if self.fold is not None:
            await self.fold(made)
        if self.file is not None:
            await self._copied(self.file)
        return made

    async def _copied(self, file: Path) -> None:
        while True:
            known = await asyncio.to_thread(last_number_in, file)
            missing = await self.store.after(known, most=_AT_ONCE)
            if not missing:
                return
            await asyncio.to_thread(append_missing, file, missing)

    async def keep(self, *, every: float) -> None:
        """Sign every `every` seconds until cancelled; a round that fails is logged."""
        while True:
            await asyncio.sleep(every)
            await self.told()

    async def told(self) -> None:
        """One round, whose failure is logged: the records themselves are durable already."""
        try:
            await self()
        except (PlatformError, OSError) as failure:
            _log.error("audit checkpoint: %s", failure)


def last_number_in(file: Path) -> int:
    """The number of the last checkpoint in the copy, 0 for none; raises CheckpointFileBroken."""
    if not file.exists():
        return 0
    with file.open("rb") as copy:
        return _last_number(copy, file)


def append_missing(file: Path, checkpoints: list[Checkpoint]) -> None:
    """Append those that the copy lacks, durably; other processes may do the same."""
    with _alone(file) as copy:
        known = _last_number(copy, file)
        for checkpoint in checkpoints:
            if checkpoint.number > known:
                copy.write(as_line(checkpoint))
        copy.flush()
        os.fsync(copy.fileno())


def _last_number(copy: BinaryIO, file: Path) -> int:
    size = copy.seek(0, os.SEEK_END)
    if not size:
        return 0
    copy.seek(max(0, size - _LONGEST_LINE))
    *_, last = copy.read().splitlines()
    copy.seek(0, os.SEEK_END)
    try:
        return from_line(last).number
    except ValueError as broken:
        raise CheckpointFileBroken(f"{file}: the last line is {broken}") from None


@contextmanager
def _alone(file: Path) -> Iterator[BinaryIO]:
    """The file, open for reading and appending, while no other process of ours appends."""
    with file.open("a+b") as copy:
        if os.name == "posix":
            import fcntl  # noqa: PLC0415 (not on Windows)

            fcntl.flock(copy, fcntl.LOCK_EX)
        yield copy
