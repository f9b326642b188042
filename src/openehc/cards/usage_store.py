"""Usage facts read back: lists and counts. Writes nothing (`cards/store.py` and codes' do)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, unique
from typing import Any, Final

import asyncpg

from openehc.audit.model import RESIDENT_OBJECT, resident_ref
from openehc.cards.usage_sql import COUNTED, FACTS, NAMED, SIGHTS, TOTAL
from openehc.kernel.clock import CHINA
from openehc.storage.filtering import Where
from openehc.storage.listing import MOST_COUNTED, MOST_GROUPS, Found, Listing
from openehc.storage.pool import Database

_ONE_DAY: Final = timedelta(days=1)


@unique
class Sights(Enum):
    """Whether looks by people on the platform belong to a list."""

    INCLUDED = "included"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Which facts are asked for; days are inclusive and in +08:00, None means any."""

    first_day: date
    last_day: date
    ehcid: bytes | None = None
    institution_id: int | None = None
    app_id: str | None = None
    term_id: str | None = None
    kind: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """One use: a usage fact, or a look by a person who works on the platform.

    Such a look has the kind "console", the `action` that was done, and the person's login
    as `operator_id`. Names of parties are empty when the registers lost them.
    """

    at: datetime
    kind: str
    result: str
    ehcid: bytes | None
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


@dataclass(frozen=True, slots=True)
class UsageCount:
    """How many facts share the values of `key`, and of how many residents they tell."""

    key: tuple[str, ...]
    facts: int
    residents: int


class UsageStore:
    """Reads usage facts; one instance per process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, query: UsageQuery, *, listing: Listing, sights: Sights = Sights.LEFT_OUT
    ) -> Found[UsageRecord]:
        """The facts that match, a page of them; looks of people only for one resident."""
        where = _where(query)
        source = FACTS + where.clause
        values = list(where.values)
        if sights is Sights.INCLUDED and query.ehcid is not None:
            first, last = _bounds(query)
            at = len(values)
            source += SIGHTS.format(kind=at + 1, ref=at + 2, first=at + 3, last=at + 4)
            values += [RESIDENT_OBJECT, resident_ref(query.ehcid), first, last]
        rows = await self._database.fetch(
            NAMED.format(source=source) + listing.clause(tie_break="kind, app_id, term_id"), *values
        )
        total = await self._database.fetchval(
            TOTAL.format(source=source, most=MOST_COUNTED), *values
        )
        return Found([UsageRecord(**dict(row)) for row in rows], int(total))

    async def counts(self, query: UsageQuery, *, columns: tuple[str, ...]) -> list[UsageCount]:
        """Facts by these columns (names of this program), the most frequent first."""
        where = _where(query)
        keys = ", ".join(f"coalesce({column}::text, '') as {column}" for column in columns)
        groups = ", ".join(columns)
        rows = await self._database.fetch(
            COUNTED.format(keys=keys, where=where.clause, groups=groups, most=MOST_GROUPS),
            *where.values,
        )
        return [_count(row, len(columns)) for row in rows]


def _count(row: asyncpg.Record, columns: int) -> UsageCount:
    values: tuple[Any, ...] = tuple(row.values())
    return UsageCount(values[:columns], row["facts"], row["residents"])


def _where(query: UsageQuery) -> Where:
    return (
        Where()
        .days("day", query.first_day, query.last_day)
        .add("ehcid = ?", query.ehcid)
        .add("institution_id = ?", query.institution_id)
        .add("app_id = ?", query.app_id)
        .add("term_id = ?", query.term_id)
        .add("kind = ?", query.kind)
        .add("result = ?", query.result)
    )


def _bounds(query: UsageQuery) -> tuple[datetime, datetime]:
    """The first moment of the days asked for, and the first one after them."""
    first = datetime.combine(query.first_day, datetime.min.time(), tzinfo=CHINA)
    return first, datetime.combine(query.last_day + _ONE_DAY, datetime.min.time(), tzinfo=CHINA)
