"""The task that turns what a node sees of client software into findings (材料二 3.2)."""

import asyncio
import logging
from typing import Final

from openehc.audit.model import SYSTEM
from openehc.console.api.access_desk import AccessDesk
from openehc.kernel.refusal import PlatformError

WATCH_SECONDS: Final = 3600.0
_log = logging.getLogger("openehc.node")


async def keep_watching(desk: AccessDesk) -> None:
    """Look until cancelled. Every worker looks; what one has found, the others leave."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            found = await desk.watch.look_at_knocks(by=SYSTEM, now=desk.clock.now())
        except PlatformError as trouble:
            _log.warning("nobody looked at refused calls: %s", type(trouble).__name__)
        else:
            if found:
                _log.info("%d findings about client software", len(found))
