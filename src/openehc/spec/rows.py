"""CSV files to rows that know where they stand, so that every complaint names file and line.

UTF-8 without byte order mark, a header row, LF. Knows nothing of what the tables mean.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class SpecError(Exception):
    """A table is broken; says which file, which line, and how."""

    def __init__(self, file: str, *, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")
        self.file = file
        self.line = line
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def needed(self, column: str) -> str:
        """The cell, which must hold something."""
        if not self.cells[column]:
            raise self.broken(f"{column} is empty")
        return self.cells[column]

    def number(self, column: str) -> int | None:
        """The whole number in the cell; None when the cell is empty."""
        text = self.cells[column]
        if not text:
            return None
        if not (text.isascii() and text.isdigit()):
            raise self.broken(f"{column} is no whole number")
        return int(text)

    def one_of(self, column: str, *, choices: Mapping[str, T]) -> T:
        """What the cell stands for."""
        try:
            return choices[self.cells[column]]
        except KeyError:
            raise self.broken(f"unknown {column} {self.cells[column]!r}") from None

    def broken(self, problem: str) -> SpecError:
        """The error that points at this line."""
        return SpecError(self.file, line=self.line, problem=problem)


def _decoded(file: Path, *, name: str) -> list[str]:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise SpecError(name, line=0, problem="no such file") from None
    lines: list[str] = []
    for number, line in enumerate(raw.splitlines(keepends=True), start=1):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise SpecError(name, line=number, problem="not UTF-8") from None
    return lines


def rows_of(folder: Path, *, name: str, columns: tuple[str, ...]) -> Iterator[Row]:
    """The rows under the header, which must be exactly `columns`."""
    reader = csv.reader(_decoded(folder / name, name=name), strict=True)
    header = True
    try:
        for cells in reader:
            if header and tuple(cells) != columns:
                raise SpecError(name, line=1, problem=f"the columns are not {','.join(columns)}")
            if len(cells) != len(columns):
                problem = f"{len(cells)} columns in place of {len(columns)}"
                raise SpecError(name, line=reader.line_num, problem=problem)
            if not header:
                yield Row(name, reader.line_num, dict(zip(columns, cells, strict=True)))
            header = False
    except csv.Error as error:
        raise SpecError(name, line=reader.line_num, problem=str(error)) from None
    if header:
        raise SpecError(name, line=1, problem="the file is empty")


def keyed(rows: Iterable[Row], *, column: str, build: Callable[[Row], T]) -> dict[str, T]:
    """The rows built and keyed by a column that must be filled and unique."""
    built: dict[str, T] = {}
    for row in rows:
        key = row.needed(column)
        if key in built:
            raise row.broken(f"duplicate {column} {key}")
        built[key] = build(row)
    return built
