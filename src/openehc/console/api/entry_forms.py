"""Forms and views of the registers for the API, made from the columns of each entry.

A bound is written once, in `access/entries.py`; here it becomes pydantic's. Checks of what
fits together stay with the use cases.
"""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model

from openehc.access.columns import Column, Shape, columns_of
from openehc.access.entries import ApplicationEntry, Entry
from openehc.access.entry_rules import PATTERNS
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, Kind
from openehc.access.model import Standing
from openehc.access.record import Record
from openehc.access.rules import SAID
from openehc.kernel.masking import masked_name, masked_phone

NUMBER_ON_WIRE: Final = {"ehcappid": "record_num"}
"""Numbers by the names of the tables (表7.1)."""

_STRICT: Final = ConfigDict(extra="forbid")
_ORG_CODE: Final = Annotated[
    str,
    Field(
        min_length=9, max_length=32, description="组织机构代码 / organisation code (表6.3)",
        examples=["99019901000000000A1001"],
    ),
]  # fmt: skip


def _typed(column: Column) -> Any:  # noqa: ANN401 (a type)
    told: dict[str, Any] = {"description": _description(column)}
    if column.example:
        told["examples"] = [column.example]
    if column.shape is Shape.DATE:
        return Annotated[date, Field(**told)]
    if column.shape is Shape.NUMBER:
        return Annotated[int, Field(ge=0, le=column.most, **told)]
    if column.shape is Shape.CODES:
        code = Annotated[str, Field(min_length=1, max_length=10)]
        return Annotated[list[code], Field(max_length=column.most, **told)]
    return Annotated[str, Field(min_length=1, max_length=column.most, **told)]


def _description(column: Column) -> str:
    said = f"{column.title} / {column.title_en}"
    if column.dictionary:
        said += f" ({column.dictionary})"
    if column.pattern:
        said += f"；{PATTERNS[column.pattern][1]}"
    return said


def form_of(kind: Kind) -> type[BaseModel]:
    """The form in which somebody applies for, or changes, an entry of this register."""
    fields: dict[str, Any] = {}
    if kind is MODULES:
        fields["org_code"] = (_ORG_CODE | None, None)
    elif kind is not INSTITUTIONS:
        fields["org_code"] = (_ORG_CODE, ...)
    for column in columns_of(kind.entry):
        typed = _typed(column)
        empty: Any = [] if column.shape is Shape.CODES else None
        optional = typed if column.shape is Shape.CODES else typed | None
        fields[column.name] = (typed, ...) if column.needed else (optional, empty)
    return create_model(f"{kind.name.title()}Form", __config__=_STRICT, **fields)


def entry_from(kind: Kind, form: BaseModel, *, institution_id: int | None) -> Entry:
    """The entry that a filled form means."""
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in form.model_dump(exclude={"org_code"}).items()
    }
    if kind is INSTITUTIONS:
        given["org_code"] = getattr(form, "org_code", "")
    else:
        given["institution_id"] = institution_id
    return kind.entry(**given)


def view_model_of(kind: Kind) -> type[BaseModel]:
    """How an entry of this register is shown."""
    fields: dict[str, Any] = {
        "id": (int, ...), "standing": (Standing, ...), "standing_name": (str, ...),
        "works": (bool, Field(description="自身与所属机构均正常 / it and its institution work")),
        "revision": (int, ...), "created_at": (datetime, ...), "changed_at": (datetime, ...),
        "institution_id": (int | None, ...), "org_code": (str | None, ...),
        "org_name": (str | None, ...),
    }  # fmt: skip
    if kind.number:
        fields[NUMBER_ON_WIRE.get(kind.number, kind.number)] = (str | None, ...)
    for column in columns_of(kind.entry):
        shown = {Shape.DATE: date, Shape.NUMBER: int, Shape.CODES: list[str]}
        typed: Any = shown.get(column.shape, str)
        fields.setdefault(column.name, (typed | None, ...))
    if kind is APPLICATIONS:
        fields |= _OF_SOFTWARE
    return create_model(f"{kind.name.title()}View", **fields)


_OF_SOFTWARE: Final[Mapping[str, Any]] = {
    "app_id": (str, ...),
    "record_time": (date | None, ...),
    "erhc_system": (str | None, ...),
    "erhc_system_record_no": (str | None, ...),
    "online_statuses": (str, Field(description="应用在线状态 1联网 2未联网 3停用 / online_status")),
    "last_success_at": (datetime | None, ...),
    "has_secret": (bool, ...),
    "secret_made_at": (datetime | None, ...),
    "previous_until": (datetime | None, ...),
    "report_due_since": (datetime | None, ...),
    "rate_limit": (int | None, ...),
    "daily_quota": (int | None, ...),
    "allowed_networks": (list[str], ...),
    "client_certificates": (list[str], ...),
    "certificate_needed": (bool, ...),
    "grants": (list[str], ...),
}


def online_status(record: Record, *, now: datetime, online_for: timedelta) -> str:
    """1 联网 after a success within `online_for`, 2 未联网, 3 停用 when it may not work (表7.1)."""
    if not record.works:
        return "3"
    last = record.more["last_success_at"]
    return "1" if last and now - last <= online_for else "2"


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """How records are shown: at which time, for how long an application counts as online."""

    now: datetime
    online_for: timedelta
    hides: frozenset[str] = frozenset()

    def view(self, record: Record) -> dict[str, Any]:
        """The members of a view."""
        kind = record.kind
        told: dict[str, Any] = {
            "id": record.record_id, "standing": record.standing.value,
            "standing_name": SAID[record.standing][0], "works": record.works,
            "revision": record.revision, "created_at": record.created_at,
            "changed_at": record.changed_at, "institution_id": record.institution_id,
            "org_code": record.org_code, "org_name": record.org_name,
        }  # fmt: skip
        if kind.number:
            told[NUMBER_ON_WIRE.get(kind.number, kind.number)] = record.number
        entered = dataclasses.asdict(record.entry)
        told |= {name: self._shown(name, value) for name, value in entered.items()}
        if isinstance(record.entry, ApplicationEntry):
            told |= self._of_software(record)
        return told

    def _shown(self, name: str, value: Any) -> Any:  # noqa: ANN401 (a column's value)
        if name not in self.hides or not value:
            return value
        if name == "use_unit_phone":
            return masked_phone(value)
        if name == "use_unit_mail":
            return f"{value[0]}***@{value.rpartition('@')[2]}"
        return masked_name(value)

    def _of_software(self, record: Record) -> dict[str, Any]:
        more = dict(record.more)
        more["allowed_networks"] = [str(network) for network in more["allowed_networks"]]
        last = more["last_success_at"]
        more["last_success_at"] = last if last and last.year > 1970 else None  # noqa: PLR2004 (epoch: never)
        more["online_statuses"] = online_status(record, now=self.now, online_for=self.online_for)
        more["erhc_system_record_no"] = record.number[:9] if record.number else None
        return more


CONTACTS: Final = frozenset(
    column.name for column in columns_of(ApplicationEntry) if column.private
)
"""Columns of contact persons: masked in lists, and for those who may not change them."""
