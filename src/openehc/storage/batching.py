"""Many requests, one statement: the rows that wait at the same moment travel together.

A batch is one statement, so one implicit transaction: an answer is given only
after the commit. There is no timer. A flush starts as soon as a lane (a connection
of the batch's own) is free and takes what waits then; a lone row goes at once, and
under load the batches grow by themselves.

The statement answers with the 1-based position first. Its parameters are made of the
rows of the batch by `shape`: one array for each column unless something else is said
(storage/rows.py).

    select r.ord, c.state
    from unnest($1::bytea[], $2::text[]) with ordinality as r(ehcid, org, ord)
    join card c using (ehcid)

This module does not know what it carries, keeps no answer, and promises no order
between two rows of one batch.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import ClassVar, Final, Protocol, TypeAlias

import asyncpg

from openehc.kernel.refusal import DatabaseDown
from openehc.storage.errors import (
    TROUBLE,
    OutcomeUnknown,
    QueueFull,
    StatementRefused,
    translated,
)
from openehc.storage.pool import CONNECT_SECONDS, Connection, Database
from openehc.storage.rows import Parameters, Row, as_arrays

MOST_WAITING: Final = 20_000
_MOST_RETRIES: Final = 3
_CHANGED_NOTHING: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
# One row can be guilty of these (bad value, cardinality, constraint, check option,
# raise in a trigger); of the others (no such table, disk full) the whole statement is.
_ONE_ROWS_FAULT: Final = frozenset({"21", "22", "23", "44", "P0"})

PLANNING: Final[Mapping[str, str]] = {
    "enable_seqscan": "off", "plan_cache_mode": "force_generic_plan",
}  # fmt: skip
"""A batch finds each of its rows by an index, with one plan that is made once for any values.
Whether a table is small enough to be read whole would be guessed from its size at that time,
and the plan stays while it grows. For the same reason a statement looks rows up in a
`lateral (... offset 0)`, which is asked once for each row: as a join it may read the whole
index (tests/storage/test_batch_plans.py)."""

Shape: TypeAlias = Callable[[Sequence[Row]], Parameters]
_Waiter: TypeAlias = "asyncio.Future[asyncpg.Record | None]"


class Addition(Protocol):
    """What a lane adds to each statement that it sends, and what became of the statement.

    One for each lane, so `parameters` is followed by exactly one of the others before it
    is asked again. Rows that are sent once more are asked for again.
    """

    def parameters(self, rows: Sequence[Row]) -> Sequence[object]:
        """Further parameters of the statement, behind the columns of these rows."""

    def committed(self, records: Sequence[asyncpg.Record]) -> None:
        """The statement is committed and gave these answers."""

    def undone(self) -> None:
        """The statement changed nothing, for certain."""

    def in_doubt(self) -> None:
        """Nobody knows whether the statement was committed."""


class Batch:
    """Rows of one statement, gathered while they wait; for one event loop.

    `lanes` connections work at the same time, each with at most `most` rows; `shape`
    is called once for each statement that is sent, with its rows in their final order;
    `addition` makes what each lane adds to its statements.
    Use `BatchedRead` or `GroupCommit`, which know what may be tried again.
    """

    retries_lost_connection: ClassVar[int] = 0

    __slots__ = ("_busy", "_closed", "_idle", "_most", "_shape", "_waiting", "_waking", "name")

    def __init__(  # noqa: PLR0913 (what makes a batch, each with its name)
        self,
        database: Database,
        sql: str,
        *,
        name: str,
        lanes: int,
        most: int = 256,
        shape: Shape = as_arrays,
        addition: Callable[[], Addition] | None = None,
    ) -> None:
        self.name: Final = name
        self._shape: Final = shape
        self._most: Final = most
        self._waiting: Final[deque[tuple[Row, _Waiter]]] = deque()
        self._idle: Final[list[_Lane]] = [
            _Lane(database, sql, addition() if addition else _NOTHING) for _ in range(lanes)
        ]
        self._busy: Final[dict[_Lane, asyncio.Task[None]]] = {}
        self._waking = False
        self._closed = False

    async def run(self, row: Row) -> asyncpg.Record | None:
        """The answer to `row`, None when the statement gave none; committed when it returns.

        Raises QueueFull when over 20,000 rows wait, DatabaseDown when the server is
        away (OutcomeUnknown when it went away while the statement ran), and
        StatementRefused when this row, not its neighbour, is refused.
        """
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING or self._closed:
            raise QueueFull(f"{self.name}: {len(waiting)} rows wait")
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        waiting.append((row, waiter))
        if self._idle and not self._waking:
            self._wake()
        return await waiter

    async def close(self) -> None:
        """Answer what waits, then close the lanes; rows that come later get QueueFull."""
        self._closed = True
        while self._busy:
            await asyncio.wait(list(self._busy.values()))
        for lane in self._idle:
            await lane.close()

    def _wake(self) -> None:
        """Set one idle lane to work; one at a time, so that it finds a full waiting list."""
        self._waking = True
        lane = self._idle.pop()
        self._busy[lane] = asyncio.get_running_loop().create_task(
            self._drain(lane), name=f"batch-{self.name}"
        )

    async def _drain(self, lane: "_Lane") -> None:
        try:
            try:
                await asyncio.sleep(0)  # what the sockets hold at this moment travels too
            finally:
                self._waking = False
            while batch := self._taken():
                if self._waiting and self._idle and not self._waking:
                    self._wake()
                await self._flush(lane, batch)
        finally:
            del self._busy[lane]
            self._idle.append(lane)

    def _taken(self) -> list[tuple[Row, _Waiter]]:
        """Up to `most` waiting rows; those whose waiter gave up are dropped unsent."""
        waiting = self._waiting
        taken: list[tuple[Row, _Waiter]] = []
        while waiting and len(taken) < self._most:
            pair = waiting.popleft()
            if not pair[1].done():
                taken.append(pair)
        return taken

    async def _flush(self, lane: "_Lane", batch: list[tuple[Row, _Waiter]]) -> None:
        try:
            _answer(batch, await self._answered(lane, [row for row, _ in batch]))
        except StatementRefused as refused:
            if len(batch) > 1 and refused.sqlstate[:2] in _ONE_ROWS_FAULT:
                await self._flush_halves(lane, batch)
            else:
                _fail(batch, refused)
        except Exception as failure:  # noqa: BLE001 (it must reach every waiter, whatever it is)
            _fail(batch, failure)
        except asyncio.CancelledError:
            _fail(batch, OutcomeUnknown(f"{self.name}: shut down"))
            raise

    async def _flush_halves(self, lane: "_Lane", batch: list[tuple[Row, _Waiter]]) -> None:
        """Close in on the guilty row, so that its neighbours succeed."""
        middle = len(batch) // 2
        await self._flush(lane, batch[:middle])
        await self._flush(lane, batch[middle:])

    async def _answered(self, lane: "_Lane", rows: Sequence[Row]) -> list[asyncpg.Record]:
        parameters = self._shape(rows)
        conflicts = losses = 0
        while True:
            try:
                return await lane.fetch(parameters, rows)
            except StatementRefused as refused:
                conflicts += 1
                if refused.sqlstate not in _CHANGED_NOTHING or conflicts > _MOST_RETRIES:
                    raise
            except _ConnectionLost:
                losses += 1
                if losses > self.retries_lost_connection:
                    raise


class BatchedRead(Batch):
    """Batched reading: after a lost connection the batch is tried once more on a new one."""

    __slots__ = ()
    retries_lost_connection = 1


class GroupCommit(Batch):
    """Group commit: never tried again after it was sent, since the outcome is unknown.

    Only a deadlock and a serialization failure are, up to three times: the server
    says itself that they changed nothing.
    """

    __slots__ = ()


class _ConnectionLost(OutcomeUnknown):
    """The connection broke while the statement ran (not: the server was silent)."""


class _Nothing:
    """The addition of a lane that adds nothing."""

    __slots__ = ()

    def parameters(self, rows: Sequence[Row]) -> Sequence[object]:  # noqa: ARG002 (the protocol's)
        return ()

    def committed(self, records: Sequence[asyncpg.Record]) -> None:
        pass

    def undone(self) -> None:
        pass

    def in_doubt(self) -> None:
        pass


_NOTHING: Final = _Nothing()


class _Lane:
    """One connection of the batch's own, made when first needed and again when lost."""

    __slots__ = ("_addition", "_connection", "_database", "_sql")

    def __init__(self, database: Database, sql: str, addition: Addition) -> None:
        self._database: Final = database
        self._sql: Final = sql
        self._addition: Final = addition
        self._connection: Connection | None = None

    async def fetch(self, parameters: Parameters, rows: Sequence[Row]) -> list[asyncpg.Record]:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._database.new_connection(**PLANNING)
        addition = self._addition
        added = addition.parameters(rows)
        try:
            records = await connection.fetch(self._sql, *parameters, *added)
        except TROUBLE as error:
            failure = translated(error)
            silent = isinstance(error, TimeoutError)
        except BaseException:
            addition.in_doubt()
            raise
        else:
            addition.committed(records)
            return records
        if not isinstance(failure, DatabaseDown):
            addition.undone()
            raise failure
        addition.in_doubt()
        connection.terminate()
        self._connection = None
        raise failure if silent else _ConnectionLost(*failure.args)

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*TROUBLE):
                await self._connection.close(timeout=CONNECT_SECONDS)
            self._connection = None


def _answer(batch: list[tuple[Row, _Waiter]], records: list[asyncpg.Record]) -> None:
    answered = 0
    for record in records:
        waiter = batch[record[0] - 1][1]
        if not waiter.done():
            waiter.set_result(record)
            answered += 1
    if answered < len(batch):
        for _, waiter in batch:
            if not waiter.done():
                waiter.set_result(None)


def _fail(batch: list[tuple[Row, _Waiter]], failure: Exception) -> None:
    for _, waiter in batch:
        if not waiter.done():
            waiter.set_exception(_own_copy(failure))


def _own_copy(failure: Exception) -> Exception:
    """A copy for one waiter: a shared exception would gather all their tracebacks."""
    try:
        return copy(failure)
    except TypeError:  # a foreign exception with arguments of its own
        return failure
