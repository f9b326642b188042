"""Leaving no remains of secrets on a disk (剩余信息保护, 材料二 附录B 5.3 no 42).

A file is overwritten in place before its name goes. That reaches the blocks under the file only
where the disk writes in place (see `keyfile_erasing.py`). A crash writes no memory down. Memory
that Python let go of is not cleared here: the system does before another process gets it.
"""

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from openehc.kernel.ids import Entropy

RANDOM_PASSES: Final = 3
_PR_SET_DUMPABLE: Final = 4


def overwrite(path: Path, *, entropy: Entropy) -> None:
    """Write over the bytes of a file, each time down to the disk; its name and size stay.

    Whoever reads the file under another name finds nothing any more. Raises OSError.
    """
    size = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        for content in (*(entropy.bytes(size) for _ in range(RANDOM_PASSES)), bytes(size)):
            file.seek(0)
            file.write(content)
            os.fsync(file.fileno())


def wipe(path: Path, *, entropy: Entropy) -> None:
    """Overwrite and remove a file that was replaced; nothing happens when there is none.

    One that has another name keeps its bytes: that name is the file in use when a change was
    cut short between its two names, or somebody's backup. Raises OSError.
    """
    with suppress(FileNotFoundError):
        if path.stat().st_nlink == 1:
            overwrite(path, entropy=entropy)
        path.unlink()


@cache
def leave_no_core_files() -> None:
    """From now on this process, if it crashes, writes none of its memory to a disk.

    Other programs of the same user cannot look into its memory either. Processes that it
    starts write no core files, too.
    """
    if sys.platform == "win32":  # writes none unless told to, for the whole system
        return
    import resource  # noqa: PLC0415 (not on Windows)

    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    # The limit does not hold where core files go to a program; this does, on Linux.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
