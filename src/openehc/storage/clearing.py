"""What served its time leaves the database: days and rows, by one node at a time.

Nodes of one database all run this; those that find another at it leave it to that one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from openehc.kernel.clock import Clock, china_day
from openehc.kernel.refusal import PlatformError
from openehc.storage.alone import alone
from openehc.storage.old_days import drop_old_days
from openehc.storage.old_rows import Passing, delete_old_rows
from openehc.storage.pool import Database

LOCK: Final = 0x4F45_434C  # "OECL": one number for every node

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Clearing:
    """What leaves: the days of which tables after how long, and which rows."""

    days: Mapping[str, timedelta]
    rows: Sequence[Passing] = ()

    async def __call__(self, database: Database, clock: Clock) -> None:
        """One round, unless another node is at it. A failure is logged, and tried next time."""
        await _told(self._alone, database, clock)

    async def _alone(self, database: Database, clock: Clock) -> None:
        async with alone(database, LOCK) as ours:
            if ours:
                await _told(self._rows, database, clock)
                await _told(self._days, database, clock)

    async def _rows(self, database: Database, clock: Clock) -> None:
        await delete_old_rows(database, self.rows, now=clock.now())

    async def _days(self, database: Database, clock: Clock) -> None:
        await drop_old_days(database, self.days, today=china_day(clock.now()))


async def keep_clearing(
    database: Database, clearing: Clearing, clock: Clock, *, every: float
) -> None:
    """A round at once and every `every` seconds, until cancelled."""
    while True:
        await clearing(database, clock)
        await asyncio.sleep(every)


async def _told(
    part: Callable[[Database, Clock], Awaitable[None]], database: Database, clock: Clock
) -> None:
    try:
        await part(database, clock)
    except PlatformError as failure:
        _log.warning("what is old stays for now: %s", failure)
