"""The marks of some folders, in the order in which a check meets chains and checkpoints.

Pure: `marks.py` reads the files, `verify_trail.py` compares.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias

from openehc.audit.chain import day_of_stream
from openehc.audit.marks import CHECKPOINTS, Mark, MarksRead
from openehc.audit.walk import Heads, KnownHead

_Day: TypeAlias = tuple[str, date]


@dataclass(frozen=True, slots=True)
class KnownMarks:
    """The marks of one database; `others` are files that belong to another one, one of each.

    `chains` are by table and the day on which they were opened, `checkpoints` by number.
    """

    count: int
    others: list[Path]
    chains: dict[_Day, Heads]
    checkpoints: dict[int, set[bytes]]

    def of(self, source: str, day: date) -> Heads:
        """The marks of this table's chains that were opened on this day."""
        return self.chains.get((source, day), {})

    def days(self, source: str) -> list[date]:
        """The days on which this table's marked chains were opened."""
        return [day for name, day in self.chains if name == source]

    def first_missing(self, number: int) -> int | None:
        """The number of the checkpoint that has to follow this one, which is the last there is."""
        return number + 1 if max(self.checkpoints, default=0) > number else None

    def agree(self, number: int, found: bytes) -> bool:
        """Whether the checkpoint of this number is the one that was noted, if any was."""
        return self.checkpoints.get(number, {found}) == {found}


def known_marks(read: MarksRead, *, origin: bytes) -> KnownMarks:
    """The marks of the database with this origin, sorted."""
    ours = [file for file in read.files if file.origin in {None, origin}]
    others = {file.origin: file.path for file in read.files if file.origin not in {None, origin}}
    marks = sorted({mark for file in ours for mark in file.marks})
    chains: dict[_Day, Heads] = {}
    checkpoints: dict[int, set[bytes]] = {}
    for mark in marks:
        if mark.source == CHECKPOINTS:
            checkpoints.setdefault(mark.seq, set()).add(mark.digest)
        else:
            heads = chains.setdefault(_day_of(mark), {})
            heads.setdefault(mark.stream, []).append(KnownHead(mark.seq, mark.digest))
    return KnownMarks(len(marks), sorted(others.values()), chains, checkpoints)


def _day_of(mark: Mark) -> _Day:
    return mark.source, day_of_stream(mark.stream)
