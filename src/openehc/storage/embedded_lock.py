"""One program per data folder, held by a lock that the system drops when we die.

It keeps programs apart, not threads, and says nothing about PostgreSQL itself.
"""

import os
from pathlib import Path
from typing import Final, Self

from openehc.kernel.file_lock import lock
from openehc.storage.embedded_places import EmbeddedStartFailed

_NAME: Final = "in-use.lock"


class FolderLock:
    """The right to run a server on one data folder, until `release`."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor: Final = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """The lock of `folder`. Raises EmbeddedStartFailed when another holds it."""
        descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise EmbeddedStartFailed(
                f"another program already runs the database in {folder}: stop it first"
            ) from None
        return cls(descriptor)

    def release(self) -> None:
        """Let the next program in."""
        os.close(self._descriptor)
