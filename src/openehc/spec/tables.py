"""Field tables at work: one pass over a message finds every fault and normalises every value.

Checks form only: type, length, dictionary, presence. Whether a card exists or a
document's check digit is right is for the features to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import msgspec

from openehc.spec.kinds import Blank, Dictionaries, Reader, Wrong, reader_of
from openehc.spec.model import Field, Method, Status

RET_MSG_LIMIT: Final = 200
"""Characters that ret_msg may have (附录E 5)."""

_NO_VALUE: Final = object()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field, in Chinese, without its value."""

    field: str
    title: str
    problem: str


class Checked(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a check: normalised values by canonical name, and all faults at once."""

    values: dict[str, Any]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """A request field, made ready."""

    field: Field
    read: Reader
    default: object

    @property
    def has_second_choice(self) -> bool:
        """Whether anything is to be done when the field was not sent."""
        row = self.field
        return bool(row.aliases) or row.required or self.default is not _NO_VALUE


@dataclass(frozen=True, slots=True)
class MethodTable:
    """A method and its fields; `check` judges a request's biz_content."""

    method: Method
    request: tuple[Field, ...]
    response: tuple[Field, ...]
    _steps: tuple[tuple[str, Reader, _Step, bool], ...] = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        method: Method,
        *,
        request: tuple[Field, ...],
        response: tuple[Field, ...],
        dictionaries: Dictionaries,
    ) -> Self:
        """The table, its readers compiled once; the loader has judged the fields."""
        steps = tuple(_step(row, dictionaries=dictionaries) for row in request)
        return cls(method, request, response, tuple(_ready(s) for s in steps))

    @property
    def name(self) -> str:
        """The wire name of the method."""
        return self.method.name

    @property
    def title(self) -> str:
        """The official Chinese name of the method."""
        return self.method.title

    @property
    def serial_field(self) -> str:
        """The request field that holds the caller's serial number; "" when there is none."""
        return self.method.serial_field

    @property
    def status(self) -> Status:
        """Whether the documents name this method."""
        return self.method.status

    def check(self, biz: Mapping[str, object]) -> Checked:
        """All values normalised and all faults found.

        Absent, null and blank fields are the same; optional ones are left out,
        or take their default. Unknown fields are ignored. Never raises on JSON
        values, and no fault repeats a value.
        """
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        get = biz.get
        for name, read, step, otherwise in self._steps:
            value = get(name)
            if value is None:  # spares raising and catching Blank for what was not sent
                if otherwise:
                    _take_second_choice(step, biz=biz, values=values, faults=faults)
                continue
            try:
                values[name] = read(value)
            except Blank:
                _take_second_choice(step, biz=biz, values=values, faults=faults)
            except Wrong as wrong:
                faults.append(Fault(name, step.field.title, wrong.problem))
        if self.method.either:
            faults.extend(_missing_group(self, values=values, faults=faults))
        return Checked(values, tuple(faults))


def _ready(step: _Step) -> tuple[str, Reader, _Step, bool]:
    """A step as `check` takes it apart."""
    return step.field.name, step.read, step, step.has_second_choice


def _step(row: Field, *, dictionaries: Dictionaries) -> _Step:
    read = reader_of(row, dictionaries=dictionaries)
    return _Step(row, read, read(row.default) if row.default else _NO_VALUE)


def default_is_valid(row: Field, *, dictionaries: Dictionaries) -> bool:
    """Whether the field would take its own default from the wire."""
    try:
        reader_of(row, dictionaries=dictionaries)(row.default)
    except (Wrong, Blank):
        return False
    return True


def _take_second_choice(
    step: _Step, *, biz: Mapping[str, object], values: dict[str, Any], faults: list[Fault]
) -> None:
    """For a field that was not sent: its aliases, then its default, then the complaint."""
    row = step.field
    for alias in row.aliases:
        try:
            values[row.name] = step.read(biz.get(alias))
        except Blank:
            continue
        except Wrong as wrong:
            faults.append(Fault(row.name, row.title, wrong.problem))
        return
    if step.default is not _NO_VALUE:
        values[row.name] = step.default
    elif row.required:
        faults.append(Fault(row.name, row.title, "必填"))


def _missing_group(
    table: MethodTable, *, values: Mapping[str, Any], faults: Sequence[Fault]
) -> list[Fault]:
    """The faults of a message that completes none of the groups of which it needs one."""
    sent = values.keys() | {fault.field for fault in faults}
    groups = table.method.either
    if any(sent.issuperset(group) for group in groups):
        return []
    titles = {row.name: row.title for row in table.request}
    begun = [group for group in groups if not sent.isdisjoint(group)]
    if begun:
        missing = [name for group in begun for name in group if name not in sent]
        return [Fault(name, titles[name], "必填") for name in missing]
    choice = "或".join("+".join(group) for group in groups)
    first = groups[0][0]
    return [Fault(first, titles[first], f"须填写{choice}")]


def describe(faults: Sequence[Fault], *, limit: int = RET_MSG_LIMIT) -> str:
    """One ret_msg that names every wrong field, of at most `limit` characters.

    Problems are given when they fit, else names only, else as many names as fit
    and the count of all.
    """
    full = "；".join(f"{fault.field}({fault.problem})" for fault in faults)
    if len(full) <= limit:
        return full
    names = list(dict.fromkeys(fault.field for fault in faults))
    short = "、".join(names)
    if len(short) <= limit:
        return short
    ending = f"等{len(names)}项"
    shown = ""
    for name in names:
        longer = f"{shown}、{name}" if shown else name
        if len(longer) + len(ending) > limit:
            break
        shown = longer
    return (shown + ending)[:limit]
