"""Write the reference pages from the spec tables: `python -m tools.reference [--check]`.

    docs/reference/return-codes.md   every return code with cause and cure
    docs/reference/dictionaries.md   every dictionary
    docs/reference/methods.md        every method of the hospital door, field by field

With --check nothing is written: exit code 1, and the name of each page that
differs from the tables. Adds no fact of its own.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from openehc.spec import Dictionary, Field, Kind, MethodTable, ReturnCode, Spec, Status, load

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "reference"

_NOTICE: Final = (
    "<!-- Written by `python -m tools.reference` from src/openehc/spec/data; do not edit. -->"
)
_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.TEXT: (
        "字符串；去掉首尾空格，不得含控制字符",
        "string; outer blanks are stripped, control characters refused",
    ),
    Kind.CODE: ("字典中的代码，各级代码均可", "a code of the dictionary, of any level"),
    Kind.DATE: ("日期，yyyyMMdd或yyyy-MM-dd", "date, yyyyMMdd or yyyy-MM-dd"),
    Kind.TIME: (
        "北京时间，yyyyMMddHHmmss、yyyy-MM-dd HH:mm:ss或13位毫秒数",
        "time in +08:00: yyyyMMddHHmmss, yyyy-MM-dd HH:mm:ss, or 13 digits of milliseconds",
    ),
    Kind.PHONE: ("电话号码：数字、+、-", "telephone number: digits, + and -"),
    Kind.INTEGER: ("整数，数字或数字字符串", "whole number, as a number or as its digits"),
    Kind.FLAG: ("Y或N", "Y or N"),
    Kind.CARD_LIST: (
        "卡的数组（或内容为数组的JSON字符串），每项card_type、card_no，可选is_default（Y/N）",
        "array of cards, or a JSON string holding one: card_type, card_no, optionally is_default",
    ),
    Kind.PHOTO: ("BASE64文本", "BASE64 text"),
    Kind.NATION: ("民族代码或名称", "ethnic group, code or name"),
    Kind.TAGS: ("标签数组，或逗号分隔的文本", "array of tags, or text separated by commas"),
}

# What `minimum` and `maximum` count, for kinds that are no numbers themselves.
_UNITS: Final[Mapping[Kind, str]] = {
    Kind.PHONE: " characters",
    Kind.CARD_LIST: " items",
    Kind.TAGS: " items",
}


def pages(spec: Spec) -> dict[str, str]:
    """The reference pages by file name."""
    return {
        "return-codes.md": _return_codes_page(spec),
        "dictionaries.md": _dictionaries_page(spec),
        "methods.md": _methods_page(spec),
    }


def drifting(folder: Path, *, wanted: Mapping[str, str]) -> list[str]:
    """The names of the pages in `folder` that are missing or differ from `wanted`."""
    return [
        name
        for name, text in wanted.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def _table(head: Sequence[str], *, rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, followed by an empty line."""
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or " "


def _page(title: str, *, body: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", _NOTICE, "", *body]).rstrip("\n") + "\n"


def _return_codes_page(spec: Spec) -> str:
    codes = list(spec.return_codes.values())
    body = _table(
        ["ret_code", "ret_msg", "Meaning"],
        rows=[[f"[{row.code}](#{row.code})", row.text, row.meaning_en] for row in codes],
    )
    for row in codes:
        body += _return_code(row)
    return _page("返回码 Return codes", body=body)


def _return_code(row: ReturnCode) -> list[str]:
    return [
        f"## {row.code}",
        "",
        f"{row.text} · {row.meaning_en}",
        "",
        *_table(
            ["", "中文", "English"],
            rows=[
                ["原因 Cause", row.cause_zh, row.cause_en],
                ["处理 Cure", row.cure_zh, row.cure_en],
            ],
        ),
        f"Source: {row.source}" + (f" ({row.note})" if row.note else ""),
        "",
    ]


def _dictionaries_page(spec: Spec) -> str:
    dictionaries = sorted(spec.dictionaries.values(), key=lambda one: one.name)
    body = _table(
        ["Dictionary", "名称", "English", "Codes"],
        rows=[
            [f"[{one.name}](#{one.name})", one.title, one.title_en, str(len(one.entries))]
            for one in dictionaries
        ],
    )
    for one in dictionaries:
        body += _dictionary(one)
    return _page("数据字典 Dictionaries", body=body)


def _dictionary(one: Dictionary) -> list[str]:
    rows = [
        [entry.code, entry.name, entry.parent_code, entry.source, entry.note]
        for entry in one.entries
    ]
    return [
        f"## {one.name}",
        "",
        f"{one.title} · {one.title_en}",
        "",
        *_table(["代码 Code", "名称 Name", "上级 Parent", "来源 Source", "Note"], rows=rows),
    ]


def _methods_page(spec: Spec) -> str:
    tables = list(spec.methods.values())
    body = _table(
        ["Method", "名称", "English", "Source"],
        rows=[
            [
                f"[{one.name}](#{one.name.replace('.', '')})",
                one.title,
                one.method.title_en,
                one.method.source,
            ]
            for one in tables
        ],
    )
    body += ["## 取值类型 Kinds", ""]
    body += _table(["Kind", "中文", "English"], rows=[[kind, *_KINDS[kind]] for kind in Kind])
    for one in tables:
        body += _method(one)
    return _page("接口字段 Methods", body=body)


def _method(one: MethodTable) -> list[str]:
    method = one.method
    remarks = [f"Source: {method.source}."]
    if method.status is Status.LOCAL:
        remarks.append("本平台自定义 Own method, not in the documents.")
    if method.serial_field:
        remarks.append(f"流水号 Serial number: `{method.serial_field}`, new for each request.")
    if method.either:
        groups = " 或 or ".join(f"`{'+'.join(group)}`" for group in method.either)
        remarks.append(f"至少一组完整 At least one group complete: {groups}.")
    if method.note:
        remarks.append(f"Note: {method.note}.")
    return [
        f"## {method.name}",
        "",
        f"{method.title} · {method.title_en}",
        "",
        *(f"- {remark}" for remark in remarks),
        "",
        "### 请求 Request",
        "",
        *_fields(one.request),
        "### 应答 Response",
        "",
        *_fields(one.response),
    ]


def _fields(fields: Iterable[Field]) -> list[str]:
    head = [
        "字段 Field",
        "名称",
        "Kind",
        "必填 Required",
        "限制 Limits",
        "Default",
        "Source",
        "Note",
    ]
    return _table(head, rows=[_field(row) for row in fields])


def _field(row: Field) -> list[str]:
    names = f"`{row.name}`" + "".join(f" (`{alias}`)" for alias in row.aliases)
    kind = row.kind.value
    if row.dictionary:
        kind += f" [{row.dictionary}](dictionaries.md#{row.dictionary})"
    unit = _UNITS.get(row.kind, "")
    limits = [
        f"≤ {row.max_length} characters" if row.max_length is not None else "",
        f"≥ {row.minimum}{unit}" if row.minimum is not None else "",
        f"≤ {row.maximum}{unit}" if row.maximum is not None else "",
    ]
    return [
        names,
        row.title,
        kind,
        "Y" if row.required else "N",
        ", ".join(limit for limit in limits if limit),
        row.default,
        row.source,
        row.note,
    ]


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages stand")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    wanted = pages(load())
    if options.check:
        drift = drifting(folder, wanted=wanted)
        for name in drift:
            print(f"{folder / name} differs from the tables: run python -m tools.reference")
        return 1 if drift else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
