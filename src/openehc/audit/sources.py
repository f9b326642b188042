"""The tables that hold chains: how their heads are found and their records read back.

The audit records' own is here; whoever keeps chained records of another kind states a
`ChainSource` beside them. Runs no statement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from openehc.audit.sql import (
    HASHES_OF_RECORDS,
    MOVED_RECORDS,
    RECORD_COLUMNS,
    RECORDS_OF_DAY,
    SPAN_OF_RECORDS,
)
from openehc.audit.sql import RECORDS as TABLE
from openehc.audit.store import content_of


class Row(Protocol):
    """A row of the database, or anything else with named values."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 (each column has its type)
        """The value of a column."""


@dataclass(frozen=True, slots=True)
class ChainSource:
    """One table of chained records.

    `moved` takes a day and gives stream, seq and hashes of the last group of every chain
    opened since then, unless a checkpoint holds it. `of_day` gives the records of the chains
    opened on a day, ordered by stream, seq and place, with `at` and `hash`; `content` makes
    of such a row the bytes that its hash covers. `hashes` gives the hashes of one group of a
    chain, in order. `span` gives the first and the last chain; `unchained` the first record
    that has no place in a chain and should, where that can be.
    """

    name: str
    moved: str
    of_day: str
    hashes: str
    span: str
    content: Callable[[Row], bytes]
    unchained: str | None = None


def _record_content(row: Row) -> bytes:
    return content_of([row[name] for name in RECORD_COLUMNS])


RECORDS: Final = ChainSource(
    TABLE, moved=MOVED_RECORDS, of_day=RECORDS_OF_DAY, hashes=HASHES_OF_RECORDS,
    span=SPAN_OF_RECORDS, content=_record_content,
)  # fmt: skip
"""Who did what on the platform."""
