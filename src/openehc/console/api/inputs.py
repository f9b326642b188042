"""Kinds of input that many routes take, each with its bounds. Checks nothing by itself."""

from typing import Annotated, Final

from fastapi import Path
from pydantic import Field

PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: PostgreSQL holds no NUL, and a line break may forge a line of a log."""

_LARGEST_INT: Final = (1 << 31) - 1
_LARGEST_BIGINT: Final = (1 << 53) - 1  # what JavaScript counts exactly

Text = Annotated[str, Field(max_length=64, pattern=PRINTABLE)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE)]
Why = Annotated[str, Field(min_length=2, max_length=200, pattern=PRINTABLE)]
"""Why somebody does something; goes into the audit record."""
Number = Annotated[int, Field(ge=1, le=_LARGEST_INT)]
NumberInPath = Annotated[int, Path(ge=1, le=_LARGEST_INT)]
BigNumberInPath = Annotated[int, Path(ge=1, le=_LARGEST_BIGINT)]
Revision = Number
"""The revision that a change was made from."""
Hex = Annotated[str, Field(pattern=r"^(?:[0-9a-fA-F]{2}){1,200}$")]
Pem = Annotated[str, Field(max_length=100_000)]
