"""One snapshot of the audit records, read row by row for a check."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from openehc.audit.checkpoint import Checkpoint
from openehc.audit.checkpoint_sql import CHECKPOINTS_AFTER
from openehc.audit.checkpoint_store import checkpoint_of
from openehc.audit.origin_store import ORIGIN
from openehc.audit.sources import ChainSource, Row
from openehc.audit.verify_sql import BEFORE, HEADS_OF_DAY, LOOSE_HEAD, SIGNED_AT, SPAN_OF_HEADS
from openehc.audit.walk import Heads, KnownHead
from openehc.storage.errors import TROUBLE, translated
from openehc.storage.pool import Connection, Database

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class LooseHead:
    """A head that belongs to no checkpoint."""

    source: str
    stream: int
    seq: int


class Snapshot:
    """What the tables held at one moment; its methods raise what the driver raises."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Final = connection

    async def origin(self) -> bytes:
        """What every chain of this database bears."""
        return bytes(await self._connection.fetchval(ORIGIN))

    async def signed_at(self) -> datetime | None:
        """When the last checkpoint was made."""
        moment: datetime | None = await self._connection.fetchval(SIGNED_AT)
        return moment

    async def number_before(self, moment: datetime) -> int:
        """The number of the last checkpoint before that moment, 0 for none."""
        return int(await self._connection.fetchval(BEFORE, moment))

    async def checkpoints_after(self, number: int) -> AsyncIterator[Checkpoint]:
        """The checkpoints behind this number, in order."""
        while rows := await self._connection.fetch(CHECKPOINTS_AFTER, number, _AT_ONCE):
            for row in rows:
                yield checkpoint_of(row)
            number = rows[-1]["number"]

    async def loose_head(self, number: int) -> LooseHead | None:
        """A head behind this number without a checkpoint."""
        row = await self._connection.fetchrow(LOOSE_HEAD, number)
        return LooseHead(row["source"], row["stream"], row["seq"]) if row else None

    async def streams(self, source: ChainSource) -> list[int]:
        """The first and the last chain, of records and of heads; nothing where there is none."""
        spans = [
            await self._connection.fetchrow(SPAN_OF_HEADS, source.name),
            await self._connection.fetchrow(source.span),
        ]
        found = [span[name] for span in spans if span for name in ("first", "last")]
        return [stream for stream in found if stream is not None]

    async def heads(self, source: ChainSource, day: date) -> Heads:
        """What checkpoints signed of the chains that were opened on this day."""
        heads: Heads = {}
        for row in await self._connection.fetch(HEADS_OF_DAY, source.name, day):
            heads.setdefault(row["stream"], []).append(KnownHead(row["seq"], row["digest"]))
        return heads

    async def records(self, source: ChainSource, day: date) -> AsyncIterator[list[Row]]:
        """The records of these chains in order, some at a time."""
        cursor = await self._connection.cursor(source.of_day, day)
        while rows := await cursor.fetch(_AT_ONCE):
            yield list(rows)

    async def unchained_at(self, statement: str) -> datetime | None:
        """When the first record happened that has no place in a chain and should."""
        row = await self._connection.fetchrow(statement)
        return row["at"] if row else None


class VerifyStore:
    """Gives snapshots, each over a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """One snapshot for as long as the block runs. Raises DatabaseDown, StatementRefused."""
        connection = await self._database.new_connection()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield Snapshot(connection)
                return
        except TROUBLE as error:
            failure = translated(error)
        finally:
            connection.terminate()
        raise failure
