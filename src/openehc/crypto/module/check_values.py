"""Key check values of any crypto module, taken through its ordinary calls.

A specimen document and a specimen time go in, a hash of what comes out is shown:
a machine that never gives its keys away can be compared too. Proves nothing about
how the keys are kept.
"""

from datetime import UTC, datetime
from typing import Final, Protocol

from openehc.crypto.sm3 import sm3_upper

_ID_TYPE: Final = "99"
_ID_NO: Final = "KEYCHECK"
_MINDEX_ID: Final = "0123456789ABCDEF" * 3 + "00" * 8  # a factor that is not zero
_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SHOWN: Final = 16


class MakesIdentifiers(Protocol):
    """The two calls of a `CryptoModule` that prove its keys."""

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        """As `CryptoModule.make_ehcid`."""

    async def make_valid(self, expires: datetime) -> str:
        """As `CryptoModule.make_valid`."""


async def key_check_values(module: MakesIdentifiers) -> dict[str, str]:
    """16 upper hex characters for `safe_key` and `protect_key`; raises `CryptoModuleDown`."""
    ehcid = await module.make_ehcid(_ID_TYPE, _ID_NO, _MINDEX_ID)
    valid = await module.make_valid(_MOMENT)
    return {
        "safe_key": sm3_upper(ehcid)[:_SHOWN],
        "protect_key": sm3_upper(bytes.fromhex(valid))[:_SHOWN],
    }
