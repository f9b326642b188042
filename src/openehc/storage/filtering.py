"""The conditions of a list, put together from those that were given.

A condition is text of this program, its value a parameter unless it is a day; a value of
None means "not asked for". Runs no statement.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Self


@dataclass(slots=True)
class Where:
    """Conditions and their parameters, in order; `?` in a condition stands for its value."""

    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, value: object | None) -> Self:
        """Ask for `condition` unless its value is None."""
        if value is not None:
            self.values.append(value)
            self.conditions.append(condition.replace("?", f"${len(self.values)}"))
        return self

    def days(self, column: str, first: date, last: date) -> Self:
        """Ask for these days, both inclusive.

        They stand in the text: whatever plan the server keeps, it leaves the other days of a
        table cut by day out before it begins. A plan for any days opens every day there is.
        """
        self.conditions.append(
            f"{column} between date '{first:%Y-%m-%d}' and date '{last:%Y-%m-%d}'"
        )
        return self

    @property
    def clause(self) -> str:
        """` where a and b`, or nothing when nothing is asked for."""
        return f" where {' and '.join(self.conditions)}" if self.conditions else ""
