"""Take audit records out: JSON lines for programs, CSV for spreadsheets.

A cell that a spreadsheet would take for a formula is disarmed by an apostrophe. The
export itself is recorded before the first byte leaves. Memory does not grow with it.
"""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Final

import msgspec

from openehc.audit.model import Actor
from openehc.audit.record_store import AuditRecord, RecordQuery, RecordStore
from openehc.audit.search_trail import looked, within_reach
from openehc.audit.trail import AuditTrail

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK: Final = "\ufeff"  # without it Excel takes UTF-8 for the local code page
_ROWS_AT_ONCE: Final = 500
_encode: Final = msgspec.json.Encoder().encode


@unique
class ExportFormat(StrEnum):
    """How records are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class ExportTrail:
    """The use case."""

    store: RecordStore
    trail: AuditTrail

    async def __call__(
        self, query: RecordQuery, kind: ExportFormat, *, actor: Actor, now: datetime
    ) -> AsyncIterator[bytes]:
        """The parts of the file; what matches and lies within the actor's reach, oldest first.

        Recorded when this returns. Raises DatabaseDown, also while the parts are taken.
        """
        reached = within_reach(query, actor)
        await self.trail.record(looked("audit.export", reached, actor=actor, now=now))
        return written(self.store.every(reached), kind)


async def written(records: AsyncIterator[AuditRecord], kind: ExportFormat) -> AsyncIterator[bytes]:
    """The records in that format, in parts."""
    if kind is ExportFormat.CSV:
        yield _BYTE_ORDER_MARK.encode() + _csv([list(AuditRecord.__slots__)])
    gathered: list[AuditRecord] = []
    async for record in records:
        gathered.append(record)
        if len(gathered) == _ROWS_AT_ONCE:
            yield _part(gathered, kind)
            gathered = []
    if gathered:
        yield _part(gathered, kind)


def _part(records: list[AuditRecord], kind: ExportFormat) -> bytes:
    if kind is ExportFormat.JSON_LINES:
        return b"".join(_encode(_told(record)) + b"\n" for record in records)
    return _csv([[_cell(value) for value in _told(record).values()] for record in records])


def _told(record: AuditRecord) -> dict[str, object]:
    """The record's values; a chain's number as text, too long for spreadsheets."""
    told = {name: getattr(record, name) for name in AuditRecord.__slots__}
    return told | {
        "at": record.at.astimezone(UTC).isoformat(),
        "stream": str(record.stream),
        "hash": record.hash.hex(),
    }


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
