"""Using up a serial number inside a transaction of its own statements.

The batched statements of cards and codes carry the same two steps in their SQL.
"""

from typing import Final

from openehc.access.serials import Claim, SerialKey, claim_of
from openehc.storage.pool import Transaction

LOCK_SERIAL: Final = "select pg_try_advisory_xact_lock($1)"

INSERT_SERIAL: Final = """
insert into used_serials (lead, serial)
select $1, $2::uuid where not exists (select from serial_numbers f where f.serial = $2::uuid)
on conflict do nothing
returning true
"""
"""`serial_numbers` holds what was used before migration 0019."""


async def claim_serial(connection: Transaction, key: SerialKey) -> Claim:
    """Use the number up in this transaction, or say why it cannot be."""
    free = await connection.fetchval(LOCK_SERIAL, key.lock)
    claimed = free and await connection.fetchval(INSERT_SERIAL, key.lead, key.value)
    return claim_of(free=bool(free), claimed=bool(claimed))
