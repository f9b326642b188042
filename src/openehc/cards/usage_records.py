"""Who used a card, when, where and for what (用卡、发卡数据反查; 材料一 6.7).

Reads the usage facts back: of one resident for the operator and for the resident's own
list, or of everybody for whoever answers for the platform; and counts them as they are
now. Shows no name, number or phone: a fact holds none. Whoever shows the answer to a
person records that look (`audit`); nothing is written here.
"""

from dataclasses import dataclass, replace
from typing import Final

from openehc.cards.usage_store import Sights, UsageCount, UsageQuery, UsageRecord, UsageStore
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.storage.listing import Found, Listing

LONGEST_DAYS: Final = 366
"""How many days one question may span: facts are cut by day."""

USUAL_DAYS: Final = 90
MOST_COUNTED_DAYS: Final = 31
"""How many days are counted at once: counts are made from the facts themselves."""

SORTABLE: Final = {"at": "at"}
NEWEST_FIRST: Final = "-at"
DIMENSIONS: Final = {
    "day": "day", "kind": "kind", "result": "result", "institution": "institution_id",
    "application": "app_id", "terminal": "term_id", "channel": "app_channel", "medium": "medium",
}  # fmt: skip
"""What counts can be told apart by: names on the wire and columns."""


@dataclass(frozen=True, slots=True)
class UsageRecords:
    """The use case."""

    store: UsageStore

    async def of_resident(
        self, ehcid: bytes, *, query: UsageQuery, listing: Listing
    ) -> Found[UsageRecord] | Refusal:
        """What was done with one resident's card; looks by people on the platform too."""
        asked = replace(query, ehcid=ehcid)
        refusal = _span_refusal(asked, longest=LONGEST_DAYS)
        return refusal or await self.store.page(asked, listing=listing, sights=Sights.INCLUDED)

    async def matching(
        self, query: UsageQuery, *, listing: Listing
    ) -> Found[UsageRecord] | Refusal:
        """The facts that match, whoever they are about."""
        refusal = _span_refusal(query, longest=LONGEST_DAYS)
        return refusal or await self.store.page(query, listing=listing)

    async def counted(
        self, query: UsageQuery, *, by: tuple[str, ...]
    ) -> list[UsageCount] | Refusal:
        """Counts of the facts that match by names of `DIMENSIONS`, the most frequent first."""
        refusal = _span_refusal(query, longest=MOST_COUNTED_DAYS) or _dimension_refusal(by)
        return refusal or await self.store.counts(
            query, columns=tuple(DIMENSIONS[name] for name in by)
        )


def _span_refusal(query: UsageQuery, *, longest: int) -> Refusal | None:
    """Why these days cannot be asked for."""
    days = (query.last_day - query.first_day).days + 1
    if 1 <= days <= longest:
        return None
    fault = Fault(
        "last_day",
        f"结束日期不得早于开始日期，且一次最多查询{longest}天",
        f"not before first_day, and at most {longest} days at once",
    )
    return Refusal(Reason.INPUT_WRONG, faults=(fault,))


def _dimension_refusal(by: tuple[str, ...]) -> Refusal | None:
    """Why counts cannot be told apart by these."""
    if by and len(set(by)) == len(by) and set(by) <= DIMENSIONS.keys():
        return None
    names = ", ".join(DIMENSIONS)
    fault = Fault(
        "by", f"可选（至少一项，不重复）：{names}", f"one or more, each once, of: {names}"
    )
    return Refusal(Reason.INPUT_WRONG, faults=(fault,))
