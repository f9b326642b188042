"""Routes of card use: who used which card where and for what, and counts as they are now.

The look-up for whoever answers for the platform (用卡、发卡数据反查, 材料一 6.7). Shows no
name, number or phone; every look is recorded all the same.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from openehc.audit.model import RESIDENT_OBJECT, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.cards.usage import Kind
from openehc.cards.usage_records import NEWEST_FIRST, SORTABLE, UsageRecords
from openehc.cards.usage_store import UsageQuery, UsageRecord
from openehc.console.api.guards import needs
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import problem_of
from openehc.console.api.resident_models import CardId
from openehc.kernel.clock import Clock, china_day
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

USUAL_DAYS: Final = 7
_FIRST: Final = date(2000, 1, 1)
_LAST: Final = date(2100, 1, 1)

Text = Annotated[str | None, Field(max_length=64, pattern=r"^[^\x00]*$")]
Day = Annotated[date | None, Field(ge=_FIRST, le=_LAST)]


class UsageFilters(BaseModel):
    """Which uses are meant; days are inclusive and in +08:00, the last 7 when absent."""

    first_day: Day = None
    last_day: Day = None
    ehcid: Annotated[str | None, Field(pattern=r"^[0-9A-Fa-f]{64}$")] = None
    institution_id: Annotated[int | None, Field(ge=1, le=0x7FFFFFFF)] = None
    app_id: Text = None
    term_id: Text = None
    kind: Kind | None = None
    result: Text = None

    def query(self, who: Principal, *, today: date) -> UsageQuery:
        """The same for the use case, within the person's reach."""
        last = self.last_day or today
        own = who.actor.institution_id
        return UsageQuery(
            first_day=self.first_day or last - timedelta(days=USUAL_DAYS - 1), last_day=last,
            ehcid=bytes.fromhex(self.ehcid) if self.ehcid else None,
            institution_id=self.institution_id if own is None else own,
            app_id=self.app_id, term_id=self.term_id, kind=self.kind, result=self.result,
        )  # fmt: skip


class UsageListQuery(UsageFilters):
    """A page of uses."""

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    size: Annotated[int, Field(ge=1, le=200)] = 20
    sort: Annotated[str, Field(max_length=40)] = ""


class ResidentUsageQuery(BaseModel):
    """A page of one resident's uses; days are inclusive and in +08:00, the last 7 when absent."""

    first_day: Day = None
    last_day: Day = None
    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    size: Annotated[int, Field(ge=1, le=200)] = 20


class UsageCountQuery(UsageFilters):
    """Counts, told apart by one or more dimensions separated by commas."""

    by: Annotated[str, Field(max_length=100)] = "day,kind"


class UsageAnswer(BaseModel):
    """One use of a card; of a look by a person on the platform, `action` says which."""

    at: datetime
    kind: str
    result: str
    ehcid: str | None
    institution_id: int | None
    org_name: str
    app_id: str
    app_name: str
    term_id: str
    term_name: str
    app_channel: str
    medium: str
    code_tag: str
    treatment_code: str
    office_code: str
    operator_id: str
    action: str


class UsageCountAnswer(BaseModel):
    """How many uses share these values, and of how many residents they tell."""

    key: dict[str, str]
    uses: int
    residents: int


@dataclass(frozen=True, slots=True)
class UsageUse:
    """What the routes of card use call."""

    records: UsageRecords
    trail: AuditTrail
    clock: Clock

    async def look(self, action: str, asked: UsageFilters, *, who: Principal) -> None:
        """Record that somebody looked, and at whom."""
        await self.trail.record(
            AuditEvent(
                category=Category.PERSONAL_DATA, action=action, actor=who.actor,
                at=self.clock.now(), object_kind=RESIDENT_OBJECT if asked.ehcid else "usage",
                object_ref=(asked.ehcid or "").upper(),
                after=asked.model_dump(mode="json", exclude_none=True),
            )
        )  # fmt: skip


def usage_router(use: UsageUse) -> APIRouter:
    """The routes under /api/usage."""
    router = APIRouter(prefix="/usage", tags=["usage"])

    @router.get("", response_model=Page[UsageAnswer])
    async def uses(
        asked: Annotated[UsageListQuery, Query()],
        who: Annotated[Principal, needs("residents.records")],
    ) -> dict[str, Any]:
        """Uses of cards that match, newest first."""
        query = PageQuery(asked.page, asked.size, asked.sort)
        listing = query.listing(sortable=SORTABLE, default=NEWEST_FIRST)
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        await use.look("usage.search", asked, who=who)
        meant = asked.query(who, today=china_day(use.clock.now()))
        found = await use.records.matching(meant, listing=listing)
        if isinstance(found, Refusal):
            raise problem_of(found)
        items = [_answer(record) for record in found.records]
        return page_of(items, total=found.total, query=query)

    @router.get("/statistics")
    async def statistics(
        asked: Annotated[UsageCountQuery, Query()],
        who: Annotated[Principal, needs("residents.records")],
    ) -> list[UsageCountAnswer]:
        """Counts of uses as they are now, by day, kind, institution, application and so on."""
        by = tuple(asked.by.split(","))
        await use.look("usage.count", asked, who=who)
        meant = asked.query(who, today=china_day(use.clock.now()))
        counts = await use.records.counted(meant, by=by)
        if isinstance(counts, Refusal):
            raise problem_of(counts)
        return [
            UsageCountAnswer(key=dict(zip(by, count.key, strict=True)), uses=count.facts,
                             residents=count.residents)
            for count in counts
        ]  # fmt: skip

    return router


def resident_usage_router(use: UsageUse) -> APIRouter:
    """The records of one resident, looks by people on the platform included."""
    router = APIRouter(prefix="/residents", tags=["residents"])

    @router.get("/{ehealth_card_id}/records", response_model=Page[UsageAnswer])
    async def records(
        ehealth_card_id: CardId,
        asked: Annotated[ResidentUsageQuery, Query()],
        who: Annotated[Principal, needs("residents.records")],
    ) -> dict[str, Any]:
        """Who used or looked at the card of one resident, newest first."""
        query = PageQuery(asked.page, asked.size, NEWEST_FIRST)
        listing = query.listing(sortable=SORTABLE, default=NEWEST_FIRST)
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        filters = UsageFilters(
            first_day=asked.first_day, last_day=asked.last_day, ehcid=ehealth_card_id
        )
        await use.look("resident.records", filters, who=who)
        meant = filters.query(who, today=china_day(use.clock.now()))
        found = await use.records.of_resident(
            bytes.fromhex(ehealth_card_id), query=meant, listing=listing
        )
        if isinstance(found, Refusal):
            raise problem_of(found)
        items = [_answer(record) for record in found.records]
        return page_of(items, total=found.total, query=query)

    return router


def _answer(record: UsageRecord) -> UsageAnswer:
    values = asdict(record) | {"ehcid": record.ehcid and record.ehcid.hex().upper()}
    return UsageAnswer(**values)
