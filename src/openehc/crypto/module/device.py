"""The crypto module over a device that keeps the keys: layouts here, computing there.

A machine on the network and a card behind a library differ in how they are asked,
not in what. This module opens no connection and holds no key.
"""

from datetime import datetime
from typing import Protocol

from openehc.crypto.module import check_values
from openehc.crypto.module.algorithm import (
    IDENTITY_SIZE,
    derivation_of,
    ehcid_plain,
    mindex_bytes,
    mindex_plain,
    read_valid_plain,
    split_identity,
    valid_bytes,
    valid_plain,
)
from openehc.crypto.module.port import Identity, UnfitIdentity


class KeyDevice(Protocol):
    """What a device computes. Every call raises `CryptoModuleDown` when it does not answer.

    `derivation` is a factor and its complement, 16 bytes: the device derives the
    resident's key from it under the safe key. None means the protect key itself.
    """

    async def digest(self, data: bytes) -> bytes:
        """SM3 of `data`, 32 bytes."""

    async def encrypt(self, plain: bytes, *, derivation: bytes | None) -> bytes:
        """SM4-ECB over whole blocks; as many bytes as `plain` has."""

    async def decrypt(self, cipher: bytes, *, derivation: bytes | None) -> bytes:
        """The way back of `encrypt`; as many bytes as `cipher` has."""


class DeviceCryptoModule:
    """The calls of `CryptoModule` that compute, over a `KeyDevice`.

    Who builds on it adds `health` and `device_information`, which differ.
    """

    def __init__(self, device: KeyDevice) -> None:
        """`device` holds the safe key and the protect key."""
        self._device = device

    async def make_mindex_id(self, id_type: str, id_no: str, name: str) -> str:
        """主索引ID: 64 upper hex characters; raises `UnfitIdentity`."""
        return (await self._device.digest(mindex_plain(id_type, id_no, name))).hex().upper()

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        """电子健康卡ID: 32 raw bytes; raises `UnfitIdentity`."""
        plain = ehcid_plain(id_type, id_no)
        derivation = derivation_of(mindex_bytes(mindex_id))
        return await self._device.encrypt(plain, derivation=derivation)

    async def open_ehcid(self, ehcid: bytes, mindex_id: str) -> Identity | None:
        """The document inside; None when it does not open to one."""
        if len(ehcid) != IDENTITY_SIZE:
            return None
        try:
            derivation = derivation_of(mindex_bytes(mindex_id))
        except UnfitIdentity:
            return None
        return split_identity(await self._device.decrypt(ehcid, derivation=derivation))

    async def make_valid(self, expires: datetime) -> str:
        """有效时间密文: 32 upper hex characters; raises ValueError for a naive time."""
        cipher = await self._device.encrypt(valid_plain(expires), derivation=None)
        return cipher.hex().upper()

    async def open_valid(self, valid: str) -> datetime | None:
        """The expiry in UTC; None when it is no VALID of the device's key."""
        raw = valid_bytes(valid)
        if raw is None:
            return None
        return read_valid_plain(await self._device.decrypt(raw, derivation=None))

    async def key_check_values(self) -> dict[str, str]:
        """16 upper hex characters for `safe_key` and `protect_key`."""
        return await check_values.key_check_values(self)
