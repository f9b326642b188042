"""The task that tells the database what a worker counted. What a crash may lose is one interval."""

import asyncio
import logging
from datetime import date, timedelta
from typing import Final

from openehc.access.traffic import Traffic
from openehc.access.traffic_store import TrafficStore
from openehc.kernel.clock import Clock, china_day
from openehc.kernel.refusal import PlatformError

FLUSH_SECONDS: Final = 1.0
KEPT_DAYS: Final = 90
_log = logging.getLogger("openehc.node")


async def keep_flushing(traffic: Traffic, store: TrafficStore, clock: Clock) -> None:
    """Flush until cancelled, then once more."""
    cleaned = date.min
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await flush(traffic, store, clock)
            today = china_day(clock.now())
            if today != cleaned:
                cleaned = today
                await _forget(store, today)
    finally:
        await flush(traffic, store, clock)


async def flush(traffic: Traffic, store: TrafficStore, clock: Clock) -> None:
    """Tell what was counted; without the database the counts of this interval are lost."""
    now = clock.now()
    day = china_day(now)
    used, knocks = traffic.drain()
    try:
        traffic.learn(day, used, await store.add(day, used))
        await store.add_knocks(day, knocks, at=now)
    except PlatformError as trouble:
        _log.warning("what applications used was not counted: %s", type(trouble).__name__)


async def _forget(store: TrafficStore, today: date) -> None:
    try:
        await store.forget(before=today - timedelta(days=KEPT_DAYS))
    except PlatformError as trouble:
        _log.warning("old counts stay: %s", type(trouble).__name__)
