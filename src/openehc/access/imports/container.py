"""Whether an uploaded file is safe to be read at all, judged before anything is unpacked.

Looks at names and sizes only: kind of file, encryption, macros, links to elsewhere, archives
that unpack to far more than they are. Reads no cell.
"""

import io
import re
import zipfile
import zlib
from enum import Enum, unique
from typing import IO, Final

LARGEST_FILE: Final = 16 << 20
LARGEST_UNPACKED: Final = 96 << 20
"""A workbook of 20,000 rows unpacks to some 20 MB."""

MOST_PARTS: Final = 300
STEEPEST: Final = 250
"""A part that unpacks to more than so many times its size is a bomb; Excel's own reach 30."""

SMALL_PART: Final = 1 << 20
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_HEAD_BYTES: Final = 4096
MOST_ROW_MARKS: Final = 60_000
"""Rows of a sheet with the empty ones that spreadsheets leave behind."""

_CHUNK: Final = 1 << 20
_OVERLAP: Final = 32
_ROW: Final = re.compile(rb"<(?:\w{1,20}:)?row[\s>/]")


@unique
class Flaw(Enum):
    """Why a file is not read: in Chinese and English."""

    EXTENSION = "仅支持.xlsx与.csv文件", "only .xlsx and .csv files"
    TOO_LARGE = "文件不得超过16MiB", "at most 16 MiB"
    EMPTY = "文件为空", "the file is empty"
    NOT_ITS_KIND = "文件内容与扩展名不符", "the content is not what the extension says"
    ENCRYPTED = "文件已加密或为旧版.xls，请另存为不加密的.xlsx", "encrypted, or an old .xls"
    MACROS = "文件含有宏，请另存为不含宏的.xlsx", "the workbook holds macros"
    LINKS = "文件含有外部链接、嵌入对象或数据连接", "links to elsewhere or embedded objects"
    BOMB = "文件解压后过大", "unpacks to far more than it is"
    BROKEN = "文件已损坏，无法读取", "the file is damaged"
    TOO_MANY_ROWS = "数据行过多，每次至多20000行", "at most 20,000 rows at once"
    TOO_WIDE = "列过多或单元格内容过长", "too many columns, or a cell that is too long"
    ENCODING = "CSV文件应为UTF-8或GB18030编码", "a CSV file in UTF-8 or GB18030"
    NO_ROWS = "没有数据行", "there are no rows"


class Unreadable(Exception):
    """The file is refused as a whole; `flaw` says why."""

    def __init__(self, flaw: Flaw, detail: str = "") -> None:
        super().__init__(flaw, detail)
        self.flaw = flaw
        self.detail = detail


def kind_of(name: str, data: bytes) -> str:
    """Either "xlsx" or "csv"; raises `Unreadable` for what is neither, or not safe."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension not in {"xlsx", "csv"}:
        raise Unreadable(Flaw.MACROS if extension == "xlsm" else Flaw.EXTENSION)
    if len(data) > LARGEST_FILE:
        raise Unreadable(Flaw.TOO_LARGE)
    if not data:
        raise Unreadable(Flaw.EMPTY)
    if data.startswith(_OLE):
        raise Unreadable(Flaw.ENCRYPTED)
    if extension == "xlsx":
        if not data.startswith(_ZIP):
            raise Unreadable(Flaw.NOT_ITS_KIND)
        _require_safe_archive(data)
    elif data.startswith(_ZIP) or b"\x00" in data:
        raise Unreadable(Flaw.NOT_ITS_KIND)
    return extension


_MACROS: Final = re.compile(r"vbaproject|macrosheets|\.bin$", re.IGNORECASE)
_PRINTER: Final = re.compile(r"xl/printersettings/[^/]*\.bin", re.IGNORECASE)
_LINKS: Final = re.compile(
    r"externallink|/embeddings/|/activex/|connections\.xml|querytable|/webextensions/",
    re.IGNORECASE,
)


def _require_safe_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _require_bounds(parts)
            _require_contents(parts)
            _require_plain_xml(archive, parts)
            _require_few_rows(archive, parts)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, NotImplementedError):
        raise Unreadable(Flaw.BROKEN) from None


def _require_bounds(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise Unreadable(Flaw.BOMB)
    for part in parts:
        if part.file_size > max(SMALL_PART, STEEPEST * part.compress_size):
            raise Unreadable(Flaw.BOMB)
        if part.flag_bits & 1:
            raise Unreadable(Flaw.ENCRYPTED)


def _require_contents(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename for part in parts]
    if "[Content_Types].xml" not in names or "xl/workbook.xml" not in names:
        raise Unreadable(Flaw.NOT_ITS_KIND)
    if len(set(names)) != len(names):
        raise Unreadable(Flaw.BROKEN)
    for name in names:
        if _MACROS.search(name) and not _PRINTER.fullmatch(name):
            raise Unreadable(Flaw.MACROS)
        if _LINKS.search(name):
            raise Unreadable(Flaw.LINKS)


def _require_plain_xml(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    """No part declares a document type, which could name entities without end."""
    for part in parts:
        if not part.filename.endswith((".xml", ".rels")):
            continue
        with archive.open(part) as opened:
            head = opened.read(_HEAD_BYTES)
        if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
            raise Unreadable(Flaw.BROKEN)
        if part.filename == "[Content_Types].xml" and b"macroEnabled" in head:
            raise Unreadable(Flaw.MACROS)


def _require_few_rows(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    """Count rows before anything parses them: a parser would walk a million first."""
    for part in parts:
        if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
            with archive.open(part) as opened:
                _require_few_marks(opened)


def _require_few_marks(opened: IO[bytes]) -> None:
    marks, end = 0, b""
    while chunk := opened.read(_CHUNK):
        text = end + chunk
        marks += len(_ROW.findall(text)) - len(_ROW.findall(end))
        if marks > MOST_ROW_MARKS:
            raise Unreadable(Flaw.TOO_MANY_ROWS)
        end = text[-_OVERLAP:]
