"""Using up a serial number inside a transaction of its own statements.

The batched statements of cards and codes carry the same two steps in their SQL.
"""

from datetime import datetime
from typing import Final

from openehc.access.serials import Claim, SerialKey, claim_of
from openehc.storage.pool import Transaction

LOCK_SERIAL: Final = "select pg_try_advisory_xact_lock($1)"

INSERT_SERIAL: Final = """
insert into serial_numbers (serial, used_at) values ($1, $2)
on conflict do nothing
returning true
"""


async def claim_serial(connection: Transaction, key: SerialKey, *, at: datetime) -> Claim:
    """Use the number up in this transaction, or say why it cannot be."""
    free = await connection.fetchval(LOCK_SERIAL, key.lock)
    claimed = free and await connection.fetchval(INSERT_SERIAL, key.value, at)
    return claim_of(free=bool(free), claimed=bool(claimed))
