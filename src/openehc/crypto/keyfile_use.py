"""Who serves with a key file, so that nobody erases it or fills keys in meanwhile.

Every process that serves shares a lock on a file beside the key file; the system drops it when
the process dies, however it does. The key file itself is replaced now and then, so it cannot
carry the lock. A process on another computer is not seen: for card nodes the database knows
(`wiring/filling.py`).
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from openehc.crypto.keyfile_format import KeyFileError
from openehc.kernel.file_lock import lock, lock_shared

_log: Final = logging.getLogger("openehc.keys")


class KeyFileInUse(KeyFileError):
    """A node or a front proxy serves with the keys; or they are being filled in or erased."""


@contextmanager
def serving(path: Path) -> Iterator[None]:
    """While the block runs this process serves; raises KeyFileInUse while keys are changed.

    Where no file can be made beside the key file, nobody can change it there either.
    """
    descriptor = _opened(path)
    try:
        if descriptor is not None:
            _locked(
                lock_shared, descriptor,
                "the keys of this node are being filled in or erased at this moment: start it"
                " when that is done",
            )  # fmt: skip
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def unused(path: Path) -> Iterator[None]:
    """While the block runs nobody serves with the keys; raises KeyFileInUse when somebody does."""
    descriptor = _opened(path)
    if descriptor is None:
        raise KeyFileInUse(f"{path.parent} cannot be written: run this as the user of the node")
    try:
        _locked(
            lock, descriptor,
            f"a node or a front proxy serves with {path}: stop it first",
        )  # fmt: skip
        yield
    finally:
        os.close(descriptor)


def _locked(how: Callable[[int], None], descriptor: int, trouble: str) -> None:
    try:
        how(descriptor)
    except OSError:
        raise KeyFileInUse(trouble) from None


def _opened(path: Path) -> int | None:
    try:
        return os.open(path.with_name(f".{path.name}.serving"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as failure:
        _log.warning("%s cannot be guarded while it is used: %s", path, failure.strerror)
        return None
