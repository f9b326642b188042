"""Whether an entry may stand in its register: bounds, codes, forms, and what must fit together.

Pure: reads no register, so it cannot know whether the entry is there already. Every fault
is named with its column, so that a form can show all of them at once.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from openehc.access.columns import Column, Shape, columns_of
from openehc.access.entries import ApplicationEntry, Entry, InstitutionEntry
from openehc.kernel.refusal import Fault
from openehc.spec import Spec

PATTERNS: Final[Mapping[str, tuple[re.Pattern[str], str, str]]] = {
    "area": (re.compile(r"[1-9][0-9]{5}"), "应为6位行政区划代码", "six digits of an area code"),
    "org_code": (
        re.compile(r"[0-9A-Z]{9}|[0-9A-Z]{18}|[0-9A-Z]{22}"),
        "应为22位登记号、18位统一社会信用代码或9位组织机构代码",
        "22, 18 or 9 digits and capital letters",
    ),
    "version": (
        re.compile(r"[0-9]{1,5}\.[0-9]{1,5}(?:\.[0-9A-Za-z-]{1,12}){0,3}"),
        "版本号应为X.Y或X.Y.Z形式",
        "a version X.Y or X.Y.Z",
    ),
    "package": (
        re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)+"),
        "应为com.example.app形式的包名",
        "a package name such as com.example.app",
    ),
    "serial": (
        re.compile(r"[!-~]+"), "应为数字、字母或半角符号，不含空格",
        "digits, letters and signs of ASCII, no blanks",
    ),
    "phone": (
        re.compile(r"\+?[0-9(][0-9()\- ]{4,28}[0-9]"), "应为电话号码", "a telephone number"
    ),
    "mail": (
        re.compile(r"[A-Za-z0-9._%+-]{1,40}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
        "应为邮箱地址",
        "a mail address",
    ),
    "url": (
        re.compile(r"(?:https?://)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]{1,5})?"
                   r"(?:[/?#][!-~\u4e00-\u9fff]*)?"),
        "应为http(s)地址或域名",
        "an http(s) address or a domain",
    ),
    "address": (
        re.compile(r"[0-9A-Za-z][0-9A-Za-z.:\[\]_-]*(?:/[!-~]*)?|https?://[!-~]+"),
        "应为IP地址、主机名或http(s)地址",
        "an IP address, a host name or an http(s) address",
    ),
}  # fmt: skip
"""The forms that a text column can be asked for: pattern, and what is expected."""

OLDEST_DATE: Final = date(1990, 1, 1)
LATEST_DATE: Final = date(2099, 12, 31)
APPS: Final = frozenset({"1", "101", "102"})
"""Codes of app_channel that stand for an app (附录E 7.7)."""

_LEAVES: Final = frozenset(
    {"101", "102", "201", "202", "301", "302", "401", "501", "502", "601", "602", "699"}
)


def faults_of(entry: Entry, spec: Spec) -> tuple[Fault, ...]:
    """Everything that is wrong with an entry; empty when nothing is."""
    faults = [
        fault
        for column in columns_of(type(entry))
        for fault in column_faults(column, getattr(entry, column.name), spec)
    ]
    if faults:
        return tuple(faults)
    if isinstance(entry, InstitutionEntry):
        faults += _institution_faults(entry)
    if isinstance(entry, ApplicationEntry):
        faults += _application_faults(entry)
    return tuple(faults)


def column_faults(column: Column, value: object, spec: Spec) -> Iterator[Fault]:
    """What is wrong with one value of a column."""
    if value in (None, "", ()):
        if column.needed:
            yield _fault(column, "必填", "is required")
    elif column.shape is Shape.TEXT and isinstance(value, str):
        yield from _text_faults(column, value, spec)
    elif column.shape is Shape.CODES and isinstance(value, tuple):
        yield from _code_faults(column, value, spec)
    elif column.shape is Shape.DATE and isinstance(value, date):
        yield from _date_faults(column, value)
    elif column.shape is Shape.NUMBER and isinstance(value, int):
        yield from _number_faults(column, value)
    else:
        yield _fault(column, "类型不符", "has the wrong type")


def _date_faults(column: Column, value: date) -> Iterator[Fault]:
    if not OLDEST_DATE <= value <= LATEST_DATE:
        yield _fault(column, "日期应在1990年至2099年之间", "a date from 1990 to 2099")


def _number_faults(column: Column, value: int) -> Iterator[Fault]:
    if not 0 <= value <= column.most:
        yield _fault(column, f"应为0至{column.most}", f"0 to {column.most}")


def _text_faults(column: Column, value: str, spec: Spec) -> Iterator[Fault]:
    if len(value) > column.most:
        yield _fault(column, f"不得超过{column.most}个字符", f"at most {column.most} characters")
    elif value != value.strip() or not printable(value):
        yield _fault(
            column, "不得含控制字符或首尾空白", "no control characters or surrounding blanks"
        )
    elif column.dictionary:
        if not spec.dictionary(column.dictionary).has(value):
            yield _not_in_dictionary(column)
    elif column.pattern:
        pattern, zh, en = PATTERNS[column.pattern]
        if not pattern.fullmatch(value):
            yield _fault(column, zh, f"expected: {en}")


def _code_faults(column: Column, codes: tuple[object, ...], spec: Spec) -> Iterator[Fault]:
    dictionary = spec.dictionary(column.dictionary)
    if len(set(codes)) != len(codes) or len(codes) > column.most:
        yield _fault(column, "代码不得重复", "each code once")
    elif not all(isinstance(code, str) and dictionary.has(code) for code in codes):
        yield _not_in_dictionary(column)


def _not_in_dictionary(column: Column) -> Fault:
    name = column.dictionary
    return _fault(column, f"不在字典{name}中", f"is not in the dictionary {name}")


def _fault(column: Column, zh: str, en: str) -> Fault:
    return Fault(column.name, f"{column.title}：{zh}", f"{column.title_en}: {en}")


def printable(text: str) -> bool:
    """Whether a text holds nothing invisible that could break a line, a header or a query."""
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)


def _institution_faults(entry: InstitutionEntry) -> Iterator[Fault]:
    if entry.province_code[:2] != entry.city_code[:2]:
        yield Fault("city_code", "所属城市不在所属省份内", "the city does not lie in the province")


def _application_faults(entry: ApplicationEntry) -> Iterator[Fault]:
    if entry.app_channel not in _LEAVES:
        yield Fault("app_channel", "应用种类须选到末级", "choose a kind of the last level")
    if entry.app_channel in APPS:
        return
    for name in ("app_package", "release_channel"):
        if getattr(entry, name):
            yield Fault(name, "仅APP填写", "only for an app")


def component_of(app_channel: str) -> str:
    """The component kind (附录D.2) of an application; the mapping is ours where none is given."""
    return {
        "101": "APP", "102": "APP", "201": "GZH", "202": "FWH", "301": "XCX", "302": "XCX",
        "401": "SHH", "501": "QTH", "502": "ZZJ", "601": "XXT", "602": "ZZJ", "699": "XXT",
    }.get(app_channel, "QTH")  # fmt: skip


def owner_of_category(org_category: str) -> str:
    """The owner letter (附录D.2) that an institution's category suggests; the mapping is ours."""
    if org_category == "Z100":
        return "A"
    return {"A": "B", "B": "D", "C": "D", "D": "D", "E": "C", "F": "C", "G": "C"}.get(
        org_category[:1], "X"
    )


def differences(before: Entry, after: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns that changed, as they were and as they are."""
    old, new = asdict(before), asdict(after)
    changed = [name for name in new if old.get(name) != new[name]]
    return {name: old.get(name) for name in changed}, {name: new[name] for name in changed}


def is_major_change(before: str | None, after: str) -> bool:
    """Whether x or y of a version x.y changed (材料二 2.4)."""
    return (before or "").split(".")[:2] != after.split(".")[:2]
