"""The crypto module in software: the keys are in this process.

For demonstration, debugging operation, and nodes whose keys are filled into a key
file. It protects the keys no better than the process is protected; it reads no
file. One object belongs to one thread.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openehc import __version__
from openehc.crypto.module import check_values
from openehc.crypto.module.algorithm import (
    IDENTITY_SIZE,
    ehcid_plain,
    mindex_bytes,
    mindex_id_of,
    read_valid_plain,
    split_identity,
    user_key_of,
    valid_bytes,
    valid_plain,
)
from openehc.crypto.module.port import (
    DeviceInformation,
    Identity,
    ModuleHealth,
    ModuleKind,
    UnfitIdentity,
)
from openehc.crypto.sm4 import KEY_SIZE, EcbCipher, ecb_decrypt, ecb_encrypt


@dataclass(frozen=True, slots=True, repr=False)
class ModuleKeys:
    """Safe key (安全密钥) and protect key (保护密钥), 16 bytes each; raises ValueError."""

    safe_key: bytes
    protect_key: bytes

    def __post_init__(self) -> None:
        """Refuse keys of another length."""
        if len(self.safe_key) != KEY_SIZE or len(self.protect_key) != KEY_SIZE:
            raise ValueError(f"safe key and protect key have {KEY_SIZE} bytes each")

    def __repr__(self) -> str:
        """Nothing of the keys."""
        return "ModuleKeys(***)"


PUBLIC_TEST_KEYS: Final = ModuleKeys(
    safe_key=bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
    protect_key=bytes.fromhex("11223344556677888877665544332211"),
)
"""The keys that everybody knows, for debugging operation (材料二 2.5)."""

_PUBLIC: Final = frozenset({PUBLIC_TEST_KEYS.safe_key, PUBLIC_TEST_KEYS.protect_key})


def is_public_test_key(keys: ModuleKeys) -> bool:
    """Whether either key is one of the public test keys, in either place."""
    return keys.safe_key in _PUBLIC or keys.protect_key in _PUBLIC


class SoftCryptoModule:
    """`CryptoModule` in this process; its coroutines never suspend."""

    __slots__ = ("_protect", "_safe", "name")

    def __init__(self, keys: ModuleKeys, *, name: str = "soft") -> None:
        """Build the long-lived contexts for `keys`."""
        self.name = name
        self._safe = EcbCipher(keys.safe_key)
        self._protect = EcbCipher(keys.protect_key)

    async def make_mindex_id(self, id_type: str, id_no: str, name: str) -> str:
        """主索引ID: 64 upper hex characters; raises `UnfitIdentity`."""
        return mindex_id_of(id_type, id_no, name)

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        """电子健康卡ID: 32 raw bytes; raises `UnfitIdentity`."""
        plain = ehcid_plain(id_type, id_no)
        return ecb_encrypt(self._user_key(mindex_id), plain)

    async def open_ehcid(self, ehcid: bytes, mindex_id: str) -> Identity | None:
        """The document inside; None when it does not open to one."""
        if len(ehcid) != IDENTITY_SIZE:
            return None
        try:
            user_key = self._user_key(mindex_id)
        except UnfitIdentity:
            return None
        return split_identity(ecb_decrypt(user_key, ehcid))

    async def make_valid(self, expires: datetime) -> str:
        """有效时间密文: 32 upper hex characters; raises ValueError for a naive time."""
        return self._protect.encrypt(valid_plain(expires)).hex().upper()

    async def open_valid(self, valid: str) -> datetime | None:
        """The expiry in UTC; None when it is no VALID of this key."""
        raw = valid_bytes(valid)
        return None if raw is None else read_valid_plain(self._protect.decrypt(raw))

    async def health(self) -> ModuleHealth:
        """Alive as long as the process is."""
        return ModuleHealth(self.name, ModuleKind.SOFT, alive=True, detail="keys held in process")

    async def device_information(self) -> DeviceInformation:
        """This program and its version."""
        return DeviceInformation(
            maker="OpenEHC", model="software", version=__version__, algorithms=("SM3", "SM4")
        )

    async def key_check_values(self) -> dict[str, str]:
        """16 upper hex characters for `safe_key` and `protect_key`."""
        return await check_values.key_check_values(self)

    def _user_key(self, mindex_id: str) -> bytes:
        return user_key_of(mindex_bytes(mindex_id), safe_cipher=self._safe)
