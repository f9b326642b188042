"""Workbooks that we give out: the template, and the rows that failed.

Every cell that repeats what somebody sent is a text cell, so that no spreadsheet takes it
for a formula. Decides nothing.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from openehc.access.columns import Column, Shape
from openehc.access.entry_rules import PATTERNS
from openehc.access.imports.importing import OF
from openehc.access.imports.workbook import MOST_ROWS
from openehc.access.kinds import Kind
from openehc.spec import load

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BOLD: Final = Font(bold=True)


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row that was not taken: its cells, and what is wrong, cell by cell."""

    number: int
    shown: tuple[str, ...]
    faults: tuple[tuple[str, str, str], ...]
    """Title of the column, value, reason."""


def template(kind: Kind) -> bytes:
    """An empty workbook with the headings of a register, its codes and how to fill it in."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "登记"
    columns = OF[kind].columns
    for place, column in enumerate(columns, start=1):
        cell = sheet.cell(1, place, f"{column.title}*" if column.needed else column.title)
        cell.font = _BOLD
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = max(14, 2 * len(column.title) + 4)
        if not column.dictionary or column.shape is Shape.CODES:
            sheet.column_dimensions[letter].number_format = "@"  # keeps leading zeros
    sheet.freeze_panes = "A2"
    _dictionaries(book, sheet, columns)
    _explanation(book, columns)
    return _saved(book)


def _dictionaries(book: openpyxl.Workbook, sheet: Worksheet, columns: Sequence[Column]) -> None:
    codes = book.create_sheet("字典")
    codes.append(["列", "代码", "名称"])
    spec = load()
    for place, column in enumerate(columns, start=1):
        if not column.dictionary:
            continue
        first = codes.max_row + 1
        for entry in spec.dictionary(column.dictionary).entries:
            codes.append([column.title, entry.code, entry.name])
        if column.shape is Shape.CODES:
            continue  # a list to choose from takes one code alone
        choice = DataValidation(
            type="list", formula1=f"字典!$B${first}:$B${codes.max_row}", allow_blank=True
        )
        letter = get_column_letter(place)
        choice.add(f"{letter}2:{letter}{MOST_ROWS + 1}")
        sheet.add_data_validation(choice)


def _explanation(book: openpyxl.Workbook, columns: Sequence[Column]) -> None:
    told = book.create_sheet("说明")
    told.append(["列", "必填", "说明", "示例"])
    for column in columns:
        needed = "是" if column.needed else "否"
        told.append([column.title, needed, _expected(column), column.example])


def _expected(column: Column) -> str:
    """What a cell of this column may hold, in words."""
    match column.shape:
        case Shape.DATE:
            return "日期，如2026-03-02"
        case Shape.NUMBER:
            return f"0至{column.most}的整数"
        case Shape.CODES:
            return "代码或名称，见“字典”表；可填多个，以顿号分隔"
        case Shape.TEXT if column.dictionary:
            return "代码或名称，见“字典”表"
    form = PATTERNS[column.pattern][1] + "，" if column.pattern else ""
    return f"{form}至多{column.most}个字符"


def failed_workbook(titles: Sequence[str], rows: Iterable[FailedRow]) -> bytes:
    """The failed rows as they were sent, and a second sheet with row, column, value, reason."""
    book = openpyxl.Workbook(write_only=True)
    again, reasons = book.create_sheet("失败数据"), book.create_sheet("原因")
    again.append([_text(again, title) for title in (*titles, "原行号", "原因")])
    reasons.append([_text(reasons, title) for title in ("行号", "列", "值", "原因")])
    for row in rows:
        why = "；".join(f"{column}：{reason}" for column, _, reason in row.faults)
        again.append([_text(again, value) for value in (*row.shown, str(row.number), why)])
        for column, value, reason in row.faults:
            cells = (str(row.number), column, value, reason)
            reasons.append([_text(reasons, cell) for cell in cells])
    return _saved(book)


def _text(sheet: Any, value: str) -> Any:  # noqa: ANN401 (openpyxl's own)
    """A cell that stays text, also with an equals sign in front."""
    printable = "".join(char for char in value if char >= " " or char in "\t\n")
    cell = WriteOnlyCell(sheet, value=printable or None)
    if printable:
        cell.data_type = "s"
        cell.quotePrefix = True
    return cell


def _saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
