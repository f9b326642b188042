"""Statements that stop until a test lets them go: nothing is left to how long something takes.

A statement with `STOP` in it waits inside the database while `held` is open, and `until_stopped`
tells when it got there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from openehc.storage.pool import Database, Transaction
from tests.support.waiting import until_told

STOP: Final = "(select pg_advisory_xact_lock_shared(77))"
"""A table of one row that is there when the test lets go."""

_STOPPED: Final = """
select count(*) from pg_locks
where not granted and database = (select oid from pg_database where datname = current_database())
"""
_CUT: Final = """
select pg_terminate_backend(pid, 60000) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """The connection that holds the others up."""

    connection: Transaction

    async def until_stopped(self, count: int = 1) -> None:
        """Return when so many statements wait in the database."""
        await until_blocked(self.connection, count)

    async def cut_others(self) -> None:
        """End every other connection of the database; returns when the server has ended them."""
        await self.connection.fetch(_CUT)


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[Hold]:
    """While the block is open, `STOP` stops; it takes one connection of the pool."""
    async with database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock(77)")
        yield Hold(connection)


async def until_blocked(asker: Database | Transaction, count: int = 1) -> None:
    """Return when so many statements of this database wait for a lock."""

    async def blocked() -> bool:
        return int(await asker.fetchval(_STOPPED)) >= count

    await until_told(blocked)
