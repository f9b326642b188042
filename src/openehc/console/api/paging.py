"""Pages of a list: size, sorting and filters from an allow-list, made into SQL safely.

Column names reach SQL only from the allow-list of the list in question; what the caller
sends is a key into it. Runs no statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.storage.listing import Listing

LARGEST_PAGE: Final = 200
DEEPEST: Final = 100_000
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list: `total` counts all rows that match, up to 100,000."""

    items: list[Item]
    total: int
    page: int
    size: int


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a caller asks of a list; `sort` is a column, with a minus in front for descending."""

    page: Annotated[int, Query(ge=1, le=DEEPEST)] = 1
    size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20
    sort: Annotated[str, Query(max_length=40)] = ""

    def listing(self, *, sortable: Mapping[str, str], default: str) -> Listing | Refusal:
        """Order, limit and offset; `sortable` maps names on the wire to columns."""
        sort = self.sort or default
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        if name not in sortable:
            names = ", ".join(sortable)
            fault = Fault("sort", f"可排序的列：{names}", f"sortable: {names}")
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        return Listing(
            order=sortable[name], direction="desc" if descending else "asc",
            limit=self.size, offset=(self.page - 1) * self.size,
        )  # fmt: skip


def page_of(items: list[Any], *, total: int, query: PageQuery) -> dict[str, Any]:
    """The members of a `Page`."""
    return {"items": items, "total": total, "page": query.page, "size": query.size}
