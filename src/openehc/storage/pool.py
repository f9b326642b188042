"""The database handle: a pool that makes its connections when they are needed.

When PostgreSQL is away every call says so within two seconds, and the first call
after it is back works again. This module knows no tables and tries nothing twice;
batches of rows are `batching.py`'s business.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Self, TypeAlias, TypeVar

import asyncpg

from openehc.kernel.refusal import DatabaseDown, PlatformError
from openehc.storage.errors import TROUBLE, NeverSent, QueueFull, never_sent, translated

CONNECT_SECONDS: Final = 2.0
COMMAND_SECONDS: Final = 10.0
DOWN_MEMORY_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 300.0
_SETTINGS: Final = {"jit": "off", "timezone": "UTC"}

Answer = TypeVar("Answer")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
_Pooled: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class Transaction:
    """One open transaction; committed when its `async with` block ends without an error.

    Every method raises DatabaseDown or StatementRefused; after the latter the
    transaction is lost unless the statement stood inside `savepoint()`.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: _Pooled) -> None:
        self._connection: Final = connection

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of `sql`."""
        return await _told(self._connection.fetch, sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of `sql`, None when there is none."""
        return await _told(self._connection.fetchrow, sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401 (whatever SQL gives)
        """The first column of the first row, None when there is none."""
        return await _told(self._connection.fetchval, sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run `sql`; returns PostgreSQL's command tag, like "UPDATE 3"."""
        return await _told(self._connection.execute, sql, *args)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail without losing the rest of the transaction."""
        async with _begun(self._connection):
            yield


async def _told(work: Callable[..., Awaitable[Answer]], *args: object) -> Answer:
    """What `work(*args)` gives; its failure in the platform's language."""
    try:
        return await work(*args)
    except TROUBLE as error:
        failure = translated(error)
    raise failure


async def _started(connection: _Pooled) -> "asyncpg.transaction.Transaction":
    opened = connection.transaction()
    await opened.start()
    return opened


@asynccontextmanager
async def _begun(connection: _Pooled) -> AsyncIterator[None]:
    """A transaction, or a savepoint where one is open; undone by any exception."""
    opened = await _told(_started, connection)
    try:
        yield
    except BaseException:
        # What went wrong in the block is the story; an undoing that fails as well
        # only says that the connection is gone.
        try:
            await opened.rollback()
        except TROUBLE:
            _cut_off(connection)
        raise
    await _told(opened.commit)


@dataclass(slots=True)
class _Connector:
    """Makes connections, and remembers for a moment that it could not.

    Without the memory every one of a thousand waiting requests would knock at a
    server that is away.
    """

    dsn: str
    name: str
    patience: float
    away_until: float = 0.0

    async def pooled(self, *_: object, **__: object) -> Connection:
        """A new connection for the pool, whose own wishes are ignored."""
        return await self.connection()

    async def connection(self, **settings: str) -> Connection:
        """A new connection with these settings of the server beside the usual ones.

        Raises NeverSent within two seconds, or at once while the last failure is fresh.
        """
        self.refuse_while_away()
        try:
            return await asyncpg.connect(
                self.dsn,
                timeout=CONNECT_SECONDS,
                command_timeout=self.patience,
                server_settings=_SETTINGS | {"application_name": self.name} | settings,
            )
        except TROUBLE as error:
            self.away_until = monotonic() + DOWN_MEMORY_SECONDS
            failure = never_sent(error)
        raise failure

    def refuse_while_away(self) -> None:
        """Raises NeverSent while the last failure is less than 0.2 s old."""
        if monotonic() < self.away_until:
            raise NeverSent("cannot connect (tried a moment ago)")


class Database:
    """A pool of connections to one PostgreSQL, for one event loop.

    Every method raises DatabaseDown when the server does not answer and
    StatementRefused when it refuses; neither holds a parameter or a row.
    """

    __slots__ = ("_connector", "_given", "_pool")

    def __init__(self, pool: _Pool, *, connector: _Connector) -> None:
        self._pool: Final = pool
        self._connector: Final = connector
        self._given: list[Connection] = []

    @classmethod
    async def connect(
        cls, dsn: str, *, size: int, name: str, patience: float = COMMAND_SECONDS
    ) -> Self:
        """A handle on `dsn` with at most `size` pooled connections.

        Connects to nothing yet, so it works while the server is down. `name` is
        shown as the connections' application_name. A statement that is not answered
        within `patience` seconds raises DatabaseDown.
        """
        connector = _Connector(dsn, name, patience)
        pool = await asyncpg.create_pool(
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=_IDLE_SECONDS,
            connect=connector.pooled,
        )
        return cls(pool, connector=connector)

    async def new_connection(self, **settings: str) -> Connection:
        """A connection of one's own, outside the pool; the caller closes it.

        `settings` of the server hold for this connection, beside the usual ones.

        Raises NeverSent within two seconds when the server does not answer, and at
        once when the last attempt failed less than 0.2 s ago.
        """
        connection = await self._connector.connection(**settings)
        self._given = [given for given in self._given if not given.is_closed()]
        self._given.append(connection)
        return connection

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of `sql`."""
        return await self._with_connection(lambda connection: connection.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of `sql`, None when there is none."""
        return await self._with_connection(lambda connection: connection.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401 (whatever SQL gives)
        """The first column of the first row, None when there is none."""
        return await self._with_connection(lambda connection: connection.fetchval(sql, *args))

    async def execute(self, sql: str, *args: object) -> str:
        """Run `sql`; returns PostgreSQL's command tag, like "UPDATE 3"."""
        return await self._with_connection(lambda connection: connection.execute(sql, *args))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction: committed at the end of the block, undone by any exception.

        Raises OutcomeUnknown when the connection is lost during the commit.
        """
        async with self._held() as connection, _begun(connection):
            yield Transaction(connection)

    async def close(self) -> None:
        """Close all connections; waits at most ten seconds for those at work.

        Those that `new_connection` gave and nobody closed are cut off.
        """
        for connection in self._given:
            connection.terminate()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def _with_connection(self, work: Callable[[_Pooled], Awaitable[Answer]]) -> Answer:
        async with self._held() as connection:
            return await _told(work, connection)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[_Pooled]:
        """A pooled connection, given back afterwards, cut off when it is no longer sane."""
        connection = await self._acquired()
        try:
            yield connection
        except DatabaseDown:
            # After a timeout the driver would wait for a server that does not answer.
            _cut_off(connection)
            raise
        finally:
            await self._released(connection)

    async def _acquired(self) -> _Pooled:
        self._connector.refuse_while_away()
        failure: PlatformError
        try:
            return await self._pool.acquire(timeout=CONNECT_SECONDS)
        except DatabaseDown:
            raise
        except TimeoutError:
            failure = QueueFull("no free connection in time")
        except TROUBLE as error:
            failure = never_sent(error)
        raise failure

    async def _released(self, connection: _Pooled) -> None:
        try:
            await self._pool.release(connection, timeout=CONNECT_SECONDS)
        except TROUBLE:
            # The pool has cut it off already and makes a new one when needed.
            return


def _cut_off(connection: _Pooled) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool may have taken it back already
        connection.terminate()
