"""Waiting for something that another process or task will bring about. Judges nothing.

The patience is for machines that do much else: what comes at once is not waited for longer.
"""

import asyncio
from collections.abc import Awaitable, Callable

_PAUSE = 0.02
_PATIENCE = 30.0


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
