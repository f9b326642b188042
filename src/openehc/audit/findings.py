"""What a check of the audit records finds. Decides nothing and reads nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique


@unique
class Flaw(StrEnum):
    """What is wrong with a record or a checkpoint."""

    CHANGED = "changed"
    MISSING = "missing"
    CUT = "cut"
    END_CUT = "end cut"
    MARKED_OTHERWISE = "marked otherwise"
    SIGNED_OTHERWISE = "signed otherwise"
    UNSIGNED = "unsigned"
    UNCHAINED = "unchained"
    CHECKPOINT_CHANGED = "checkpoint changed"
    CHECKPOINT_MISSING = "checkpoint missing"
    CHECKPOINT_FORGED = "checkpoint forged"
    CHECKPOINT_DIFFERS = "checkpoint differs from its copy"
    CHECKPOINTS_CUT = "checkpoints cut"
    CHECKPOINT_MARKED_OTHERWISE = "checkpoint marked otherwise"
    OTHER_DATABASE = "another database"
    HEAD_ADDED = "head without checkpoint"


EXPLAINED = {
    Flaw.CHANGED: "does not fit the group before it: it or a record of that group was changed,"
    " or the chain is of another database",
    Flaw.MISSING: "records in front of it are missing",
    Flaw.CUT: "a checkpoint covers records that are not there",
    Flaw.END_CUT: "a node noted outside the database that it was committed, and it is not there:"
    " the end of the chain was cut off",
    Flaw.MARKED_OTHERWISE: "is not what a node noted outside the database when it was committed",
    Flaw.SIGNED_OTHERWISE: "is not what a checkpoint signed",
    Flaw.UNSIGNED: "no checkpoint covers it although later ones were signed: it was added",
    Flaw.UNCHAINED: "has no place in a chain",
    Flaw.CHECKPOINT_CHANGED: "its content does not fit its hash and signature",
    Flaw.CHECKPOINT_MISSING: "a checkpoint in front of it is missing",
    Flaw.CHECKPOINT_FORGED: "was signed with a key that is not the node's",
    Flaw.CHECKPOINT_DIFFERS: "the copy outside the database says something else",
    Flaw.CHECKPOINTS_CUT: "a node noted outside the database that it was signed, and it is not"
    " there: the last checkpoints were cut off",
    Flaw.CHECKPOINT_MARKED_OTHERWISE: "is not the one that a node noted outside the database",
    Flaw.OTHER_DATABASE: "holds marks of another database: this one was put in its place, or the"
    " marks are of an earlier one and belong elsewhere",
    Flaw.HEAD_ADDED: "belongs to no checkpoint",
}
"""Each flaw in words, behind the name of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One flaw and where it is. For checkpoints `seq` is their number; `at` None: nobody knows.

    For a file beside the database `table` is its path, and there is no number.
    """

    flaw: Flaw
    table: str
    stream: int
    seq: int
    place: int = 0
    at: datetime | None = None

    def __str__(self) -> str:
        """One line for people."""
        where = self.table
        if self.stream:
            where += f", stream {self.stream}, seq {self.seq}"
            where += f", place {self.place}" if self.place else ""
        elif self.seq:
            where += f", number {self.seq}"
        when = f", {self.at.isoformat()}" if self.at else ""
        return f"{where}{when}: {EXPLAINED[self.flaw]}"


@dataclass(slots=True)
class Report:
    """What was looked at and found; `findings` hold the first flaw of each chain.

    Everything committed before `covered_until` is covered by a checkpoint; `uncovered`
    counts the records that are not yet. `stopped` tells that the limit was reached. `marks`
    counts the marks outside the database that were compared, `unreadable` are files of none.
    """

    records: dict[str, int] = field(default_factory=dict)
    chains: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    covered_until: datetime | None = None
    uncovered: int = 0
    stopped: bool = False
    marks: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings
