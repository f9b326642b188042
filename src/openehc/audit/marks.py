"""Marks: at least so far was a chain committed, as the process that writes it noted beside it.

A mark lies outside the database, so whoever cuts off the end of a chain there cannot make it
agree (decision 0026). Here is how marks stand in a file and how files are read; `mark_files.py`
writes them.

    header   64 bytes: magic (16), origin of the database (32), zeros (12), CRC-32
    places   128 bytes each, one for each chain: two slots, written in turn
    slot     64 bytes: table (16), chain (8), number of the commit (4), its digest (32), CRC-32

Numbers are big-endian. A process that is killed while it writes leaves the slot before.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openehc.audit.chain import Head

SUFFIX: Final = ".marks"
SLOT_SIZE: Final = 64
PLACE_SIZE: Final = 2 * SLOT_SIZE
CHECKPOINTS: Final = "checkpoints"
"""The checkpoints are a chain as well: chain 0, their numbers and hashes."""

_MAGIC: Final = b"openehc marks 1\n"
_NAME_SIZE: Final = 16
_LARGEST: Final = 1 << 20
_pack: Final = struct.Struct(">16sQI32s").pack
_unpack: Final = struct.Struct(">16sQI32s").unpack
_crc: Final = zlib.crc32


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One table's chain was committed up to this number (from 1), with this digest."""

    source: str
    stream: int
    seq: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class MarkFile:
    """What a file says: of which database (None: nobody knows yet), which marks."""

    path: Path
    origin: bytes | None = None
    marks: tuple[Mark, ...] = ()


@dataclass(slots=True)
class MarksRead:
    """The files of some folders; `unreadable` are those that are none, or cannot be opened."""

    files: list[MarkFile] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)


class NoMarks(ValueError):
    """A file does not hold marks."""


def source_name(source: str) -> bytes:
    """A table's name as slots hold it. Raises ValueError for one that is too long."""
    name = source.encode("ascii")
    if len(name) > _NAME_SIZE:
        raise ValueError(f"{source}: at most {_NAME_SIZE} characters")
    return name.ljust(_NAME_SIZE, b"\0")


def header(origin: bytes) -> bytes:
    """The first 64 bytes of a file of marks about this database."""
    body = _MAGIC + origin + bytes(SLOT_SIZE - 4 - len(_MAGIC) - len(origin))
    return body + _crc(body).to_bytes(4, "big")


def slot(source: bytes, head: Head) -> bytes:
    """A mark as 64 bytes; `source` is what `source_name` gave."""
    body = _pack(source, head.stream, head.seq, head.digest)
    return body + _crc(body).to_bytes(4, "big")


def offset_of(place: int, seq: int) -> int:
    """Where the mark of commit `seq` goes, for the chain that has this place (from 0)."""
    return SLOT_SIZE + place * PLACE_SIZE + (seq & 1) * SLOT_SIZE


def marks_in(path: Path, content: bytes) -> MarkFile:
    """What a file holds; one that was just begun holds nothing. Raises NoMarks."""
    if not content.strip(b"\0"):
        return MarkFile(path)
    first = content[:SLOT_SIZE]
    if not first.startswith(_MAGIC) or not _whole(first):
        raise NoMarks(f"{path} holds no marks")
    origin = first[len(_MAGIC) : len(_MAGIC) + 32]
    starts = range(SLOT_SIZE, len(content), PLACE_SIZE)
    found = (_latest(content[start : start + PLACE_SIZE]) for start in starts)
    return MarkFile(path, origin, tuple(mark for mark in found if mark))


def read_marks(folders: Sequence[Path]) -> MarksRead:
    """Every file of marks in these folders. Read them before the database, never after.

    A file that goes away meanwhile is covered by a checkpoint. Raises OSError for a folder.
    """
    read = MarksRead()
    for path in _paths(folders):
        try:
            with path.open("rb") as file:
                read.files.append(marks_in(path, file.read(_LARGEST)))
        except FileNotFoundError:
            continue
        except (OSError, NoMarks):
            read.unreadable.append(path)
    return read


def _paths(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)


def _latest(place: bytes) -> Mark | None:
    """The later of the marks in a place that are whole."""
    slots = (place[:SLOT_SIZE], place[SLOT_SIZE:])
    marks = [_mark(one) for one in slots if len(one) == SLOT_SIZE and _whole(one)]
    return max(marks, key=lambda mark: mark.seq, default=None)


def _mark(one: bytes) -> Mark:
    source, stream, seq, digest = _unpack(one[:-4])
    return Mark(source.rstrip(b"\0").decode("ascii", "replace"), stream, seq, digest)


def _whole(one: bytes) -> bool:
    """Whether the checksum fits. Zeros alone have the checksum zero no more than others."""
    return _crc(one[:-4]) == int.from_bytes(one[-4:], "big")
