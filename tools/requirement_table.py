"""The requirement table: what the source documents ask for, row by row.

Reads src/openehc/spec/data/requirements.csv and checks its form. Does not know
which tests prove a row: `tools.conformance` joins the two.
"""

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path("src/openehc/spec/data/requirements.csv")

LEVELS: Final = {"M": "must", "R": "should", "O": "may"}
SCOPES: Final = frozenset({"inside", "evidence"})


class TableError(Exception):
    """The table is broken; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row.

    `level` is M (must), R (should) or O (may). `scope` is `inside` for what the
    program does and `evidence` for what its deployment or its papers must show.
    """

    id: str
    clause: str
    kind: str
    level: str
    scope: str
    wording: str

    @property
    def chapter(self) -> str:
        """The part of the sources that the clause stands in, as `材料一 5` or `材料二 附录C`."""
        document, _, rest = self.clause.partition(" ")
        if document == "004":
            return document
        return f"{document} {rest.split(' ')[0].split('.')[0]}"


def load_requirements(path: Path) -> tuple[Requirement, ...]:
    """All rows in the table's order.

    Raises `TableError` for a wrong header, a row with an empty or superfluous
    cell, an unknown level or scope, or an id that stands twice.
    """
    columns = [field.name for field in fields(Requirement)]
    found: dict[str, Requirement] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != columns:
            raise TableError(f"{path}:1: the columns should be {','.join(columns)}")
        for row in reader:
            fault = _fault(row, known=found)
            if fault:
                raise TableError(f"{path}:{reader.line_num}: {fault}")
            found[row["id"]] = Requirement(**row)
    return tuple(found.values())


def _fault(row: dict[str, Any], *, known: dict[str, Requirement]) -> str | None:
    """What is wrong with `row`, None when nothing is."""
    if any(not isinstance(cell, str) or not cell.strip() for cell in row.values()):
        return "a cell is empty or there are too many"
    if row["level"] not in LEVELS:
        return f"unknown level {row['level']}"
    if row["scope"] not in SCOPES:
        return f"unknown scope {row['scope']}"
    if row["id"] in known:
        return f"{row['id']} stands twice"
    return None
