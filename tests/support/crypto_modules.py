"""Crypto modules for the contract tests, each loaded with the public test keys.

A new backend joins by adding its factory to `MODULES`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.soft import ModuleKeys, SoftCryptoModule

ModuleFactory = Callable[[ModuleKeys], CryptoModule]


def soft_module(keys: ModuleKeys) -> CryptoModule:
    return SoftCryptoModule(keys)


MODULES: Final[Mapping[str, ModuleFactory]] = {"soft": soft_module}

OTHER_KEYS: Final = ModuleKeys(
    safe_key=bytes.fromhex("5A0F3C9671E8D24BB1427D09F6C3885E"),
    protect_key=bytes.fromhex("C4D7E1F20A1B3C5D6E7F8091A2B3C4D5"),
)
