"""Work that one node does for all: the others see that somebody is at it and leave it alone.

The lock belongs to a connection of its own, so it goes with the node that held it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from openehc.storage.errors import TROUBLE, translated
from openehc.storage.pool import CONNECT_SECONDS, Connection, Database

_TRY_LOCK: Final = "select pg_try_advisory_lock($1)"


@asynccontextmanager
async def alone(database: Database, lock: int) -> AsyncIterator[bool]:
    """Whether nobody else is at the work of this number; if so, nobody is while the block runs.

    No transaction stays open for it. Raises DatabaseDown.
    """
    connection = await database.new_connection()
    try:
        yield await _taken(connection, lock)
    finally:
        with suppress(*TROUBLE):
            await connection.close(timeout=CONNECT_SECONDS)


async def _taken(connection: Connection, lock: int) -> bool:
    try:
        return bool(await connection.fetchval(_TRY_LOCK, lock))
    except TROUBLE as error:
        failure = translated(error)
    raise failure
