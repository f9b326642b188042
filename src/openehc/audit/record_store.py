"""Audit records read back: pages, counts, and everything that matches, row by row."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openehc.audit.record_sql import COUNTED, FOUND, TOTAL
from openehc.storage.errors import TROUBLE, translated
from openehc.storage.filtering import Where
from openehc.storage.listing import MOST_COUNTED, MOST_GROUPS, Found, Listing
from openehc.storage.pool import Database

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """Which records are asked for: from `since` (inclusive) to `until`; None means any."""

    since: datetime | None = None
    until: datetime | None = None
    category: str | None = None
    action: str | None = None
    actor_kind: str | None = None
    actor_id: str | None = None
    institution_id: int | None = None
    object_kind: str | None = None
    object_ref: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One record with its place in a chain; `before` and `after` are JSON texts."""

    at: datetime
    category: str
    action: str
    actor_kind: str
    actor_id: str
    address: str
    institution_id: int | None
    object_kind: str
    object_ref: str
    result: str
    reason: str
    before: str | None
    after: str | None
    stream: int
    seq: int
    place: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many records share the values of `key`."""

    key: tuple[str, ...]
    records: int


class RecordStore:
    """Reads audit records; one instance per process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, query: RecordQuery, *, listing: Listing) -> Found[AuditRecord]:
        """The records that match, a page of them."""
        where = _where(query)
        rows = await self._database.fetch(
            FOUND + where.clause + listing.clause(tie_break="stream, seq, place"), *where.values
        )
        total = await self._database.fetchval(
            TOTAL.format(where=where.clause, most=MOST_COUNTED), *where.values
        )
        return Found([AuditRecord(**dict(row)) for row in rows], int(total))

    async def counts(self, query: RecordQuery, *, columns: tuple[str, ...]) -> list[RecordCount]:
        """Records by these expressions (of this program), the most frequent first."""
        where = _where(query)
        keys = ", ".join(f"coalesce(({column})::text, '')" for column in columns)
        groups = ", ".join(str(number) for number in range(1, len(columns) + 1))
        rows = await self._database.fetch(
            COUNTED.format(keys=keys, where=where.clause, groups=groups, most=MOST_GROUPS),
            *where.values,
        )
        return [RecordCount(tuple(row[: len(columns)]), row["records"]) for row in rows]

    async def every(self, query: RecordQuery) -> AsyncIterator[AuditRecord]:
        """Every record that matches, oldest first, over a connection of its own."""
        where = _where(query)
        connection = await self._database.new_connection()
        try:
            async with connection.transaction(readonly=True):
                order = " order by at, stream, seq, place"
                cursor = await connection.cursor(FOUND + where.clause + order, *where.values)
                while rows := await cursor.fetch(_AT_ONCE):
                    for row in rows:
                        yield AuditRecord(**dict(row))
        except TROUBLE as error:
            failure = translated(error)
        else:
            return
        finally:
            connection.terminate()
        raise failure


def _where(query: RecordQuery) -> Where:
    return (
        Where()
        .add("at >= ?", query.since)
        .add("at < ?", query.until)
        .add("category = ?", query.category)
        .add("action = ?", query.action)
        .add("actor_kind = ?", query.actor_kind)
        .add("actor_id = ?", query.actor_id)
        .add("institution_id = ?", query.institution_id)
        .add("object_kind = ?", query.object_kind)
        .add("object_ref = ?", query.object_ref)
        .add("result = ?", query.result)
    )
