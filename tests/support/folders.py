"""Where tests put the data of nodes and of databases. Judges nothing.

In memory where there is plenty: a new database has hundreds of files, with which a disk
takes ten times as long. What tests kill are processes, never the machine.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import psutil

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (what is made there has modes of its own)
_ROOM: Final = 2 << 30
"""Bytes; the databases of a whole run take less than half of it."""


def quickest_place() -> Path:
    """The folder for temporary folders."""
    if (
        os.access(_MEMORY, os.W_OK)
        and shutil.disk_usage(_MEMORY).free > _ROOM
        and psutil.virtual_memory().available > 2 * _ROOM
    ):
        return _MEMORY
    return Path(tempfile.gettempdir())


def new_folder(prefix: str) -> Path:
    """A fresh folder that the database server's own user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=quickest_place()))
    folder.chmod(0o711)
    return folder
