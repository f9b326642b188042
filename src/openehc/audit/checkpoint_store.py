"""Checkpoints in the database: signing what moved, and reading them back."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

from openehc.audit.chain import group_digest
from openehc.audit.checkpoint import NO_CHECKPOINT, Checkpoint, SignedHead, signed_checkpoint
from openehc.audit.checkpoint_sql import (
    CHECKPOINTS_AFTER,
    HEAD_FROM,
    INSERT_CHECKPOINT,
    INSERT_HEADS,
    LAST,
    PLAN_FOR_THESE_DAYS,
    TAKE_LOCK,
)
from openehc.audit.marks import Mark
from openehc.audit.origin_store import ORIGIN
from openehc.audit.sources import ChainSource
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.storage.pool import Database, Transaction

_LOCK: Final = 0x4F45_4143  # "OEAC": one number for every node
_DAYS_ALIVE: Final = timedelta(days=3)
"""A chain lasts for its day and what comes late to it; a day more for clocks that differ."""

_FIRST_DAY: Final = date(1970, 1, 1)


class CheckpointStore:
    """Signs and reads checkpoints over the chains of `sources`."""

    def __init__(self, database: Database, sources: Sequence[ChainSource]) -> None:
        self._database = database
        self._sources = sources

    async def sign(self, key: Sm2PrivateKey, *, at: datetime) -> Checkpoint | None:
        """Save a checkpoint of every chain that moved since the last one; None when none did.

        Waits for another worker that signs at this moment. Raises DatabaseDown.
        """
        async with self._database.transaction() as connection:
            await connection.fetchval(TAKE_LOCK, _LOCK)
            await connection.execute(PLAN_FOR_THESE_DAYS)
            last = await connection.fetchrow(LAST)
            number, before = (last["number"], last["hash"]) if last else (0, NO_CHECKPOINT)
            heads = await self._moved(connection, _alive_since(at, last["at"] if last else None))
            if not heads:
                return None
            origin = await connection.fetchval(ORIGIN)
            made = signed_checkpoint(
                key, heads, origin=origin, number=number + 1, before=before, at=at
            )
            await _insert(connection, made)
        return made

    async def newest(self, *, most: int, skipped: int) -> tuple[list[Checkpoint], int]:
        """So many checkpoints from the newest back, behind `skipped` newer ones; and how many."""
        last = await self._database.fetchrow(LAST)
        total = int(last["number"]) if last else 0
        first = max(0, total - skipped - most)
        found = await self.after(first, most=max(0, total - skipped - first))
        return found[::-1], total

    async def _moved(self, connection: Transaction, since: date) -> list[SignedHead]:
        return [
            SignedHead(source.name, row["stream"], row["seq"], group_digest(row["hashes"]))
            for source in self._sources
            for row in await connection.fetch(source.moved, since)
        ]

    async def last(self) -> Checkpoint | None:
        """The checkpoint with the highest number."""
        last = await self._database.fetchrow(LAST)
        return await self.one(last["number"]) if last else None

    async def one(self, number: int) -> Checkpoint | None:
        """The checkpoint of that number."""
        found = await self.after(number - 1, most=1)
        return found[0] if found and found[0].number == number else None

    async def head_from(self, mark: Mark) -> tuple[int, SignedHead] | None:
        """The first head of the chain that is as far as the mark, and its checkpoint's number."""
        row = await self._database.fetchrow(HEAD_FROM, mark.source, mark.stream, mark.seq)
        if row is None:
            return None
        return row["number"], SignedHead(*(row[name] for name in SignedHead.__slots__))

    async def digest_at(self, mark: Mark) -> bytes | None:
        """The digest that the marked commit has in its table; None when it is not there."""
        statement = next((s.hashes for s in self._sources if s.name == mark.source), None)
        rows = await self._database.fetch(statement, mark.stream, mark.seq) if statement else []
        return group_digest([row["hash"] for row in rows]) if rows else None

    async def after(self, number: int, *, most: int) -> list[Checkpoint]:
        """The checkpoints behind this number, in order, at most so many."""
        rows = await self._database.fetch(CHECKPOINTS_AFTER, number, most)
        return [checkpoint_of(row) for row in rows]


def _alive_since(at: datetime, last: datetime | None) -> date:
    """The day since which chains can have moved that the last checkpoint does not know."""
    if last is None:
        return _FIRST_DAY
    return min(at, last).astimezone(UTC).date() - _DAYS_ALIVE


async def _insert(connection: Transaction, made: Checkpoint) -> None:
    await connection.execute(
        INSERT_CHECKPOINT, made.number, made.at, made.before, made.hash, made.public_key,
        made.signature,
    )  # fmt: skip
    heads = made.heads
    await connection.execute(
        INSERT_HEADS, made.number, [head.source for head in heads],
        [head.stream for head in heads], [head.seq for head in heads],
        [head.digest for head in heads],
    )  # fmt: skip


def checkpoint_of(row: asyncpg.Record) -> Checkpoint:
    """The checkpoint in a row of `CHECKPOINTS_AFTER`."""
    heads = zip(row["sources"], row["streams"], row["seqs"], row["digests"], strict=True)
    return Checkpoint(
        origin=row["origin"], number=row["number"], at=row["at"], before=row["before"],
        heads=tuple(sorted(SignedHead(*head) for head in heads)), public_key=row["public_key"],
        hash=row["hash"], signature=row["signature"],
    )  # fmt: skip
