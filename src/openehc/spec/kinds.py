"""One reader per kind of field: a JSON value becomes the normalised value, or a problem.

Never repeats a value in a problem, for values are personal data; knows no
field names beyond the members of a bound card; does not look inside photos.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from openehc.kernel.clock import CHINA, wire_time
from openehc.spec.model import Dictionary, Field, Kind

Reader = Callable[[object], Any]
Dictionaries = Mapping[str, Dictionary]


class Wrong(Exception):
    """A value that cannot be taken; `problem` says why in a few Chinese words."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Blank(Exception):
    """A value that holds nothing, to be treated as a field that was not sent."""


# Control characters, lone surrogates (they have no UTF-8), and marks that are
# invisible or turn the writing direction: two names that look alike would
# become two main indexes (主索引ID).
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_DASHED_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DASHED_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_PHONE: Final = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_NO_MARKS: Final = str.maketrans("", "", "-: ")
_LIST_TEXT_LIMIT: Final = 10_000
_DATE_DIGITS: Final = 8
_TIME_DIGITS: Final = 14
_MILLISECOND_DIGITS: Final = 13


def reader_of(field: Field, *, dictionaries: Dictionaries) -> Reader:
    """The reader of this field's kind."""
    return _MAKERS[field.kind](field, dictionaries)


def _mistaken(value: object, *, expected: str) -> Wrong | Blank:
    """What to raise for a value of another type: null is no value at all."""
    return Blank() if value is None else Wrong(expected)


def _stripped(value: object) -> str:
    """The string without outer blanks; raises `Wrong` or `Blank`."""
    if not isinstance(value, str):
        raise _mistaken(value, expected="类型应为字符串")
    text = value.strip()
    if not text:
        raise Blank
    return text


def _text(field: Field, _: Dictionaries) -> Reader:
    limit = _limit(field)

    # The hot path: `_stripped` is written out here to spare a call.
    def read(value: object) -> str:
        if not isinstance(value, str):
            raise _mistaken(value, expected="类型应为字符串")
        text = value.strip()
        if not text:
            raise Blank
        if len(text) > limit:
            raise Wrong(f"超过{limit}个字符")
        if not text.isprintable() and _UNSEEN.search(text):
            raise Wrong("含有控制字符")
        return text

    return read


def _code(field: Field, dictionaries: Dictionaries) -> Reader:
    codes = frozenset(entry.code for entry in dictionaries[field.dictionary].entries)
    problem = f"不在字典{field.dictionary}中"

    def read(value: object) -> str:
        if isinstance(value, str) and value in codes:
            return value
        text = _stripped(value)
        if text not in codes:
            raise Wrong(problem)
        return text

    return read


def _nation(field: Field, dictionaries: Dictionaries) -> Reader:
    nations = dictionaries[field.dictionary]

    def read(value: object) -> str:
        text = _stripped(value)
        if nations.has(text):
            return text
        # Hospitals also send the short form, 汉 for 汉族.
        entry = nations.by_name(text) or nations.by_name(text + "族")
        if entry is None:
            raise Wrong(f"不在字典{field.dictionary}中")
        return entry.code

    return read


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _date(_field: Field, _: Dictionaries) -> Reader:
    def read(value: object) -> str:
        text = _stripped(value)
        compact = text.replace("-", "") if _DASHED_DATE.fullmatch(text) else text
        if len(compact) != _DATE_DIGITS or not _is_digits(compact):
            raise Wrong("不是有效日期")
        try:
            date.fromisoformat(compact)
        except ValueError:
            raise Wrong("不是有效日期") from None
        return compact

    return read


def _time(_field: Field, _: Dictionaries) -> Reader:
    def read(value: object) -> str:
        text = _stripped(value)
        if len(text) == _MILLISECOND_DIGITS and _is_digits(text):
            return wire_time(datetime.fromtimestamp(int(text) // 1000, CHINA))
        compact = text.translate(_NO_MARKS) if _DASHED_TIME.fullmatch(text) else text
        if len(compact) != _TIME_DIGITS or not _is_digits(compact):
            raise Wrong("不是有效时间")
        try:
            datetime.fromisoformat(f"{compact[:8]}T{compact[8:]}")
        except ValueError:
            raise Wrong("不是有效时间") from None
        # Newer Pythons read 24:00:00 as the next midnight; the wire has no such hour.
        if compact[8:10] == "24":
            raise Wrong("不是有效时间")
        return compact

    return read


def _phone(field: Field, _: Dictionaries) -> Reader:
    shortest, longest = field.minimum or 1, _limit(field)

    def read(value: object) -> str:
        number = "".join(_stripped(value).split())
        if not shortest <= len(number) <= longest:
            raise Wrong(f"应为{shortest}至{longest}个字符")
        if not _PHONE.fullmatch(number):
            raise Wrong("不是有效电话号码")
        return number

    return read


def _integer(field: Field, _: Dictionaries) -> Reader:
    low, high = field.minimum, field.maximum

    def read(value: object) -> int:
        if isinstance(value, str):
            text = _stripped(value)
            if not _WHOLE.fullmatch(text):
                raise Wrong("应为整数")
            value = int(text)
        # bool is an int to Python, not to JSON.
        if not isinstance(value, int) or isinstance(value, bool):
            raise _mistaken(value, expected="应为整数")
        if low is not None and value < low:
            raise Wrong(f"不得小于{low}")
        if high is not None and value > high:
            raise Wrong(f"不得大于{high}")
        return value

    return read


def _flag(_field: Field, _: Dictionaries) -> Reader:
    def read(value: object) -> str:
        text = _stripped(value)
        if text not in ("Y", "N"):
            raise Wrong("应为Y或N")
        return text

    return read


def _photo(field: Field, _: Dictionaries) -> Reader:
    limit = _limit(field)

    def read(value: object) -> str:
        # Mail-style BASE64 is broken into lines.
        text = "".join(_stripped(value).split())
        if len(text) > limit:
            raise Wrong(f"超过{limit}个字符")
        if not _BASE64.fullmatch(text):
            raise Wrong("应为BASE64文本")
        return text

    return read


def _tags(field: Field, dictionaries: Dictionaries) -> Reader:
    most = _most(field)
    read_tag = _text(field, dictionaries)

    def read(value: object) -> list[str]:
        items = _stripped(value).replace("，", ",").split(",") if isinstance(value, str) else value
        if not isinstance(items, list):
            raise _mistaken(value, expected="应为数组或逗号分隔的文本")
        tags: dict[str, None] = {}
        for position, item in enumerate(items, start=1):
            try:
                tags[read_tag(item)] = None
            except Blank:
                continue
            except Wrong as wrong:
                raise Wrong(f"第{position}项{wrong.problem}") from None
        if not tags:
            raise Blank
        if len(tags) > most:
            raise Wrong(f"多于{most}项")
        return list(tags)

    return read


def _card_list(field: Field, dictionaries: Dictionaries) -> Reader:
    most = _most(field)
    members: dict[str, Reader] = {
        "card_type": _code(field, dictionaries),
        "card_no": _text(field, dictionaries),
        "is_default": _flag(field, dictionaries),
    }

    def read(value: object) -> list[dict[str, str]]:
        items = _parsed_list(value)
        if len(items) > most:
            raise Wrong(f"多于{most}项")
        cards: dict[tuple[str, str], dict[str, str]] = {}
        for position, item in enumerate(items, start=1):
            card = _card(item, members=members, position=position)
            # A card named twice is one card; the sample of 004 4.7 does so.
            cards.setdefault((card["card_type"], card["card_no"]), card)
        if sum(card["is_default"] == "Y" for card in cards.values()) > 1:
            raise Wrong("默认卡多于一张")
        return list(cards.values())

    return read


def _parsed_list(value: object) -> list[object]:
    """The array, or the array that a JSON string holds (004 4.1)."""
    if isinstance(value, str):
        text = _stripped(value)
        if len(text) > _LIST_TEXT_LIMIT:
            raise Wrong(f"超过{_LIST_TEXT_LIMIT}个字符")
        try:
            value = json.loads(text)
        # RecursionError: thousands of opening brackets.
        except (ValueError, RecursionError):
            raise Wrong("应为数组") from None
    if not isinstance(value, list):
        raise _mistaken(value, expected="应为数组")
    if not value:
        raise Blank
    return value


def _card(item: object, *, members: Mapping[str, Reader], position: int) -> dict[str, str]:
    """One bound card with all its members; `is_default` is N unless sent."""
    if not isinstance(item, dict):
        raise Wrong(f"第{position}项应为对象")
    card = {"is_default": "N"}
    for name, read in members.items():
        try:
            card[name] = read(item.get(name))
        except Blank:
            if name not in card:
                raise Wrong(f"第{position}项的{name}必填") from None
        except Wrong as wrong:
            raise Wrong(f"第{position}项的{name}{wrong.problem}") from None
    return {name: card[name] for name in members}


# The loader refuses a table in which a kind lacks what it needs.
def _limit(field: Field) -> int:
    return sys.maxsize if field.max_length is None else field.max_length


def _most(field: Field) -> int:
    return sys.maxsize if field.maximum is None else field.maximum


_MAKERS: Final[Mapping[Kind, Callable[[Field, Dictionaries], Reader]]] = {
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.NATION: _nation,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.PHONE: _phone,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
    Kind.PHOTO: _photo,
    Kind.TAGS: _tags,
    Kind.CARD_LIST: _card_list,
}
