"""Check the audit records: every chain, every checkpoint, and what lies outside the database.

Finds any change, gap, reorder or cut that a checkpoint, a later record, the copy of the
checkpoints or a mark in a node's data folder tells of, and names the first bad record of
each chain. What nobody can find: the work of whoever holds the database, the signing key
and the data folder. Reads one snapshot, row by row; changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from openehc.audit.chain import day_of_stream
from openehc.audit.checkpoint import NO_CHECKPOINT, Checkpoint, from_line, is_genuine
from openehc.audit.findings import Finding, Flaw, Report
from openehc.audit.known_marks import KnownMarks, known_marks
from openehc.audit.marks import read_marks
from openehc.audit.sources import ChainSource
from openehc.audit.verify_store import Snapshot, VerifyStore
from openehc.audit.walk import Walk

CHECKPOINTS: Final = "audit_checkpoints"
MOST_FINDINGS: Final = 100
_ONE_DAY: Final = timedelta(days=1)
_BEFORE_ALL: Final = -(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is checked: from which day on, and at most how many records; None is everything."""

    since: date | None = None
    most: int | None = None


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class VerifyTrail:
    """The use case; `keys` are the public keys (04 || X || Y) that may have signed.

    `marks` are folders in which nodes noted how far their chains are; one that is not there
    holds none.
    """

    store: VerifyStore
    sources: Sequence[ChainSource]
    keys: Sequence[bytes]
    copy: Path | None = None
    marks: Sequence[Path] = ()

    async def __call__(self, scope: Scope = EVERYTHING) -> Report:
        """What was found. Raises DatabaseDown, StatementRefused; OSError for copy and marks."""
        # before the snapshot: what is marked by then was committed before, so it is in there
        read = read_marks([folder for folder in self.marks if folder.exists()])
        async with self.store.snapshot() as snapshot:
            known = known_marks(read, origin=await snapshot.origin())
            report = Report(marks=known.count, unreadable=[str(file) for file in read.unreadable])
            return await _Check(self, snapshot, scope, report, known).run()


@dataclass(slots=True)
class _Check:
    """One run over one snapshot."""

    told: VerifyTrail
    snapshot: Snapshot
    scope: Scope
    report: Report
    marks: KnownMarks

    async def run(self) -> Report:
        report = self.report
        for file in self.marks.others:
            self._tell(Flaw.OTHER_DATABASE, table=str(file))
        await self._check_checkpoints()
        signed_at = await self.snapshot.signed_at()
        report.covered_until = signed_at
        for source in self.told.sources:
            await self._check_source(source, signed_at)
        del report.findings[MOST_FINDINGS:]
        return report

    # ------------------------------------------------------------ checkpoints

    async def _check_checkpoints(self) -> None:
        copies = _Copies(self.told.copy)
        known: Checkpoint | None = None
        number = before = await self._number_before()
        async for checkpoint in self.snapshot.checkpoints_after(before):
            self.report.checkpoints += 1
            self._check_order(checkpoint, known)
            self._check_genuine(checkpoint)
            if copies.of(checkpoint.number) not in {None, checkpoint.hash}:
                self._tell_checkpoint(Flaw.CHECKPOINT_DIFFERS, checkpoint.number, checkpoint.at)
            elif not self.marks.agree(checkpoint.number, checkpoint.hash):
                self._tell_checkpoint(
                    Flaw.CHECKPOINT_MARKED_OTHERWISE, checkpoint.number, checkpoint.at
                )
            known = checkpoint
            number = checkpoint.number
        lost, cut = copies.next_after(number), self.marks.first_missing(number)
        if lost is not None:
            self._tell_checkpoint(Flaw.CHECKPOINT_MISSING, lost.number, lost.at)
        elif cut is not None:
            self._tell(Flaw.CHECKPOINTS_CUT, table=CHECKPOINTS, seq=cut)
        loose = await self.snapshot.loose_head(before if self.scope.since else _BEFORE_ALL)
        if loose:
            self.report.findings.append(
                Finding(flaw=Flaw.HEAD_ADDED, table=loose.source, stream=loose.stream,
                        seq=loose.seq)
            )  # fmt: skip

    async def _number_before(self) -> int:
        since = self.scope.since
        if since is None:
            return 0
        return await self.snapshot.number_before(_midnight(since))

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
        self._tell(flaw, table=CHECKPOINTS, seq=number, at=at)

    def _tell(self, flaw: Flaw, *, table: str, seq: int = 0, at: datetime | None = None) -> None:
        if len(self.report.findings) < MOST_FINDINGS:
            self.report.findings.append(Finding(flaw=flaw, table=table, stream=0, seq=seq, at=at))

    # ------------------------------------------------------------ chains

    async def _check_source(self, source: ChainSource, signed_at: datetime | None) -> None:
        report = self.report
        report.records[source.name] = 0
        origin = await self.snapshot.origin()
        for day in await self._days(source):
            heads, marks = await self.snapshot.heads(source, day), self.marks.of(source.name, day)
            walk = Walk(source, heads, origin, signed_at, marks)
            await self._walked(walk, day)
            self._add(walk)
            if report.stopped:
                return
        if source.unchained is not None:
            await self._check_unchained(source, source.unchained)

    async def _days(self, source: ChainSource) -> list[date]:
        days = [day_of_stream(stream) for stream in await self.snapshot.streams(source)]
        days += self.marks.days(source.name)
        if not days:
            return []
        first = max(min(days), self.scope.since or min(days))
        return [first + _ONE_DAY * number for number in range((max(days) - first).days + 1)]

    async def _walked(self, walk: Walk, day: date) -> None:
        left = self._left()
        async for rows in self.snapshot.records(walk.source, day):
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
        at = await self.snapshot.unchained_at(statement)
        if at is not None:
            self.report.findings.append(
                Finding(flaw=Flaw.UNCHAINED, table=source.name, stream=0, seq=0, at=at)
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
