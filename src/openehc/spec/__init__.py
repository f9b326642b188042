"""Typed access to the facts of the documents: codes, return codes, field tables.

Each fact stands once, in `data/`, with its source clause or `local`. Speaks no
HTTP, opens no envelope and stores nothing.
"""

from functools import cache
from pathlib import Path

from openehc.spec.loading import Spec, load_from
from openehc.spec.model import (
    Dictionary,
    Direction,
    Entry,
    Field,
    Kind,
    Method,
    ReturnCode,
    Status,
    UnknownCode,
    UnknownDictionary,
)
from openehc.spec.rows import SpecError
from openehc.spec.tables import Checked, Fault, MethodTable, describe

__all__ = [
    "Checked",
    "Dictionary",
    "Direction",
    "Entry",
    "Fault",
    "Field",
    "Kind",
    "Method",
    "MethodTable",
    "ReturnCode",
    "Spec",
    "SpecError",
    "Status",
    "UnknownCode",
    "UnknownDictionary",
    "describe",
    "load",
    "load_from",
]


@cache
def load() -> Spec:
    """The tables of this package, read once; raises `SpecError`."""
    return load_from(Path(__file__).with_name("data"))
