"""Records of calls, gathered: calls that end at the same moment share one audit record.

A record of the audit chain holds the calls of one caller, from one address and with one
result, each with its time and machine. No timer: what comes while a record is written goes
into the next one. Returns when the record is durable.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from openehc.audit.model import OK, Actor, ActorKind, AuditEvent, Category
from openehc.kernel.refusal import DatabaseDown, PlatformError
from openehc.proxy.model import CallRecord, Result

ACTION: Final = "crypto.call"
OBJECT_KIND: Final = "crypto-module"
LANES: Final = 3
MOST_IN_ONE: Final = 2_000
MOST_WAITING: Final = 50_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Batch = tuple[Sequence[CallRecord], "asyncio.Future[None]"]


class Trail(Protocol):
    """Where audit events go: `openehc.audit.trail.AuditTrail`."""

    async def record(self, event: AuditEvent) -> None:
        """Durable when it returns; raises `PlatformError`."""


class RecordCalls:
    """`CallRecorder` over the audit trail; for one event loop."""

    def __init__(self, trail: Trail, *, lanes: int = LANES) -> None:
        """`lanes` events are written at the same time."""
        self._trail = trail
        self._lanes = lanes
        self._waiting: deque[_Batch] = deque()
        self._many = 0
        self._busy: set[asyncio.Task[None]] = set()

    async def record(self, records: Sequence[CallRecord]) -> None:
        """Durable when it returns; raises `PlatformError`."""
        if self._many + len(records) > MOST_WAITING:
            raise DatabaseDown(f"{self._many} records of calls wait to be written")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, waiter))
        self._many += len(records)
        if len(self._busy) < self._lanes:
            task = asyncio.get_running_loop().create_task(self._drain(), name="call-records")
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        await waiter

    async def close(self) -> None:
        """Write what waits."""
        while self._busy:
            await asyncio.wait(list(self._busy))

    async def _drain(self) -> None:
        while batches := self._taken():
            try:
                for event in events_of([one for records, _ in batches for one in records]):
                    await self._trail.record(event)
            except PlatformError as failure:
                _settle(batches, failure)
            except BaseException:
                _settle(batches, DatabaseDown("the writing of records was interrupted"))
                raise
            else:
                _settle(batches, None)

    def _taken(self) -> list[_Batch]:
        """Whole batches, up to `MOST_IN_ONE` calls, but one at least."""
        taken: list[_Batch] = []
        count = 0
        while self._waiting and count + len(self._waiting[0][0]) <= MOST_IN_ONE:
            taken.append(self._waiting.popleft())
            count += len(taken[-1][0])
        self._many -= count
        return taken


def _settle(batches: list[_Batch], failure: PlatformError | None) -> None:
    for _, waiter in batches:
        if waiter.done():
            continue
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(copy(failure))


def events_of(records: Sequence[CallRecord]) -> list[AuditEvent]:
    """One event for each caller, address and result; times in milliseconds since 1970."""
    groups: dict[tuple[str, str, Result], list[CallRecord]] = {}
    for one in records:
        groups.setdefault((one.caller, one.source, one.result), []).append(one)
    return [
        AuditEvent(
            category=Category.SECURITY, action=ACTION,
            actor=Actor(ActorKind.APPLICATION, caller, source), at=group[-1].at,
            object_kind=OBJECT_KIND, result=OK if result is Result.OK else result.value,
            after={"calls": [_told(one) for one in group]},
        )
        for (caller, source, result), group in groups.items()
    ]  # fmt: skip


def _told(one: CallRecord) -> list[Any]:
    return [(one.at - _EPOCH) // timedelta(milliseconds=1), one.call.value, one.machine]
