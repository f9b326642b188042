"""An import as a job, and how the rows of a file stand to the register.

Decides nothing and reads nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

from openehc.access.kinds import Kind
from openehc.audit.model import Actor

KEPT: Final = timedelta(days=30)
"""How long after it was handed in an import is known."""


@unique
class Mode(StrEnum):
    """What an import does with good rows: only check, apply, or apply and approve."""

    CHECK = "check"
    APPLY = "apply"
    APPROVE = "approve"


@unique
class JobState(StrEnum):
    """How far an import came."""

    WAITING = "waiting"
    READING = "reading"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCommand:
    """Somebody hands in a file."""

    kind: Kind
    mode: Mode
    file_name: str
    content: bytes
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An import and its figures; `problem` tells why a file was refused as a whole."""

    job_id: UUID
    register: str
    mode: Mode
    state: JobState
    file_name: str
    actor_id: str
    institution_id: int | None
    rows_total: int = 0
    rows_done: int = 0
    rows_new: int = 0
    rows_unchanged: int = 0
    rows_failed: int = 0
    problem: str = ""
    problem_en: str = ""
    has_failed_rows: bool = False
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSearch:
    """What a list of imports is narrowed to; `reach` is the actor's limit."""

    register: str
    reach: int | None = None
    state: JobState | None = None
