"""Time: UTC inside, +08:00 on the wire (材料三 附录A 3.2).

Rules take the time as an argument; only the edges hold a `Clock`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, Protocol

CHINA: Final = timezone(timedelta(hours=8), "CST")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(slots=True)
class SetClock:
    """A clock that stands where it was put; for simulations and tests."""

    moment: datetime

    def now(self) -> datetime:
        """The moment at which the clock was put."""
        return self.moment

    def advance(self, *, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self.moment += timedelta(seconds=seconds)


def wire_time(moment: datetime) -> str:
    """`moment` as yyyyMMddHHmmss in +08:00, 14 digits."""
    return _wire_second((moment - _EPOCH) // _SECOND)


@lru_cache(maxsize=256)
def _wire_second(second: int) -> str:
    """Kept, since all the messages of a second carry the same text."""
    return (_EPOCH + second * _SECOND).astimezone(CHINA).strftime("%Y%m%d%H%M%S")


def china_day(moment: datetime) -> date:
    """The calendar day in +08:00: days of the figures run from midnight there (附录E 6.2)."""
    return moment.astimezone(CHINA).date()


@lru_cache(maxsize=1024)
def parse_wire_time(text: str) -> datetime | None:
    """The moment that yyyyMMddHHmmss in +08:00 names, in UTC; None when impossible."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):  # noqa: PLR2004 (the format's length)
        return None
    try:
        local = datetime(
            int(text[:4]), int(text[4:6]), int(text[6:8]),
            int(text[8:10]), int(text[10:12]), int(text[12:14]), tzinfo=CHINA,
        )  # fmt: skip
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
