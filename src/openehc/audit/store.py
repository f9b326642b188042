"""Audit records in the database: the only file of `audit` that touches it."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from openehc.audit.chain import Chain
from openehc.audit.model import AuditEvent
from openehc.audit.sql import INSERT_RECORD
from openehc.storage.pool import Transaction

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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


def content_of(values: Values) -> bytes:
    """The bytes that a record's hash covers: its columns as a JSON array, the time in µs."""
    at = values[0]
    if not isinstance(at, datetime):
        raise TypeError("the first column of a record is its time")
    return _encode([(at - _EPOCH) // timedelta(microseconds=1), *values[1:]])


async def write(connection: Transaction, event: AuditEvent, chain: Chain) -> None:
    """Insert the event as the chain's next record."""
    values = values_of(event)
    seq, digest = chain.link(content_of(values))
    await connection.execute(INSERT_RECORD, chain.stream, seq, digest, *values)
