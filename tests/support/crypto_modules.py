"""Crypto modules for the contract tests, each loaded with the keys that a test names.

A new backend joins by adding its factory to `MODULES`. A factory is an asynchronous
context manager: what it started is gone afterwards.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.sdf import KeyByIndex, SdfCryptoModule, SdfSettings
from openehc.crypto.module.soft import ModuleKeys, SoftCryptoModule
from openehc.crypto.remote.module import ProxyCryptoModule
from tests.support.crypto_machine import PATIENT, CryptoMachine
from tests.support.front_proxy import PATIENT as PATIENT_CALLER
from tests.support.front_proxy import front_proxy
from tests.support.sdf_double import sdf_double

ModuleFactory = Callable[[ModuleKeys], AbstractAsyncContextManager[CryptoModule]]


@asynccontextmanager
async def soft_module(keys: ModuleKeys) -> AsyncIterator[CryptoModule]:
    yield SoftCryptoModule(keys)


@asynccontextmanager
async def machine_module(keys: ModuleKeys) -> AsyncIterator[CryptoModule]:
    async with (
        CryptoMachine(keys) as machine,
        MachineCryptoModule([machine.address], settings=PATIENT) as module,
    ):
        yield module


@asynccontextmanager
async def sdf_module(keys: ModuleKeys) -> AsyncIterator[CryptoModule]:
    with sdf_double(keys) as double:
        settings = SdfSettings(safe_key=KeyByIndex(1), protect_key=KeyByIndex(2), call_seconds=60.0)
        async with SdfCryptoModule(double.path, settings=settings) as module:
            yield module


@asynccontextmanager
async def proxy_module(keys: ModuleKeys) -> AsyncIterator[CryptoModule]:
    async with front_proxy(SoftCryptoModule(keys)) as proxy:
        module = ProxyCryptoModule(proxy.allow(), patience=PATIENT_CALLER)
        yield module
        await module.close()


MODULES: Final[Mapping[str, ModuleFactory]] = {
    "soft": soft_module,
    "machine": machine_module,
    "sdf": sdf_module,
    "proxy": proxy_module,
}

OTHER_KEYS: Final = ModuleKeys(
    safe_key=bytes.fromhex("5A0F3C9671E8D24BB1427D09F6C3885E"),
    protect_key=bytes.fromhex("C4D7E1F20A1B3C5D6E7F8091A2B3C4D5"),
)
