"""How much of a list is read, and in which order.

Holds no column that a caller wrote: whoever makes a `Listing` takes it from an allow-list.
"""

from dataclasses import dataclass
from typing import Literal


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
