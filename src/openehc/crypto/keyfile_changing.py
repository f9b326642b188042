"""Changing a key file: other keys, another passphrase, whole or not at all.

The new bytes are written aside, made durable and opened again before they get the
file's name; the old file keeps the name `<name>.previous` until the new one was read
back from its place, and is then overwritten. Whoever is cut short leaves a whole file,
the old or the new one. Two programs that change one file wait for each other. Decides
nothing about keys.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from openehc.crypto.keyfile import (
    KeyFileDamaged,
    open_key_file,
    read_header,
    refuse_public_keys_in_production,
    refuse_short_passphrase,
    sealed_content,
    sync_folder,
    write_durably,
)
from openehc.crypto.keyfile_format import FORMAT_VERSION, SALT_SIZE
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sm4 import NONCE_SIZE
from openehc.crypto.wiping import wipe
from openehc.kernel.ids import Entropy

PREVIOUS: Final = ".previous"


@dataclass(frozen=True, slots=True)
class Changed:
    """The keys before and after."""

    before: NodeKeys
    after: NodeKeys


def change_key_file(
    path: Path,
    passphrase: str,
    change: Callable[[NodeKeys], NodeKeys],
    *,
    now: datetime,
    entropy: Entropy,
) -> Changed:
    """Put what `change` makes of the keys into the file's place; purpose and creation stay.

    Raises what `open_key_file` raises, `PublicKeysInProduction`, whatever `change`
    raises, and OSError; then the file is as it was.
    """
    with _alone(path):
        before = open_key_file(path, passphrase)
        after = change(before)
        _replace(path, passphrase, after, now=now, entropy=entropy)
    return Changed(before, after)


def change_passphrase(
    path: Path, passphrase: str, new: str, *, now: datetime, entropy: Entropy
) -> None:
    """Seal the same keys under the passphrase `new`.

    Raises `PassphraseTooShort` and what `open_key_file` raises; then the file is as it was.
    """
    refuse_short_passphrase(new)
    with _alone(path):
        keys = open_key_file(path, passphrase)
        _replace(path, new, keys, now=now, entropy=entropy)


def _replace(
    path: Path, passphrase: str, keys: NodeKeys, *, now: datetime, entropy: Entropy
) -> None:
    header = replace(
        read_header(path), written=now, salt=entropy.bytes(SALT_SIZE), version=FORMAT_VERSION
    )
    refuse_public_keys_in_production(keys, header.purpose)
    content = sealed_content(header, passphrase, keys, nonce=entropy.bytes(NONCE_SIZE))
    temporary = path.with_name(f".{path.name}.{entropy.bytes(8).hex()}")
    previous = path.with_name(path.name + PREVIOUS)
    write_durably(temporary, content)
    try:
        _require_equal(temporary, passphrase, keys)
        for remains in remains_of(path, besides=temporary):  # `path` was opened above
            wipe(remains, entropy=entropy)
        os.link(path, previous)
        temporary.replace(path)
    finally:
        wipe(temporary, entropy=entropy)
    sync_folder(path.parent)
    _require_equal(path, passphrase, keys)
    wipe(previous, entropy=entropy)
    sync_folder(path.parent)


def remains_of(path: Path, *, besides: Path | None = None) -> list[Path]:
    """What changes that were cut short left beside the key file, keys in it, in no order."""
    hidden = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}")
    return [
        place
        for place in path.parent.iterdir()
        if place != besides and (place.name == path.name + PREVIOUS or hidden.fullmatch(place.name))
    ]


def _require_equal(path: Path, passphrase: str, keys: NodeKeys) -> None:
    if open_key_file(path, passphrase) != keys:
        raise KeyFileDamaged(f"{path} does not read back as it was written: look at the disk")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Held by one program at a time; the system lets go of it when the program dies."""
    lock = path.with_name(f".{path.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (there only)

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl  # noqa: PLC0415 (not on Windows)

        fcntl.flock(descriptor, fcntl.LOCK_EX)
