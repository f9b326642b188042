"""An entry as it stands in its register, what happened to it, and how a list is searched.

Decides nothing and reads nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from openehc.access.entries import Entry
from openehc.access.kinds import Kind
from openehc.access.model import Standing
from openehc.access.rules import Act, works
from openehc.audit.model import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An entry of a register. `more` holds the columns that the platform fills."""

    kind: Kind
    record_id: int
    entry: Entry
    standing: Standing
    revision: int
    number: str | None
    institution_id: int | None
    org_code: str | None
    org_name: str | None
    institution_standing: Standing | None
    created_at: datetime
    changed_at: datetime
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """How audit names the entry."""
        return f"{self.record_id}:{self.number or self.org_code or ''}"

    @property
    def works(self) -> bool:
        """Whether it is active and its institution is."""
        return works(self.standing, self.institution_standing or Standing.ACTIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActCommand:
    """Somebody does something to one entry, of which they saw this revision.

    `approved_by` is the login of the second person who agreed, "" when nobody was asked.
    """

    kind: Kind
    record_id: int
    revision: int
    act: Act
    by: Actor
    now: datetime
    reason: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One change: what was done by whom, and the columns before and after."""

    revision: int
    at: datetime
    act: str
    actor_kind: str
    actor_id: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a list is narrowed to; None and "" narrow nothing. `reach` is the actor's limit.

    `columns` are entered values, each exact, by their column; `since` and `until` bound the
    day of access, both included. `online` is a status of 表7.1 (1, 2, 3) as of an application
    that counts as online after a success since `online_since`.
    """

    text: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    online: str = ""
    online_since: datetime | None = None
    report_due: bool | None = None
    standing: Standing | None = None
    institution_id: int | None = None
    org_code: str = ""
    code: str = ""
    reach: int | None = None
