"""How one column of a register is described: what it is called, and which values it takes.

The description stands at the field of the entry (`entries.py`); forms, the import
template and the checks all read it, so that a bound is written once. Checks nothing.
"""

import dataclasses
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from functools import cache
from typing import Any, get_type_hints


@unique
class Shape(StrEnum):
    """What kind of value a column holds."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"
    CODES = "codes"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Chinese and English title, its bound and its form.

    `most` bounds characters, or the value of a number; `dictionary` names the codes that
    are allowed; `pattern` is the name of a form in `entry_rules.PATTERNS`. A column that
    is `private` holds the data of a contact person and is masked in audit records. `name`
    and `needed` come from the field.
    """

    title: str
    title_en: str
    shape: Shape = Shape.TEXT
    most: int = 50
    dictionary: str = ""
    pattern: str = ""
    example: str = ""
    private: bool = False
    name: str = ""
    needed: bool = True


def columns_of(entry: Any) -> tuple[Column, ...]:  # noqa: ANN401 (a class of entries)
    """The described columns of a class of entries, in their order."""
    return _columns_of(entry)


@cache
def _columns_of(entry: Any) -> tuple[Column, ...]:  # noqa: ANN401 (a class of entries)
    hints = get_type_hints(entry, include_extras=True)
    return tuple(
        replace(column, name=field.name, needed=field.default is dataclasses.MISSING)
        for field in dataclasses.fields(entry)
        for column in getattr(hints[field.name], "__metadata__", ())
    )
