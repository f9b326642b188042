"""What is told to everybody, a page at a time, kept some seconds in memory.

Two lists are: valid client software (材料二 2.4: 公示), and notices about software that had to
stop (3.2: 事后通告). Anybody may ask, so pages are kept: a list costs the database little
however often it is asked for. What stands in a list, its store says.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

SECONDS: Final = 30
MOST_PAGES: Final = 200
PAGE_SIZE: Final = 50
DEEPEST: Final = 2000


E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)


class PublicStore(Protocol[E_co]):
    """Where the entries of a list come from."""

    async def total(self) -> int:
        """How many there are (up to 100,000)."""

    async def entries(self, *, limit: int, offset: int) -> Sequence[E_co]:
        """So many of them, in the order of the list."""


@dataclass(frozen=True, slots=True)
class PublicPage(Generic[E]):
    """One page, how many there are in all (up to 100,000), and when that was so."""

    entries: tuple[E, ...]
    total: int
    at: datetime


@dataclass(slots=True)
class PublicList(Generic[E]):
    """Pages of a list; one instance for each worker."""

    store: PublicStore[E]
    _pages: dict[int, PublicPage[E]] = field(default_factory=dict)
    _total: int = 0
    _counted_at: datetime | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def page(self, number: int, *, now: datetime) -> PublicPage[E]:
        """Page `number` (1 to 2,000), at most `SECONDS` old; raises DatabaseDown."""
        async with self._turn:  # strangers share one connection to the database
            kept = self._pages.get(number)
            if kept and _fresh(kept.at, now):
                return kept
            return await self._read(number, now=now)

    async def _read(self, number: int, *, now: datetime) -> PublicPage[E]:
        if self._counted_at is None or not _fresh(self._counted_at, now):
            self._total = await self.store.total()
            self._counted_at = now
        offset = (number - 1) * PAGE_SIZE
        if offset >= self._total:
            return PublicPage((), self._total, now)
        entries = await self.store.entries(limit=PAGE_SIZE, offset=offset)
        if len(self._pages) >= MOST_PAGES:
            self._pages.clear()
        page = self._pages[number] = PublicPage(tuple(entries), self._total, now)
        return page


def _fresh(at: datetime, now: datetime) -> bool:
    return timedelta() <= now - at < timedelta(seconds=SECONDS)
