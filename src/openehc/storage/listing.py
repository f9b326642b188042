"""How much of a list is read, in which order, and what of it was found.

Holds no column that a caller wrote: whoever makes a `Listing` takes it from an allow-list.
"""

from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

MOST_COUNTED: Final = 100_000
"""How far the rows of a list are counted."""
MOST_GROUPS: Final = 1_000
"""How many groups a statistic tells apart."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing:
    """Order and cut of a list; `order` is a column name from the program's own allow-list."""

    order: str
    direction: Literal["asc", "desc"]
    limit: int
    offset: int

    def clause(self, *, tie_break: str) -> str:
        """The `order by … limit … offset …` of a statement; `tie_break` makes the order total."""
        return (
            f" order by {self.order} {self.direction}, {tie_break}"
            f" limit {self.limit:d} offset {self.offset:d}"
        )


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """One page of a list; `total` counts all that match, up to `MOST_COUNTED`."""

    records: list[Row]
    total: int
