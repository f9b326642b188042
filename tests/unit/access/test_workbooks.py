"""Reading uploaded workbooks: what is taken, what is refused, and what is wrong with a cell."""

import io
from collections.abc import Callable
from datetime import date, datetime
from time import process_time
from typing import Any

import openpyxl
import pytest

from openehc.access.entries import ApplicationEntry, InstitutionEntry
from openehc.access.imports.importing import OF
from openehc.access.imports.reading import Flawed, ReadFile, read_file
from openehc.access.imports.workbook import looks_like_formula
from openehc.access.imports.writing import FailedRow, failed_workbook, template
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, KINDS, MODULES, Kind
from openehc.spec import load
from tests.support.entries import INSTITUTION
from tests.support.workbooks import (
    GOOD,
    GOOD_TERMINALS,
    REFUSED,
    ROWS_OF,
    csv_text,
    institution_rows,
    saved,
    xlsx,
)


def read(data: bytes, name: str = "a.xlsx", register: str = "institution") -> ReadFile:
    file = read_file(register, name, data)
    assert isinstance(file, ReadFile), file
    return file


@pytest.mark.parametrize(("name", "content", "word"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_refused_says_why(
    name: str, content: Callable[[], bytes], word: str
) -> None:
    data = content()

    began = process_time()
    file = read_file("institution", name, data)

    assert isinstance(file, Flawed)
    assert word in file.zh
    assert process_time() - began < 5


def test_a_workbook_gives_its_entries() -> None:
    file = read(GOOD)

    assert [row.faults for row in file.rows] == [(), ()]
    assert isinstance(file.rows[1].entry, InstitutionEntry)
    assert (file.rows[1].number, file.rows[1].entry.org_name) == (3, "示例第1医院")
    assert file.rows[1].entry.access_date == date(2026, 3, 1)


def test_a_terminal_names_its_institution() -> None:
    file = read(GOOD_TERMINALS, register="terminal")

    assert {row.org_code for row in file.rows} == {"99019902000000000A1002"}
    assert [row.faults for row in file.rows] == [(), ()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_file_reads_like_the_workbook(encoding: str) -> None:
    rows = institution_rows(2)

    file = read(csv_text(INSTITUTIONS, rows).encode(encoding), "A.CSV")

    assert [row.entry for row in file.rows] == [row.entry for row in read(GOOD).rows]


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("org_name", "=1+1", "公式"),
        ("org_name", "=cmd|' /C calc'!A0", "公式"),
        ("org_name", "@SUM(A1)", "公式"),
        ("org_name", "+cmd|'/C calc'!A0", "公式"),
        ("org_name", None, "必填"),
        ("org_name", "名" * 51, "50"),
        ("org_name", "a\u202eb", "控制字符"),
        ("org_name", True, "类型"),
        ("org_name", datetime(2026, 3, 1), "类型"),  # noqa: DTZ001 (as Excel has it)
        ("org_level", "031", "字典"),
        ("org_property", "3", "字典"),
        ("org_code", "123", "统一社会信用代码"),
        ("org_code", 1.5, "类型"),
        ("province_code", "35", "6位"),
        ("city_code", "350200", "不在所属省份内"),
        ("access_date", "soon", "日期"),
        ("access_date", "2026-02-30", "日期"),
        ("win_term_num", "many", "整数"),
        ("win_term_num", -1, "0至"),
    ],
)
def test_a_wrong_cell_is_named(column: str, value: Any, word: str) -> None:
    file = read(xlsx(INSTITUTIONS, [{**INSTITUTION, column: value}]))

    faults = file.rows[0].faults

    assert [fault.field for fault in faults] == [column]
    assert word in faults[0].zh


@pytest.mark.parametrize(
    ("column", "value", "taken"),
    [
        ("org_level", "三级甲等", "032"), ("org_level", 32, "032"), ("org_property", 1, "1"),
        ("province_code", 990000, "990000"), ("win_term_num", "12", 12),
        ("access_date", "2026/03/01", date(2026, 3, 1)),
        ("access_date", 20260301, date(2026, 3, 1)),
        ("org_name", " 示例 ", "示例"),
    ],
)  # fmt: skip
def test_what_people_mean_is_understood(column: str, value: Any, taken: Any) -> None:
    file = read(xlsx(INSTITUTIONS, [{**INSTITUTION, column: value}]))

    assert file.rows[0].faults == ()
    assert getattr(file.rows[0].entry, column) == taken


def test_the_same_row_twice_fails_the_second_time() -> None:
    file = read(xlsx(INSTITUTIONS, [INSTITUTION, INSTITUTION]))

    assert [len(row.faults) for row in file.rows] == [0, 1]
    assert file.rows[1].faults[0].zh == "与第2行重复"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_rows_of_every_register_are_read(kind: Kind) -> None:
    rows = ROWS_OF[kind](2)

    file = read(xlsx(kind, rows), register=kind.name)
    same = read(csv_text(kind, rows).encode(), "a.csv", register=kind.name)

    assert [row.faults for row in file.rows] == [(), ()]
    assert [row.entry for row in same.rows] == [row.entry for row in file.rows]
    assert file.rows[0].key != file.rows[1].key


@pytest.mark.parametrize("text", ["01、02", "01,2", "预约挂号；门诊就医", " 01 ， 门诊就医 "])
def test_several_codes_or_names_stand_in_one_cell(text: str) -> None:
    row = {**ROWS_OF[APPLICATIONS](1)[0], "app_category": text, "release_channel": None}

    [read_row] = read(xlsx(APPLICATIONS, [row]), register="application").rows

    assert isinstance(read_row.entry, ApplicationEntry)
    assert (read_row.entry.app_category, read_row.entry.release_channel) == (("01", "02"), ())


@pytest.mark.parametrize(
    ("kind", "column", "value", "word"),
    [
        (APPLICATIONS, "app_category", "01、99", "字典"),
        (APPLICATIONS, "app_category", "01、01", "重复"),
        (APPLICATIONS, "app_category", None, "必填"),
        (APPLICATIONS, "app_channel", "1", "末级"),
        (APPLICATIONS, "org_code", None, "必填"),
        (MODULES, "address", "没有地址", "IP地址"),
        (MODULES, "owner_type", "Z", "字典"),
    ],
)
def test_a_wrong_cell_of_software_or_a_module_is_named(
    kind: Kind, column: str, value: Any, word: str
) -> None:
    row = {**ROWS_OF[kind](2)[1], column: value}

    [read_row] = read(xlsx(kind, [row]), register=kind.name).rows

    assert [fault.field for fault in read_row.faults] == [column]
    assert word in read_row.faults[0].zh


def test_one_application_stands_once_for_each_kind_of_phone() -> None:
    [row] = ROWS_OF[APPLICATIONS](1)
    rows = [row, {**row, "app_channel": "102"}, {**row, "app_version": "2.0"}]

    file = read(xlsx(APPLICATIONS, rows), register="application")

    assert [len(one.faults) for one in file.rows] == [0, 0, 1]
    assert file.rows[2].faults[0].zh == "与第2行重复"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_template_has_every_column_and_its_codes(kind: Kind) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(kind)))

    heading = [str(cell.value).rstrip("*") for cell in book.worksheets[0][1]]
    assert heading == [column.title for column in OF[kind].columns]
    codes = {row[1] for row in book["字典"].iter_rows(min_row=2, values_only=True)}
    named = {column.dictionary for column in OF[kind].columns if column.dictionary}
    spec = load()
    assert codes == {entry.code for name in named for entry in spec.dictionary(name).entries}


def test_a_filled_template_is_read() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(INSTITUTIONS)))
    row = [INSTITUTION.get(column.name) for column in OF[INSTITUTIONS].columns]
    book.worksheets[0].append(row)

    assert [one.faults for one in read(saved(book)).rows] == [()]


def test_returned_rows_are_text_for_every_spreadsheet() -> None:
    evil = '=HYPERLINK("http://example.org","x")'
    failed = FailedRow(7, (evil, "x\x00\x01"), (("机构名称", evil, "不得填写公式"),))

    book = openpyxl.load_workbook(io.BytesIO(failed_workbook(("机构名称", "机构等级"), [failed])))

    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in book["原因"][2]] == ["7", "机构名称", evil, "不得填写公式"]


def test_returned_rows_can_be_corrected_and_sent_again() -> None:
    titles = [column.title for column in OF[INSTITUTIONS].columns]
    shown = tuple(str(INSTITUTION.get(c.name) or "") for c in OF[INSTITUTIONS].columns)

    again = failed_workbook(titles, [FailedRow(7, shown, ())])

    assert [row.faults for row in read(again).rows] == [()]


@pytest.mark.parametrize("text", ["-1.5", "+8610", "示例", "a=b", "1-2"])
def test_ordinary_text_is_no_formula(text: str) -> None:
    assert not looks_like_formula(text)


def test_the_template_says_what_each_column_may_hold() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(INSTITUTIONS)))

    told = {row[0]: row[2] for row in book["说明"].iter_rows(min_row=2, values_only=True)}
    assert told["机构接入日期"] == "日期，如2026-03-02"
    assert told["所属省份行政区划代码"] == "应为6位行政区划代码，至多6个字符"
    assert told["机构等级"] == "代码或名称，见“字典”表"
    assert told["窗口部署终端数"] == "0至1000000的整数"
    assert told["机构名称"] == "至多50个字符"
