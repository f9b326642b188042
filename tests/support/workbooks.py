"""Workbooks for tests: good ones, and one of each kind that is refused. Holds no test."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import openpyxl

from openehc.access.imports.importing import OF
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, TERMINALS, Kind
from tests.support.entries import APPLICATION, INSTITUTION, MODULE, ORG_CODE, TERMINAL

Rows = Sequence[Mapping[str, Any]]


def institution_rows(count: int) -> list[dict[str, Any]]:
    """So many different institutions."""
    return [
        {**INSTITUTION, "org_code": f"9901990200{n:08d}A100", "org_name": f"示例第{n}医院",
         "access_date": date(2026, 3, 1)}
        for n in range(count)
    ]  # fmt: skip


def terminal_rows(count: int, org_code: str = ORG_CODE) -> list[dict[str, Any]]:
    """So many different terminals of one institution."""
    return [
        {**TERMINAL, "org_code": org_code, "serial_no": f"APOS2026{n:06d}"} for n in range(count)
    ]


def module_rows(count: int) -> list[dict[str, Any]]:
    """So many different crypto modules, of which the first belongs to no institution."""
    return [
        {**MODULE, "serial_no": f"M-{n:06d}", **({"org_code": ORG_CODE} if n else {})}
        for n in range(count)
    ]


def application_rows(count: int, org_code: str = ORG_CODE) -> list[dict[str, Any]]:
    """So many different applications of one institution."""
    return [
        {**APPLICATION, "org_code": org_code, "app_name": f"示例掌上医院{n}"} for n in range(count)
    ]


ROWS_OF: Final[Mapping[Kind, Callable[[int], list[dict[str, Any]]]]] = {
    INSTITUTIONS: institution_rows, TERMINALS: terminal_rows, MODULES: module_rows,
    APPLICATIONS: application_rows,
}  # fmt: skip
"""Makes so many different rows for a register."""


def xlsx(kind: Kind, rows: Rows) -> bytes:
    """A workbook with the headings of a register and these rows."""
    columns = OF[kind].columns
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([f"{column.title}*" if column.needed else column.title for column in columns])
    for row in rows:
        sheet.append([_cell(row.get(column.name)) for column in columns])
    return saved(book)


def csv_text(kind: Kind, rows: Rows) -> str:
    """The same as CSV."""
    columns = OF[kind].columns
    lines = [[column.title for column in columns]]
    lines += [[str(_cell(row.get(column.name)) or "") for column in columns] for row in rows]
    return "".join(",".join(line) + "\r\n" for line in lines)


def _cell(value: Any) -> Any:
    """Several codes stand in one cell."""
    return "、".join(value) if isinstance(value, list) else value


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(data: bytes, name: str, content: bytes) -> bytes:
    """The archive with one part more."""
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def changed_part(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The archive with one part written anew."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for part in before.infolist():
            content = before.read(part)
            after.writestr(part.filename, change(content) if part.filename == name else content)
    return out.getvalue()


def million_rows() -> bytes:
    """A sheet of a million short rows, as a program that streams would write it."""
    head = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    rows = b"".join(b"<row><c><v>%d</v></c></row>" % (n * 7919 % 999_983) for n in range(1_000_000))
    whole = head + rows + b"</sheetData></worksheet>"
    return changed_part(GOOD, "xl/worksheets/sheet1.xml", lambda _: whole)


GOOD: Final = xlsx(INSTITUTIONS, institution_rows(2))
GOOD_TERMINALS: Final = xlsx(TERMINALS, terminal_rows(2))

_ENTITY: Final = b'<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;&b;&b;">]>'


def _with_macro_type(types: bytes) -> bytes:
    return types.replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")


def _many_parts() -> bytes:
    out = io.BytesIO(GOOD)
    with zipfile.ZipFile(out, "a") as archive:
        for number in range(400):
            archive.writestr(f"xl/media/{number}.xml", b"<a/>")
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", b"no workbook")
    return out.getvalue()


REFUSED: Final[Mapping[str, tuple[str, Callable[[], bytes], str]]] = {
    "macros by extension": ("a.xlsm", lambda: GOOD, "宏"),
    "macros inside": ("a.xlsx", lambda: with_part(GOOD, "xl/vbaProject.bin", b"\xcc\x61"), "宏"),
    "macros by content type": (
        "a.xlsx", lambda: changed_part(GOOD, "[Content_Types].xml", _with_macro_type), "宏"),
    "macro sheet": ("a.xlsx", lambda: with_part(GOOD, "xl/macrosheets/sheet1.xml", b"<a/>"), "宏"),
    "external link": (
        "a.xlsx", lambda: with_part(GOOD, "xl/externalLinks/externalLink1.xml", b"<a/>"), "链接"),
    "embedded object": ("a.xlsx", lambda: with_part(GOOD, "xl/embeddings/o.xml", b"<a/>"), "嵌入"),
    "data connection": ("a.xlsx", lambda: with_part(GOOD, "xl/connections.xml", b"<a/>"), "连接"),
    "zip bomb by ratio": (
        "a.xlsx", lambda: with_part(GOOD, "xl/media/a.xml", bytes(50 << 20)), "解压后过大"),
    "zip bomb by number of parts": ("a.xlsx", _many_parts, "解压后过大"),
    "entities": (
        "a.xlsx", lambda: changed_part(GOOD, "xl/workbook.xml", lambda xml: _ENTITY + xml), "损坏"),
    "encrypted or old": ("a.xlsx", lambda: b"\xd0\xcf\x11\xe0" + bytes(512), "加密"),
    "a web page": ("a.xlsx", lambda: b"<html><table></table></html>", "不符"),
    "another archive": ("a.xlsx", _archive, "不符"),
    "cut off": ("a.xlsx", lambda: GOOD[: len(GOOD) // 2], "损坏"),
    "a sheet that is no XML": (
        "a.xlsx", lambda: changed_part(GOOD, "xl/worksheets/sheet1.xml", lambda _: b"{}"), "损坏"),
    "workbook called csv": ("a.csv", lambda: GOOD, "不符"),
    "csv called workbook": ("a.xlsx", lambda: csv_text(INSTITUTIONS, []).encode(), "不符"),
    "another extension": ("a.pdf", lambda: GOOD, "仅支持"),
    "no extension": ("a", lambda: GOOD, "仅支持"),
    "empty": ("a.csv", lambda: b"", "为空"),
    "only a heading": ("a.xlsx", lambda: xlsx(INSTITUTIONS, []), "没有数据行"),
    "a million rows": ("a.xlsx", million_rows, "20000行"),
    "more than 20,000 rows of CSV": (
        "a.csv", lambda: csv_text(INSTITUTIONS, [INSTITUTION] * 20_001).encode(), "20000行"),
    "an endless cell": ("a.csv", lambda: "组织机构代码\r\n".encode() + b"x" * 5000, "过长"),
    "NUL bytes": ("a.csv", lambda: b"a,b\x00\r\n", "不符"),
    "an open quote": ("a.csv", lambda: b'a,"b\r\n1,2', "损坏"),
    "another encoding": ("a.csv", lambda: b"a,\xff\xff\xff\r\n1,2\r\n", "编码"),
    "unknown column": ("a.csv", "电话\r\n1\r\n".encode, "未知的列：电话"),
    "a column twice": ("a.csv", "机构名称,机构名称\r\n1,2\r\n".encode, "重复的列"),
    "missing columns": ("a.csv", "机构名称\r\n示例\r\n".encode, "缺少列"),
}  # fmt: skip
"""Each kind of file that is refused as a whole: its name, its content, a word of the reason."""
