"""Functions and files stay short enough to read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.source_tree import ROOT, parsed, python_files

LONGEST_FUNCTION: Final = 50
LONGEST_FILE: Final = 400
GUARDED: Final = ("src", "tests", "bench", "tools")

# "path" or "path::function" -> why it is allowed to be longer.
EXEMPT: Final[dict[str, str]] = {}


def _function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """`path::name` and the number of lines of each function, its decorators left out."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            end = node.end_lineno or node.lineno
            yield f"{path.relative_to(ROOT)}::{node.name}", end - node.lineno + 1


def _file_length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        name: length
        for path in python_files(*GUARDED)
        for name, length in _function_lengths(path)
        if length > LONGEST_FUNCTION and name not in EXEMPT
    }

    assert long == {}


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): _file_length(path) for path in python_files(*GUARDED)}

    assert {
        name: length
        for name, length in lengths.items()
        if length > LONGEST_FILE and name not in EXEMPT
    } == {}


def test_no_exemption_outlives_its_cause() -> None:
    paths = python_files(*GUARDED)
    needed = {str(path.relative_to(ROOT)) for path in paths if _file_length(path) > LONGEST_FILE}
    for path in paths:
        needed |= {name for name, length in _function_lengths(path) if length > LONGEST_FUNCTION}

    assert set(EXEMPT) - needed == set()
