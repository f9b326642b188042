"""Writing audit records: one act's own, or many that wait at the same moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import asyncpg
import msgspec

from openehc.audit.chain import Chain
from openehc.audit.model import AuditEvent
from openehc.audit.sql import INSERT_RECORDS
from openehc.storage.pool import Transaction
from openehc.storage.rows import Row

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Values = tuple[object, ...]


def values_of(event: AuditEvent) -> Values:
    """The columns of a record in their order, `at` first."""
    actor = event.actor
    return (
        event.at, event.category.value, event.action, actor.kind.value, actor.id, actor.address,
        actor.institution_id, event.object_kind, event.object_ref, event.result, event.reason,
        None if event.before is None else _encode(event.before).decode(),
        None if event.after is None else _encode(event.after).decode(),
    )  # fmt: skip


def content_of(values: Sequence[object]) -> bytes:
    """The bytes that a record's hash covers: its columns as a JSON array, the time in µs."""
    return _encode([(_time_of(values) - _EPOCH) // _MICROSECOND, *values[1:]])


async def write(connection: Transaction, events: Sequence[AuditEvent], chain: Chain) -> None:
    """Insert the events, at most `MOST_IN_GROUP`, as the chain's next group."""
    rows = [values_of(event) for event in events]
    added = chain.link([content_of(row) for row in rows], at=max(event.at for event in events))
    await connection.execute(INSERT_RECORDS, *[list(column) for column in zip(*rows, strict=True)],
                             *added)  # fmt: skip


class RecordChain:
    """The chain of one lane that commits many records at once."""

    def __init__(self, chain: Chain) -> None:
        self._chain: Final = chain

    def parameters(self, rows: Sequence[Row]) -> Sequence[object]:
        """Stream, number and hashes of the group that these rows are."""
        contents = [content_of(row) for row in rows]
        return self._chain.link(contents, at=max(_time_of(row) for row in rows))

    def committed(self, records: Sequence[asyncpg.Record]) -> None:
        """All of them are durable: the statement leaves none out."""
        del records
        self._chain.keep()

    def undone(self) -> None:
        """The chain goes on from where it was."""
        self._chain.undo()

    def in_doubt(self) -> None:
        """The chain is never continued."""
        self._chain.abandon()


def _time_of(values: Sequence[object]) -> datetime:
    return cast("datetime", values[0])
