"""Remove the marks of processes that are gone, once signed checkpoints say the same.

1. the last checkpoint is genuine, and marked on disk, so that it cannot be cut off either
2. a file of marks is nobody's any more, and of this database
3. each of its marks is covered by a genuine checkpoint, and agrees with the chain

What was cut off before a checkpoint came stays marked, for the check to find.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openehc.audit.checkpoint import Checkpoint, is_genuine
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.mark_files import MarkFiles, left_behind
from openehc.audit.marks import CHECKPOINTS, Mark, MarkFile

_log: Final = logging.getLogger("openehc.audit")


@dataclass(frozen=True, slots=True)
class FoldMarks:
    """The use case; checkpoints count when this node's key (04 || X || Y) signed them."""

    own: MarkFiles
    store: CheckpointStore
    public_key: bytes
    _strange: set[Path] = field(default_factory=set)

    async def __call__(self, made: Checkpoint | None) -> None:
        """One round, behind the checkpoint that was `made` just now. Raises PlatformError.

        A file that cannot be removed stays, which does no harm, and is logged.
        """
        try:
            await self._fold(made)
        except OSError as failure:
            _log.error("marks of audit chains: %s", failure)

    async def _fold(self, made: Checkpoint | None) -> None:
        self.own.try_again()
        # 1. the last checkpoint is genuine, and marked on disk
        last = made or await self.store.last()
        if last is None or not self._signed(last):
            return
        self.own.note_checkpoint(last)
        known = _Known(self.store, self.public_key, last)
        # 2. a file of marks is nobody's any more, and of this database
        for file in left_behind(self.own.folder):
            if file.origin not in {None, last.origin}:
                self._tell(file.path)
            # 3. each of its marks is covered, and agrees with the chain
            elif await known.covers_all(file) and await self.own.on_disk():
                file.path.unlink(missing_ok=True)

    def _tell(self, path: Path) -> None:
        if path not in self._strange:
            self._strange.add(path)
            _log.warning("%s holds marks of another database", path)

    def _signed(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.public_key == self.public_key and is_genuine(checkpoint)


@dataclass(slots=True)
class _Known:
    """Genuine checkpoints up to `last`, each read once in a round."""

    store: CheckpointStore
    public_key: bytes
    last: Checkpoint
    _read: dict[int, Checkpoint | None] = field(default_factory=dict)

    async def covers_all(self, file: MarkFile) -> bool:
        for mark in file.marks:
            if not await self._covers(mark):
                return False
        return True

    async def _covers(self, mark: Mark) -> bool:
        if mark.source == CHECKPOINTS:
            checkpoint = await self._genuine(mark.seq)
            return checkpoint is not None and checkpoint.hash == mark.digest
        found = await self.store.head_from(mark)
        if found is None:
            return False
        number, head = found
        checkpoint = await self._genuine(number)
        if checkpoint is None or head not in checkpoint.heads:
            return False
        same = head.digest if head.seq == mark.seq else await self.store.digest_at(mark)
        return same == mark.digest

    async def _genuine(self, number: int) -> Checkpoint | None:
        if number > self.last.number:
            return None
        if number not in self._read:
            found = await self.store.one(number)
            genuine = found and found.public_key == self.public_key and is_genuine(found)
            self._read[number] = found if genuine else None
        return self._read[number]
