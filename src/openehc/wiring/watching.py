"""The task that turns what a node sees of client software into findings (材料二 3.2)."""

import asyncio
import logging
from typing import Final

from openehc.access.findings import Finding
from openehc.console.api.access_desk import AccessDesk
from openehc.kernel.refusal import PlatformError
from openehc.storage.alone import alone
from openehc.storage.pool import Database

ASK_SECONDS: Final = 300.0
"""A worker asks so often whether a look is due; how often it is, says `LOOK_EVERY`."""

LOCK: Final = 0x4F45_4657  # "OEFW": one number for every worker of every node
_log = logging.getLogger("openehc.node")


async def keep_watching(desk: AccessDesk, database: Database) -> None:
    """Look when it is due until cancelled. Every worker asks, one of all looks."""
    while True:
        await asyncio.sleep(ASK_SECONDS)
        try:
            found = await look_alone(desk, database)
        except PlatformError as trouble:
            _log.warning("nobody looked at refused calls: %s", type(trouble).__name__)
        else:
            if found:
                _log.info("%d findings about client software", len(found))


async def look_alone(desk: AccessDesk, database: Database) -> list[Finding]:
    """The findings of a look that was due, none while another worker is at it."""
    async with alone(database, LOCK) as ours:
        return await desk.watch.look_when_due(now=desk.clock.now()) if ours else []
