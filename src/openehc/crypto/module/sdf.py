"""The crypto module over a device behind an SDF library (GM/T 0018): a crypto card, say.

The library's calls block, so they run in a few threads. The safe key and the protect
key stay in the device; a resident's key does not, since the interface cannot derive.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from openehc.crypto.module.device import DeviceCryptoModule
from openehc.crypto.module.port import DeviceInformation, ModuleHealth, ModuleKind
from openehc.crypto.module.sdf_device import (
    KeyAccess,
    KeyByIndex,
    KeyUnderKek,
    SdfDevice,
    SdfSession,
    SdfSettings,
)
from openehc.kernel.refusal import CryptoModuleDown

__all__ = ["KeyAccess", "KeyByIndex", "KeyUnderKek", "SdfCryptoModule", "SdfSettings"]

T = TypeVar("T")


class SdfBusy(CryptoModuleDown):
    """More calls wait for the device than may."""


class SdfThreads:
    """`KeyDevice` over a device whose calls block."""

    def __init__(self, device: SdfDevice, *, settings: SdfSettings) -> None:
        """No thread starts before the first call."""
        self._device: Final = device
        self._seconds = settings.call_seconds
        self._most = settings.threads + settings.waiting
        self._under_way: set[Future[object]] = set()
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="ehc-sdf")

    async def digest(self, data: bytes) -> bytes:
        """SM3 of `data`, 32 bytes."""
        return await self.run(lambda session: session.digest(data))

    async def encrypt(self, plain: bytes, *, derivation: bytes | None) -> bytes:
        """Under the resident's key, or the protect key without a derivation."""
        return await self.run(lambda session: session.encrypt(plain, derivation=derivation))

    async def decrypt(self, cipher: bytes, *, derivation: bytes | None) -> bytes:
        """The way back of `encrypt`."""
        return await self.run(lambda session: session.decrypt(cipher, derivation=derivation))

    async def run(self, work: Callable[[SdfSession], T]) -> T:
        """What `work` returns with a session; raises `CryptoModuleDown`."""
        if len(self._under_way) >= self._most:
            raise SdfBusy("too many calls wait for the crypto device")
        try:
            job = self._pool.submit(self._device.run, work)
        except RuntimeError:
            raise CryptoModuleDown("the crypto module is closed") from None
        # A call that hangs in the library counts until it returns, whoever waits for it.
        counted: Future[object] = job  # type: ignore[assignment]
        self._under_way.add(counted)
        counted.add_done_callback(self._under_way.discard)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise CryptoModuleDown(
                f"the crypto device gave no answer within {self._seconds} s"
            ) from None

    async def close(self) -> None:
        """Give the device back; waits `call_seconds` at most for calls under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._device.close)


class SdfCryptoModule(DeviceCryptoModule):
    """`CryptoModule` over an SDF library; wants closing."""

    def __init__(self, library: Path, *, settings: SdfSettings, name: str = "sdf") -> None:
        """Load the library, open nothing yet; raises `UnfitLibrary`."""
        self.name = name
        self._threads = SdfThreads(SdfDevice(library, settings=settings), settings=settings)
        super().__init__(self._threads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the device back; the module answers no call afterwards."""
        await self._threads.close()

    async def device_information(self) -> DeviceInformation:
        """What the device tells of itself."""
        return await self._threads.run(lambda session: session.device_information())

    async def health(self) -> ModuleHealth:
        """Asks for the check values; the detail names the function and code that failed."""
        try:
            await self.key_check_values()
        except CryptoModuleDown as error:
            return ModuleHealth(self.name, ModuleKind.SDF, alive=False, detail=str(error))
        return ModuleHealth(self.name, ModuleKind.SDF, alive=True, detail="the device answers")
