"""How long a starting worker waits for what it holds in memory before it takes requests.

One that is started while others serve must not answer 8005 only because the registers are
long; one whose database is away has to say so within seconds. So it waits as long as the
database answers and more rows arrive than ever before. Loads nothing itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from openehc.kernel.refusal import PlatformError

STALLED_SECONDS: Final = 15.0
"""So long nothing may be seen of a load that goes well: a statement takes ten at the most."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What is waited for.

    `loaded` ends when everything is there, `answers` tells whether the database does,
    `rows` how many rows the present attempt has read.
    """

    loaded: Callable[[], Coroutine[Any, Any, None]]
    answers: Callable[[], Awaitable[bool]]
    rows: Callable[[], int]


async def wait_until_loaded(
    loading: Loading, *, look_seconds: float, stalled_seconds: float = STALLED_SECONDS
) -> bool:
    """Whether everything is there; False when there is no use in waiting any longer.

    Looks every `look_seconds`; an attempt that begins anew counts as progress only where
    it comes further than those before.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(loading.loaded())
    furthest, since = 0, loop.time()
    try:
        while not (await asyncio.wait({task}, timeout=look_seconds))[0]:
            if loading.rows() > furthest:
                furthest, since = loading.rows(), loop.time()
            stalled = loop.time() - since >= stalled_seconds
            if stalled or not await loading.answers():
                return False
        return not isinstance(task.exception(), PlatformError)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
