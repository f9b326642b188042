"""The documents' facts as frozen objects: dictionaries, return codes, field descriptions.

Holds what was loaded and looks it up. Reads no file (`loading.py`) and judges
no message (`tables.py`).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Self


class UnknownCode(LookupError):
    """A dictionary was asked for a code that it does not hold; never repeats the code."""

    def __init__(self, dictionary: str) -> None:
        super().__init__(f"no such code in {dictionary}")
        self.dictionary = dictionary


class UnknownDictionary(LookupError):
    """There is no dictionary of that name."""


@unique
class Direction(StrEnum):
    """Which way a field travels."""

    REQUEST = "request"
    RESPONSE = "response"


@unique
class Kind(StrEnum):
    """How the value of a field is read and what it becomes."""

    TEXT = "text"
    """A string; outer blanks go, control characters are refused."""
    CODE = "code"
    """A code of the named dictionary, of any level."""
    DATE = "date"
    """yyyyMMdd or yyyy-MM-dd; becomes yyyyMMdd."""
    TIME = "time"
    """yyyyMMddHHmmss, yyyy-MM-dd HH:mm:ss or 13 digits of ms; becomes 14 digits in +08:00."""
    PHONE = "phone"
    """Digits, plus and hyphen; blanks go."""
    INTEGER = "integer"
    """A whole number or its digits; becomes an int."""
    FLAG = "flag"
    """Y or N."""
    CARD_LIST = "card_list"
    """Bound cards, as an array or as a JSON string that holds one."""
    PHOTO = "photo"
    """BASE64 text; only its length and alphabet are looked at here."""
    NATION = "nation"
    """An ethnic group by code or name; becomes the code."""
    TAGS = "tags"
    """Labels, as an array or separated by commas; become a list."""


@unique
class Status(StrEnum):
    """Whether a method stands in the documents."""

    DOCUMENT = "document"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a dictionary; `source` is its clause, or `local`."""

    code: str
    name: str
    parent_code: str
    source: str
    note: str


def _folded(name: str) -> str:
    """The name without blanks and with full-width letters and brackets made half-width."""
    return "".join(unicodedata.normalize("NFKC", name).split())


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A list of codes in the order of the document. Codes of all levels are values."""

    name: str
    title: str
    title_en: str
    entries: tuple[Entry, ...]
    _by_code: Mapping[str, Entry] = field(repr=False, compare=False)
    _by_name: Mapping[str, Entry | None] = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        name: str,
        *,
        title: str,
        title_en: str,
        entries: tuple[Entry, ...],
        aliases: Mapping[str, str],
    ) -> Self:
        """The dictionary of these entries; `aliases` leads further names to codes."""
        by_code = {entry.code: entry for entry in entries}
        by_name: dict[str, Entry | None] = {}
        for entry in entries:
            folded = _folded(entry.name)
            by_name[folded] = None if folded in by_name else entry
        for alias, code in aliases.items():
            by_name[_folded(alias)] = by_code[code]
        return cls(name, title, title_en, entries, by_code, by_name)

    def has(self, code: str) -> bool:
        """Whether `code` is one of the codes."""
        return code in self._by_code

    def require(self, code: str) -> Entry:
        """The entry of `code`; raises `UnknownCode`."""
        try:
            return self._by_code[code]
        except KeyError:
            raise UnknownCode(self.name) from None

    def by_name(self, text: str) -> Entry | None:
        """The one entry of that name or alias; None when there is none or more than one.

        Blanks and the width of letters and brackets do not matter.
        """
        return self._by_name.get(_folded(text))


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """A return code (附录E 8): its official message, and what we say of cause and cure."""

    code: str
    text: str
    meaning_en: str
    cause_zh: str
    cause_en: str
    cure_zh: str
    cure_en: str
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a method's field table.

    `max_length` counts characters (of each item, for tags). `minimum` and
    `maximum` bound the number of an integer, the characters of a phone number
    (minimum) and the items of a list (maximum). `default` is as written on the
    wire. `aliases` are further names under which the field is accepted.
    """

    name: str
    title: str
    kind: Kind
    required: bool
    max_length: int | None
    dictionary: str
    minimum: int | None
    maximum: int | None
    default: str
    aliases: tuple[str, ...]
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Method:
    """What the catalogue says of a method.

    `serial_field` names the caller's serial number, which must be new (return
    code 3002); "" when the method has none. `either` lists the groups of
    fields of which at least one must be complete; empty when there is no such rule.
    """

    name: str
    title: str
    title_en: str
    serial_field: str
    either: tuple[tuple[str, ...], ...]
    status: Status
    source: str
    note: str
