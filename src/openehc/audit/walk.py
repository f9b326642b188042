"""The walk along the chains of one table: does each record fit what was before it?

Rows come ordered by stream, seq and place; heads are what checkpoints signed of these
chains, marks what nodes noted of them outside the database. Pure: reads no database, and
keeps one group and its digest.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from openehc.audit.chain import genesis, group_digest, linked
from openehc.audit.findings import Finding, Flaw
from openehc.audit.sources import ChainSource, Row

LATEST_COMMIT: Final = timedelta(hours=1)
"""How long after it happened an event may be committed: until then no checkpoint can hold it."""


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What a checkpoint signed, or a node noted, of a chain."""

    seq: int
    digest: bytes


Heads = dict[int, list[KnownHead]]
"""The heads of each chain, in order."""


@dataclass(slots=True)
class Walk:
    """One table's chains of one day.

    `origin` is what every chain bears; `signed_at` is when the last checkpoint was made.
    Feed every row, then call `end`.
    """

    source: ChainSource
    heads: Heads
    origin: bytes
    signed_at: datetime | None
    marks: Heads = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    records: int = 0
    chains: int = 0
    uncovered: int = 0
    first_uncovered: datetime | None = None
    _stream: int | None = None
    _seq: int = 0
    _before: bytes = b""
    _hashes: list[bytes] = field(default_factory=list)
    _waiting: list[KnownHead] = field(default_factory=list)
    _marked: list[KnownHead] = field(default_factory=list)
    _broken: bool = False
    _at: datetime | None = None

    def feed(self, row: Row) -> None:
        """The next row."""
        stream, seq = row["stream"], row["seq"]
        if stream != self._stream:
            self._end_chain()
            self._begin_chain(stream)
        self.records += 1
        self._at = row["at"]
        if not self._broken:
            if seq != self._seq:
                self._next_group(row)
            self._check(row)
        if not self._waiting:
            self._note_uncovered(row)

    def end(self) -> None:
        """No more rows: what checkpoints or marks hold beyond them was cut off."""
        self._end_chain()
        for stream in sorted({*self.heads, *self.marks}):
            flaw = Flaw.CUT if stream in self.heads else Flaw.END_CUT
            self._tell(flaw, stream=stream, seq=1, at=None)
        self.heads.clear()
        self.marks.clear()

    def _begin_chain(self, stream: int) -> None:
        self.chains += 1
        self._stream, self._seq, self._broken, self._hashes = stream, 0, False, []
        self._before = genesis(stream, origin=self.origin)
        self._waiting = self.heads.pop(stream, [])
        self._marked = self.marks.pop(stream, [])

    def _next_group(self, row: Row) -> None:
        """The group before is whole: its digest is what the next one follows."""
        self._close_group()
        if not self._broken and row["seq"] != self._seq + 1:
            self._break(Flaw.MISSING, row)
        self._seq = row["seq"]

    def _close_group(self) -> None:
        if not self._hashes:
            return
        digest = group_digest(self._hashes)
        self._before, self._hashes = digest, []
        self._compare(self._waiting, digest, Flaw.SIGNED_OTHERWISE)
        self._compare(self._marked, digest, Flaw.MARKED_OTHERWISE)

    def _compare(self, heads: list[KnownHead], digest: bytes, flaw: Flaw) -> None:
        """Whether the group that was just closed is the one that heads tell of."""
        while heads and heads[0].seq == self._seq:
            head = heads.pop(0)
            if head.digest != digest and not self._broken:
                self._broken = True
                self._tell(flaw, stream=self._stream or 0, seq=self._seq, at=self._at)

    def _check(self, row: Row) -> None:
        if self._broken:
            return
        if linked(self._before, self.source.content(row)) != row["hash"]:
            self._break(Flaw.CHANGED, row)
            return
        self._hashes.append(row["hash"])

    def _end_chain(self) -> None:
        if self._stream is None or self._broken:
            return
        self._close_group()
        if (self._waiting or self._marked) and not self._broken:
            flaw = Flaw.CUT if self._waiting else Flaw.END_CUT
            self._tell(flaw, stream=self._stream, seq=self._seq + 1, at=self._at)

    def _note_uncovered(self, row: Row) -> None:
        """A record behind the last signed head of its chain."""
        at = row["at"]
        self.uncovered += 1
        self.first_uncovered = min(at, self.first_uncovered or at)
        if not self._broken and self.signed_at and at < self.signed_at - LATEST_COMMIT:
            self._break(Flaw.UNSIGNED, row)

    def _break(self, flaw: Flaw, row: Row) -> None:
        self._broken = True
        self._tell(flaw, stream=row["stream"], seq=row["seq"], at=row["at"], place=row["place"])

    def _tell(
        self, flaw: Flaw, *, stream: int, seq: int, at: datetime | None, place: int = 0
    ) -> None:
        self.findings.append(
            Finding(flaw=flaw, table=self.source.name, stream=stream, seq=seq, place=place, at=at)
        )
