"""An event loop whose clock leaps to the next timer: seconds of waiting pass at once.

For parts that wait on nothing but timers and each other. Whoever waits for a socket would
wait in vain, since nothing comes from outside while the clock leaps.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_RESOLUTION = 1e-9
"""Seconds that a timer may come late, so that sums of seconds never end just before one."""


class _Leaping(selectors.DefaultSelector):
    """Passes no time in `select`, and counts what would have passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits, and no timer is set")
        if timeout > 0:
            self.passed += timeout + _RESOLUTION
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its clock begins at 0; `stand_still` is what a process without a processor feels."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.passed

    def stand_still(self, seconds: float) -> None:
        """Let time pass without a look at timers."""
        self._leaping.passed += seconds


def in_leaps(story: Coroutine[Any, Any, T]) -> T:
    """What the story returns, run on a loop of its own."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(story)
