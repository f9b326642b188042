"""Check the audit records: every chain, every checkpoint, and the copy outside the database.

Finds any change, gap, reorder or cut that a checkpoint or a later record tells of, and
names the first bad record of each chain. What nobody can find: records cut off behind the
last checkpoint, and the work of whoever holds the database and the signing key. Reads one
snapshot, row by row; changes nothing.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from openehc.audit.chain import day_of_stream
from openehc.audit.checkpoint import NO_CHECKPOINT, Checkpoint, from_line, is_genuine
from openehc.audit.checkpoint_sql import CHECKPOINTS_AFTER
from openehc.audit.checkpoint_store import checkpoint_of
from openehc.audit.findings import Finding, Flaw, Report
from openehc.audit.origin import ORIGIN
from openehc.audit.sources import ChainSource
from openehc.audit.verify_sql import BEFORE, HEADS_OF_DAY, LOOSE_HEAD, SIGNED_AT, SPAN_OF_HEADS
from openehc.audit.walk import Heads, KnownHead, Walk
from openehc.storage.errors import TROUBLE, translated
from openehc.storage.pool import Connection, Database

CHECKPOINTS: Final = "audit_checkpoints"
MOST_FINDINGS: Final = 100
_AT_ONCE: Final = 500
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is checked: from which day on, and at most how many records; None is everything."""

    since: date | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class VerifyTrail:
    """The use case; `keys` are the public keys (04 || X || Y) that may have signed."""

    database: Database
    sources: Sequence[ChainSource]
    keys: Sequence[bytes]
    copy: Path | None = None

    async def __call__(self, scope: Scope = Scope()) -> Report:
        """What was found. Raises DatabaseDown, StatementRefused; OSError for the copy."""
        connection = await self.database.new_connection()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await _Check(self, connection, scope, Report()).run()
        except TROUBLE as error:
            failure = translated(error)
        finally:
            connection.terminate()
        raise failure


@dataclass(slots=True)
class _Check:
    """One run over one snapshot."""

    told: VerifyTrail
    connection: Connection
    scope: Scope
    report: Report

    async def run(self) -> Report:
        report = self.report
        await self._check_checkpoints()
        signed_at = await self.connection.fetchval(SIGNED_AT)
        report.covered_until = signed_at
        for source in self.told.sources:
            await self._check_source(source, signed_at)
        del report.findings[MOST_FINDINGS:]
        return report

    # ------------------------------------------------------------ checkpoints

    async def _check_checkpoints(self) -> None:
        copies = _Copies(self.told.copy)
        known: Checkpoint | None = None
        async for checkpoint in self._checkpoints():
            self.report.checkpoints += 1
            self._check_order(checkpoint, known)
            self._check_genuine(checkpoint)
            if copies.of(checkpoint.number) not in {None, checkpoint.hash}:
                self._tell_checkpoint(Flaw.CHECKPOINT_DIFFERS, checkpoint.number, checkpoint.at)
            known = checkpoint
        lost = copies.next_after(known.number if known else 0)
        if lost is not None:
            self._tell_checkpoint(Flaw.CHECKPOINT_MISSING, lost.number, lost.at)
        loose = await self.connection.fetchrow(LOOSE_HEAD)
        if loose:
            self.report.findings.append(
                Finding(flaw=Flaw.HEAD_ADDED, table=loose["source"], stream=loose["stream"],
                        seq=loose["seq"])
            )  # fmt: skip

    async def _checkpoints(self) -> AsyncIterator[Checkpoint]:
        number = await self._number_before()
        while rows := await self.connection.fetch(CHECKPOINTS_AFTER, number, _AT_ONCE):
            for row in rows:
                yield checkpoint_of(row)
            number = rows[-1]["number"]

    async def _number_before(self) -> int:
        since = self.scope.since
        if since is None:
            return 0
        return int(await self.connection.fetchval(BEFORE, _midnight(since)))

    def _check_order(self, checkpoint: Checkpoint, known: Checkpoint | None) -> None:
        if known is None:
            partly = self.scope.since is not None
            number = checkpoint.number if partly else 1
            before = checkpoint.before if partly else NO_CHECKPOINT
        else:
            number, before = known.number + 1, known.hash
        if (checkpoint.number, checkpoint.before) != (number, before):
            self._tell_checkpoint(Flaw.CHECKPOINT_MISSING, checkpoint.number, checkpoint.at)

    def _check_genuine(self, checkpoint: Checkpoint) -> None:
        if self.told.keys and checkpoint.public_key not in self.told.keys:
            self._tell_checkpoint(Flaw.CHECKPOINT_FORGED, checkpoint.number, checkpoint.at)
        elif not is_genuine(checkpoint):
            self._tell_checkpoint(Flaw.CHECKPOINT_CHANGED, checkpoint.number, checkpoint.at)

    def _tell_checkpoint(self, flaw: Flaw, number: int, at: datetime) -> None:
        if len(self.report.findings) < MOST_FINDINGS:
            self.report.findings.append(
                Finding(flaw=flaw, table=CHECKPOINTS, stream=0, seq=number, at=at)
            )

    # ------------------------------------------------------------ chains

    async def _check_source(self, source: ChainSource, signed_at: datetime | None) -> None:
        report = self.report
        report.records[source.name] = 0
        origin = await self.connection.fetchval(ORIGIN)
        for day in await self._days(source):
            walk = Walk(source, await self._heads(source, day), origin, signed_at)
            await self._walked(walk, day)
            self._add(walk)
            if report.stopped:
                return
        if source.unchained is not None:
            await self._check_unchained(source, source.unchained)

    async def _days(self, source: ChainSource) -> list[date]:
        spans = [
            await self.connection.fetchrow(SPAN_OF_HEADS, source.name),
            await self.connection.fetchrow(source.span),
        ]
        streams = [span[name] for span in spans if span for name in ("first", "last")]
        days = [day_of_stream(stream) for stream in streams if stream is not None]
        if not days:
            return []
        first = max(min(days), self.scope.since or min(days))
        return [first + _ONE_DAY * number for number in range((max(days) - first).days + 1)]

    async def _heads(self, source: ChainSource, day: date) -> Heads:
        heads: Heads = {}
        for row in await self.connection.fetch(HEADS_OF_DAY, source.name, day):
            heads.setdefault(row["stream"], []).append(KnownHead(row["seq"], row["digest"]))
        return heads

    async def _walked(self, walk: Walk, day: date) -> None:
        cursor = await self.connection.cursor(walk.source.of_day, day)
        left = self._left()
        while rows := await cursor.fetch(_AT_ONCE):
            for row in rows:
                walk.feed(row)
            if left is not None and walk.records >= left:
                self.report.stopped = True
                return
        walk.end()

    def _left(self) -> int | None:
        most = self.scope.most
        return None if most is None else most - sum(self.report.records.values())

    def _add(self, walk: Walk) -> None:
        report = self.report
        report.records[walk.source.name] += walk.records
        report.chains += walk.chains
        report.uncovered += walk.uncovered
        report.findings += walk.findings
        if walk.first_uncovered and report.covered_until:
            report.covered_until = min(report.covered_until, walk.first_uncovered)

    async def _check_unchained(self, source: ChainSource, statement: str) -> None:
        """A record without a place in a chain is older than the chains, or was put there."""
        row = await self.connection.fetchrow(statement)
        if row:
            self.report.findings.append(
                Finding(flaw=Flaw.UNCHAINED, table=source.name, stream=0, seq=0, at=row["at"])
            )


class _Copies:
    """The checkpoints in the copy, read line by line beside those of the database."""

    def __init__(self, path: Path | None) -> None:
        self._lines = _lines(path)
        self._next = next(self._lines, None)

    def of(self, number: int) -> bytes | None:
        """The hash that the copy has for this number; asked for in rising order."""
        found = self.next_after(number - 1)
        return found.hash if found and found.number == number else None

    def next_after(self, number: int) -> Checkpoint | None:
        """The next checkpoint in the copy behind this number."""
        while self._next is not None and self._next.number <= number:
            self._next = next(self._lines, None)
        return self._next


def _lines(path: Path | None) -> Iterator[Checkpoint]:
    if path is None:
        return
    with path.open("rb") as copy:
        for line in copy:
            yield from_line(line)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
