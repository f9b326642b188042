"""What the platform asks of a crypto module (密码模块), whoever builds it.

材料一 9.5 names the calls; 材料一 6.2.3 wants one uniform interface. Backends in
software, over TCP or behind the SDF library keep the same contract tests. This
module computes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Protocol

import msgspec


class UnfitIdentity(ValueError):
    """These identity data cannot have an EHCID; the text names no personal data.

    UnfitIdentity
    ├── IdentityTooLong     id_type and id_no exceed 32 characters together
    └── IdentityNotPlain    not plain ASCII where the layout needs it
    """


class IdentityTooLong(UnfitIdentity):
    """id_type and id_no together exceed 32 characters."""


class IdentityNotPlain(UnfitIdentity):
    """A character that the layout cannot carry, or a part that is missing."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who an EHCID stands for: document type (2 characters) and number."""

    id_type: str
    id_no: str


@unique
class ModuleKind(Enum):
    """What computes."""

    SOFT = "soft"
    MACHINE = "machine"
    SDF = "sdf"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class ModuleHealth:
    """State of a crypto module; `detail` is one English sentence for the engineer."""

    name: str
    kind: ModuleKind
    alive: bool
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceInformation:
    """What a crypto module says of itself; a text is empty where it says nothing."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    version: str = ""
    algorithms: tuple[str, ...] = ()


class CryptoModule(Protocol):
    """The crypto module. Every call raises `CryptoModuleDown` when it does not answer."""

    async def make_mindex_id(self, id_type: str, id_no: str, name: str) -> str:
        """主索引ID: 64 upper hex characters; raises `UnfitIdentity`."""

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        """电子健康卡ID: 32 raw bytes; raises `UnfitIdentity`."""

    async def open_ehcid(self, ehcid: bytes, mindex_id: str) -> Identity | None:
        """The document inside; None when it does not open to one (材料一 6.2.2)."""

    async def make_valid(self, expires: datetime) -> str:
        """有效时间密文: 32 upper hex characters; raises ValueError for a naive time."""

    async def open_valid(self, valid: str) -> datetime | None:
        """The expiry in UTC; None when it is no VALID of this module's key."""

    async def health(self) -> ModuleHealth:
        """Whether the module answers; never raises."""

    async def device_information(self) -> DeviceInformation:
        """Maker, model, serial number and version, as the module tells them."""

    async def key_check_values(self) -> dict[str, str]:
        """16 upper hex characters for `safe_key` and `protect_key`, which they prove.

        Equal keys give equal values in every backend, so that the keys filled at
        one place can be compared with those of another (材料二 附录A 5.1).
        """
