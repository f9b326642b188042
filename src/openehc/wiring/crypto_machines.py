"""Crypto machines that come and go while the node runs, as the database tells.

The setting names the machines of the start, the table `crypto_machines` what changed since.
Each worker follows it by itself, so no call notices; what it made of a change it reports
in `crypto_workers`. Also reads the front proxy's allow-list again when that changes.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from uuid import UUID

from openehc.crypto.module.machine import MachineCryptoModule, MachineKeysDiffer
from openehc.crypto.module.machine_pool import MachineAddress
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import CryptoModuleDown, PlatformError
from openehc.proxy.allow_list import AllowList
from openehc.proxy.store import CHANNEL, ProxyStore, wanted_machines
from openehc.storage.notify import Listener

AGAIN_SECONDS: Final = 5.0
"""How often a worker reports, and tries a machine again that could not be taken in."""

IN_SERVICE: Final = "in service"
LEFT_ALONE: Final = "left alone: does not answer"
_log = logging.getLogger("openehc.crypto")


class MachineRoll:
    """Brings the machines of one module in line with what is wanted."""

    def __init__(self, module: CryptoModule, setting: Iterable[tuple[str, int]]) -> None:
        """`setting` are the machines with which `module` began."""
        self._module = module if isinstance(module, MachineCryptoModule) else None
        self._setting = tuple(setting)
        self._troubled: dict[MachineAddress, str] = {}

    async def follow(self, changes: dict[tuple[str, int], bool]) -> None:
        """Take in what is wanted and let go what is not; the last one in service stays."""
        module = self._module
        if module is None:
            return
        wanted = [MachineAddress(*one) for one in wanted_machines(self._setting, changes)]
        self._troubled = {}
        for address in wanted:
            if address not in _addresses(module):
                await self._take_in(module, address)
        serving = {one.address for one in module.machines() if one.serves}
        for address in _addresses(module):
            if address not in wanted and serving & set(wanted):
                await module.remove(address)
                _log.warning("crypto machine %s was taken out of service", address)

    async def _take_in(self, module: MachineCryptoModule, address: MachineAddress) -> None:
        try:
            await module.add(address)
        except MachineKeysDiffer:
            self._troubled[address] = "refused: holds other keys than those in service"
        except CryptoModuleDown as failure:
            self._troubled[address] = f"not taken in: {failure}"
        else:
            _log.warning("crypto machine %s was taken into service", address)

    def states(self) -> dict[str, str]:
        """Every machine that is used or wanted, by HOST:PORT."""
        if self._module is None:
            return {}
        used = {
            str(one.address): IN_SERVICE if one.serves else LEFT_ALONE
            for one in self._module.machines()
        }
        return used | {str(address): why for address, why in self._troubled.items()}


def _addresses(module: MachineCryptoModule) -> list[MachineAddress]:
    return [one.address for one in module.machines()]


class CryptoWatch:
    """Follows machines and allow-list for one worker; `listening` while it misses nothing."""

    def __init__(
        self, dsn: str, store: ProxyStore, roll: MachineRoll, *, entropy: Entropy,
        allow_list: AllowList | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._roll = roll
        self._allow_list = allow_list
        self._worker = UUID(bytes=entropy.bytes(16))
        self._described = f"{socket.gethostname()} process {os.getpid()}"
        self._changed = asyncio.Event()
        self._listener = Listener(dsn, [CHANNEL], self._told, self._reload)

    @property
    def listening(self) -> asyncio.Event:
        """Set while changes are heard of and everything was read once."""
        return self._listener.listening

    async def keep_watching(self) -> None:
        """Until cancelled; then this worker is no longer reported."""
        self._listener.start()
        try:
            while True:
                await self._follow()
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_SECONDS):
                        await self._changed.wait()
                self._changed.clear()
        finally:
            await self._listener.stop()
            with suppress(PlatformError):
                await self._store.leave(self._worker)

    async def _told(self, _channel: str, table: str) -> None:
        if table != "crypto_machines":
            await self._reload()
        self._changed.set()

    async def _reload(self) -> None:
        if self._allow_list is not None:
            self._allow_list.replace(await self._store.callers())
        self._changed.set()

    async def _follow(self) -> None:
        """A database that is away changes nothing."""
        with suppress(PlatformError):
            await self._roll.follow(await self._store.machines())
            await self._store.report(
                self._worker, described=self._described, machines=self._roll.states()
            )
