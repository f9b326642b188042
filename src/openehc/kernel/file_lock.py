"""A lock on an open file that the system drops when its holder dies.

It keeps programs apart, and threads that opened the file themselves.
"""

import sys
from typing import Final

_NOBODYS: Final = 1 << 30
"""On Windows a locked byte cannot be read; this one lies behind the end of the file."""


def lock(descriptor: int) -> None:
    """Lock the open file. Raises OSError at once when another holds it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (there only)
        import os  # noqa: PLC0415 (there only)

        os.lseek(descriptor, _NOBODYS, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 (not on Windows)

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_shared(descriptor: int) -> None:
    """Lock the open file beside others who share it. Raises OSError at once when one does not.

    Windows knows no such lock: nothing happens there.
    """
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 (not on Windows)

        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
