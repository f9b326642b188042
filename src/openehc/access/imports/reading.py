"""From rows to entries: headings to columns, cells to values, and every fault by its cell.

Pure, and run in the process that reads the file. Looks nothing up in a register.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from openehc.access.columns import Column, Shape, columns_of
from openehc.access.entries import Entry
from openehc.access.entry_rules import faults_of
from openehc.access.imports.container import Unreadable
from openehc.access.imports.importing import OF, Importing, Key
from openehc.access.imports.workbook import Cell, Odd, Table, read_table
from openehc.kernel.refusal import Fault
from openehc.spec import Spec, load

_BETWEEN_CODES: Final = re.compile(r"[、,，;；\s]+")
_OURS: Final = frozenset({"原行号", "原因"})
"""Columns that the returned workbook adds; it can be corrected and sent again as it is."""

_DATE_FORMS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row as it was read: what stood there, the entry it means, and what is wrong with it.

    `key` is what two rows for the same thing share; `org_code` names the entry's institution.
    """

    number: int
    shown: tuple[str, ...]
    entry: Entry | None
    key: Key
    org_code: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """All rows, under the titles of their columns."""

    titles: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[ReadRow, ...]


@dataclass(frozen=True, slots=True)
class Flawed:
    """The file is refused as a whole: why, in Chinese and English."""

    zh: str
    en: str


def read_file(register: str, name: str, data: bytes) -> ReadFile | Flawed:
    """The rows of an uploaded file for the register of that name. Raises nothing."""
    importing = next(found for kind, found in OF.items() if kind.name == register)
    try:
        table = read_table(name, data)
    except Unreadable as unreadable:
        zh, en = unreadable.flaw.value
        return Flawed(zh, en)
    columns = _by_heading(importing, table)
    if isinstance(columns, Flawed):
        return columns
    return _read(importing, table, columns)


def _by_heading(importing: Importing, table: Table) -> dict[int, Column] | Flawed:
    known: dict[str, Column] = {}
    for column in importing.columns:
        known[column.title] = known[column.name] = column
    found: dict[int, Column] = {}
    for place, text in enumerate(table.heading):
        title = text.strip().rstrip("*").strip()
        if not title or title in _OURS:
            continue
        if title not in known:
            return Flawed(f"未知的列：{title[:50]}", f"unknown column: {title[:50]}")
        column = known[title]
        if column in found.values():
            return Flawed(f"重复的列：{column.title}", f"column twice: {column.title_en}")
        found[place] = column
    lacking = [c for c in importing.columns if c.needed and c not in found.values()]
    if lacking:
        names = "、".join(column.title for column in lacking)
        return Flawed(f"缺少列：{names}", f"missing: {', '.join(c.title_en for c in lacking)}")
    return found


def _read(importing: Importing, table: Table, columns: Mapping[int, Column]) -> ReadFile:
    spec, first = load(), dict[Key, int]()
    rows = []
    for row in table.rows:
        values, faults = _values(columns, row.cells, spec)
        entry, more = _entry(importing, values, spec)
        named = {fault.field for fault in faults}
        faults += [fault for fault in more if fault.field not in named]
        key = importing.key_in_file(values)
        if not faults and key in first:
            zh = f"与第{first[key]}行重复"
            faults = [Fault(importing.told_at, zh, f"the same as row {first[key]}")]
        first.setdefault(key, row.number)
        shown = tuple(_shown(_at(row.cells, place)) for place in columns)
        org_code = str(values.get("org_code") or "")
        good = None if faults else entry
        rows.append(ReadRow(row.number, shown, good, key, org_code, tuple(faults)))
    titles = tuple(column.title for column in columns.values())
    return ReadFile(titles, tuple(column.name for column in columns.values()), tuple(rows))


def _values(
    columns: Mapping[int, Column], cells: tuple[Cell, ...], spec: Spec
) -> tuple[dict[str, Any], list[Fault]]:
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for place, column in columns.items():
        value = _value(column, _at(cells, place), spec)
        if isinstance(value, Fault):
            faults.append(value)
        else:
            values[column.name] = value
    for fault in faults:
        values[fault.field] = None
    return values, faults


def _at(cells: tuple[Cell, ...], place: int) -> Cell:
    return cells[place] if place < len(cells) else None


def _value(column: Column, cell: Cell, spec: Spec) -> Any:  # noqa: ANN401 (by the column's shape)
    """The cell as the column takes it, or what is wrong with it."""
    if isinstance(cell, Odd):
        zh, en = _ODD[cell]
        return Fault(column.name, zh, en)
    if cell is None:
        return None
    if column.shape is Shape.DATE:
        return _date(column, cell)
    if column.shape is Shape.NUMBER:
        return _number(column, cell)
    if isinstance(cell, date):
        return Fault(column.name, "单元格类型不符：应为文本", "a date where text is expected")
    return _text(column, str(cell), spec)


def _text(column: Column, text: str, spec: Spec) -> str | tuple[str, ...]:
    if column.shape is Shape.CODES:
        parts = _BETWEEN_CODES.split(text)
        return tuple(_code(column, part, spec) for part in parts if part)
    return _code(column, text, spec) if column.dictionary else text


_ODD: Final = {
    Odd.FORMULA: ("不得填写公式", "a formula"),
    Odd.WRONG_TYPE: ("单元格类型不符", "a cell of the wrong type"),
}


def _code(column: Column, text: str, spec: Spec) -> str:
    """The code itself, or that of the name; Excel drops leading zeros of numbers."""
    dictionary = spec.dictionary(column.dictionary)
    if dictionary.has(text):
        return text
    padded = text.zfill(max(len(entry.code) for entry in dictionary.entries))
    if text.isdigit() and dictionary.has(padded):
        return padded
    named = dictionary.by_name(text)
    return named.code if named else text


def _date(column: Column, cell: Cell) -> date | Fault:
    if isinstance(cell, date):
        return cell
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(str(cell), form).date()  # noqa: DTZ007 (a calendar day)
        except ValueError:
            continue
    return Fault(column.name, "应为日期，如2026-03-02", "a date such as 2026-03-02")


def _number(column: Column, cell: Cell) -> int | Fault:
    text = str(cell)
    if isinstance(cell, int) or (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004
        return int(text)
    return Fault(column.name, "应为整数", "a whole number")


def _entry(
    importing: Importing, values: dict[str, Any], spec: Spec
) -> tuple[Entry, tuple[Fault, ...]]:
    given, owner = dict(values), importing.owner
    if owner:
        given.pop("org_code", None)
        given["institution_id"] = 0  # the register tells, when the row is judged
    for column in columns_of(importing.kind.entry):
        if column.shape is Shape.CODES:
            given[column.name] = given.get(column.name) or ()
        elif column.needed:
            given.setdefault(column.name, None)
    entry = importing.kind.entry(**given)
    faults = faults_of(entry, spec)
    if owner and owner.needed and not values.get("org_code"):
        faults = (*faults, Fault("org_code", f"{owner.title}：必填", "is required"))
    return entry, faults


def _shown(cell: Cell) -> str:
    """A cell as the returned workbook repeats it."""
    if isinstance(cell, Odd):
        return f"[{cell.value}]"
    return "" if cell is None else str(cell)
