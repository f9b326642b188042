"""Rows of a workbook or CSV file as plain values, read within bounds.

Runs in a process of its own: reading takes seconds of CPU, and a hostile file should not
have the worker's memory. Knows no register.
"""

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, unique
from typing import Any, Final
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from openehc.access.imports.container import Flaw, Unreadable, kind_of

MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 60
LONGEST_CELL: Final = 1000
_EXACT: Final = 10**15
"""Excel keeps 15 digits of a number; longer ones have lost some."""

_BLANK_RUN: Final = 2000
"""So many empty rows on end are the end of the sheet."""


@unique
class Odd(Enum):
    """What stands in a cell instead of a value that is taken."""

    FORMULA = "formula"
    WRONG_TYPE = "wrong type"


Cell = str | int | date | Odd | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the sheet (from 1), and its cells."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The heading of the first sheet, and the rows below it that are not empty."""

    heading: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(name: str, data: bytes) -> Table:
    """The table of a file called `name`; raises `Unreadable`."""
    if kind_of(name, data) == "csv":
        return _table(_csv_rows(data))
    try:
        return _table(_sheet_rows(data))
    except (
        zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError,
        AttributeError, IndexError, EOFError, OSError,
    ):  # fmt: skip
        raise Unreadable(Flaw.BROKEN) from None


def _table(rows: Iterator[tuple[Cell, ...]]) -> Table:
    heading: tuple[str, ...] | None = None
    found: list[Row] = []
    blank = 0
    for number, cells in enumerate(rows, start=1):
        if all(cell is None for cell in cells):
            blank += 1
            if blank > _BLANK_RUN:
                break
            continue
        blank = 0
        if heading is None:
            heading = tuple("" if cell is None else str(cell) for cell in cells)
            continue
        if len(found) >= MOST_ROWS:
            raise Unreadable(Flaw.TOO_MANY_ROWS)
        found.append(Row(number, cells))
    if not found or heading is None:
        raise Unreadable(Flaw.NO_ROWS)
    return Table(heading, tuple(found))


def _sheet_rows(data: bytes) -> Iterator[tuple[Cell, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # styles and validations that openpyxl does not keep
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # what the file claims about itself is not believed
            for row in sheet.iter_rows(max_col=MOST_COLUMNS + 1):
                if len(row) > MOST_COLUMNS and row[MOST_COLUMNS].value is not None:
                    raise Unreadable(Flaw.TOO_WIDE)
                yield tuple(_cell(cell.value, cell.data_type) for cell in row[:MOST_COLUMNS])
        finally:
            book.close()


def _cell(value: Any, kind: str) -> Cell:  # noqa: ANN401 (whatever a cell holds)
    if value is None or kind == "f":
        return Odd.FORMULA if kind == "f" else None
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return Odd.WRONG_TYPE
    if isinstance(value, int | float):
        whole = float(value).is_integer() and abs(value) < _EXACT
        return int(value) if whole else Odd.WRONG_TYPE
    if isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    return Odd.WRONG_TYPE


def _text(value: str) -> Cell:
    if len(value) > LONGEST_CELL:
        raise Unreadable(Flaw.TOO_WIDE)
    text = value.strip()
    if not text:
        return None
    return Odd.FORMULA if looks_like_formula(text) else text


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet would take the text for a formula or a command (DDE)."""
    first, second = text[:1], text[1:2]
    return first in {"=", "@"} or (first in {"+", "-"} and not second.isdigit()) or (
        first in {"+", "-"} and ("|" in text or "(" in text)
    )  # fmt: skip


def _csv_rows(data: bytes) -> Iterator[tuple[Cell, ...]]:
    reader = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    try:
        for row in reader:
            if len(row) > MOST_COLUMNS:
                raise Unreadable(Flaw.TOO_WIDE)
            yield tuple(_text(cell) for cell in row)
    except csv.Error:
        raise Unreadable(Flaw.BROKEN) from None


def _decoded(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unreadable(Flaw.ENCODING)
