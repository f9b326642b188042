"""Text that people write about what they do: lines of it, nothing invisible."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from openehc.access.entry_rules import printable


def _visible(text: str) -> str:
    if not printable(text.replace("\n", "").replace("\t", "")):
        raise ValueError("no control characters")
    return text


PlainText: TypeAlias = Annotated[str, AfterValidator(_visible)]
"""A text without control characters but line ends and tabs; one could not be stored."""
