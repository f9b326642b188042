"""What tells the chains of one database from those of any other: made with its tables."""

import asyncio
from typing import Final

from openehc.storage.pool import Database

ORIGIN: Final = "select origin from audit_origin"


class Origin:
    """The origin of a database, asked for once in each process."""

    __slots__ = ("_asking", "_database", "_value")

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._value: bytes | None = None
        self._asking: Final = asyncio.Lock()

    @property
    def value(self) -> bytes:
        """32 bytes; raises RuntimeError before `known` was waited for."""
        if self._value is None:
            raise RuntimeError("a chain was begun before its origin was known")
        return self._value

    async def known(self) -> bytes:
        """The same, read when it was not yet. Raises DatabaseDown, StatementRefused."""
        if self._value is None:
            async with self._asking:
                if self._value is None:
                    self._value = bytes(await self._database.fetchval(ORIGIN))
        return self.value
