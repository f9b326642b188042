"""What the cards need from elsewhere."""

from datetime import datetime
from typing import Protocol

from openehc.crypto.sealing import BlindIndexer
from openehc.kernel.refusal import Refusal


class IndexKeys(Protocol):
    """The keys of the blind indexes, as they are in use now."""

    async def indexers(self) -> tuple[BlindIndexer, ...]:
        """Every indexer under which rows may lie; the first is the one that names values.

        More than one during a rotation. Raises DatabaseDown.
        """


class CodeReader(Protocol):
    """Someone who can read a QR code that a resident presents."""

    async def card_in(self, text: str, *, now: datetime) -> bytes | Refusal:
        """The EHCID of the code's holder; refused unless the code is good now."""
