"""Write the marks of one process, after each commit and before its answer.

A mark is an addition to the record, which is durable already. So it costs one small write
to a file that stays open, with no fsync: it outlives the process, and after a power cut it
may lag behind, which makes no check fail. A folder that cannot be written is logged once
and tried again later; the business goes on.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from openehc.audit.chain import Head, KnownOrigin
from openehc.audit.checkpoint import Checkpoint
from openehc.audit.marks import (
    CHECKPOINTS,
    SLOT_SIZE,
    SUFFIX,
    MarkFile,
    NoMarks,
    header,
    marks_in,
    offset_of,
    slot,
    source_name,
)
from openehc.kernel.file_lock import lock

MOST_CHAINS: Final = 256
"""With more chains a new file is begun: 32 KiB are the most that one file takes."""

_FOLDER_MODE: Final = 0o700
_CLOSED: Final = -1
_CHECKPOINTS: Final = source_name(CHECKPOINTS)
_log: Final = logging.getLogger("openehc.audit")


def _write_there(descriptor: int, content: bytes, offset: int) -> int:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.write(descriptor, content)


_write_at: Final = getattr(os, "pwrite", _write_there)  # Windows has none


class MarkFiles:
    """The marks of one process, in a file of its own that is locked while the process lives.

    For one thread. Nothing is written before the first commit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._descriptor = _CLOSED
        self._places: dict[tuple[bytes, int], int] = {}
        self._signed: Head | None = None
        self._ill = False
        self._told = False

    def of(self, source: str, origin: KnownOrigin) -> Callable[[Head], None]:
        """What notes how far a chain of this table is; never raises."""
        return partial(self._note, source_name(source), origin)

    def note_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Note a checkpoint that this process knows to be genuine, unless it knows a later one."""
        if self._signed is None or checkpoint.number > self._signed.seq:
            self._signed = Head(0, checkpoint.number, checkpoint.hash)
        if (_CHECKPOINTS, 0) not in self._places or self._signed.seq == checkpoint.number:
            self._note(_CHECKPOINTS, _Known(checkpoint.origin), self._signed)

    async def on_disk(self) -> bool:
        """Whether what was noted outlives a loss of power from now on. Raises OSError."""
        if self._descriptor == _CLOSED:
            return False
        await asyncio.to_thread(_sync, os.dup(self._descriptor))
        return True

    def try_again(self) -> None:
        """After trouble: write again from the next commit on."""
        self._ill = False

    def close(self) -> None:
        """Give the file up: others remove it when a checkpoint covers it."""
        with suppress(OSError):  # whatever it is: nothing more is written there
            os.close(self._descriptor)
        self._descriptor = _CLOSED
        self._places.clear()

    def _note(self, source: bytes, origin: KnownOrigin, head: Head) -> None:
        place = self._places.get((source, head.stream))
        try:
            if place is None:
                if self._ill:
                    return
                place = self._placed(source, head.stream, origin.value)
            _write_at(self._descriptor, slot(source, head), offset_of(place, head.seq))
        except OSError as failure:
            self._fall_ill(failure)

    def _placed(self, source: bytes, stream: int, origin: bytes) -> int:
        """A place for a chain that has none yet, in a new file where need be."""
        if len(self._places) >= MOST_CHAINS:
            self.close()
        if self._descriptor == _CLOSED:
            self._descriptor = _new_file(self.folder)
            _write_at(self._descriptor, header(origin), 0)
            self._told = False
            if self._signed and source != _CHECKPOINTS:
                self._note(_CHECKPOINTS, _Known(origin), self._signed)
        return self._places.setdefault((source, stream), len(self._places))

    def _fall_ill(self, failure: OSError) -> None:
        if not self._told:
            _log.error(
                "no marks of audit chains in %s: %s; until this ends, a check cannot tell"
                " whether records behind the last checkpoint were cut off", self.folder, failure,
            )  # fmt: skip
        self._ill = self._told = True
        self.close()


class _Known:
    """An origin that is known already."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value: Final = value


def left_behind(folder: Path) -> Iterator[MarkFile]:
    """The files whose writers are gone, each held locked until the next one is asked for.

    A file that is none is left alone.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(OSError, NoMarks), _held(path) as content:
            yield marks_in(path, content)


@contextmanager
def _held(path: Path) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDWR)
    try:
        lock(descriptor)
        yield _all_of(descriptor)
    finally:
        os.close(descriptor)


def _all_of(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, SLOT_SIZE + 2 * MOST_CHAINS * SLOT_SIZE + 1)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_file(folder: Path) -> int:
    """A new file of this process, open, locked, readable by its owner alone."""
    _make(folder)
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f"{os.getpid()}-", suffix=SUFFIX, dir=folder)
        try:
            _give_to_owner_of(folder, name)
            lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # it was taken for one that was left behind


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        _give_to_owner_of(folder.parent, str(folder))


def _give_to_owner_of(folder: Path, name: str) -> None:
    """What root makes beside a node belongs to the node's user, who has to remove it later."""
    if hasattr(os, "chown") and os.geteuid() == 0:
        owner = folder.stat()
        os.chown(name, owner.st_uid, owner.st_gid)
