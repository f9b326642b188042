"""Waiting for something that another process or task will bring about. Judges nothing.

The patience is for machines that do much else: what comes at once is not waited for longer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from openehc.kernel.clock import china_day

_PAUSE = 0.02
_PATIENCE = 60.0


async def well_before_midnight(*, seconds: float = 120.0) -> datetime:
    """The present moment; waits for the new day in +08:00 where the old one ends within `seconds`.

    For tests of a node on the clock of the machine, which would count days from another one.
    """
    now = datetime.now(UTC)
    if china_day(now) != china_day(now + timedelta(seconds=seconds)):
        await asyncio.sleep(seconds)
    return datetime.now(UTC)


async def until(seen: Callable[[], bool], *, seconds: float = _PATIENCE) -> None:
    """Return when `seen()`; raises TimeoutError after `seconds`."""

    async def looked() -> bool:
        return seen()

    await until_told(looked, seconds=seconds)


async def until_told(asked: Callable[[], Awaitable[bool]], *, seconds: float = _PATIENCE) -> None:
    """Return when `await asked()`; raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await asked():  # noqa: ASYNC110 (another process sets no event of ours)
            await asyncio.sleep(_PAUSE)
