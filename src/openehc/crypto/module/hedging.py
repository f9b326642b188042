"""A request that waits too long for one member is given to another as well; first answer wins.

Whoever asks computes nothing in a task of its own: the first attempt runs in the caller's
task, and one timer for all requests starts a second attempt, in a task, where it is due.
The attempt that lost is cancelled, and a cancelled attempt drops its connection, so that its
late answer is nobody's. Which member is asked, `group.py` decides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, Protocol

from openehc.kernel.refusal import CryptoModuleDown

_STALL: Final = 0.05
"""Seconds by which the timer may be late. Later means that this process itself stood still:
answers may lie unread, and another attempt would only add to its load."""
_AGAIN: Final = 0.05
"""Seconds until a request that may not be given on now is looked at again."""


@dataclass(frozen=True, slots=True)
class HedgeRules:
    """After how many seconds another member is asked as well, and how often that may be.

    Each answered request earns `share` of a second attempt, and at most `saved` are kept for
    the moment when a member hangs: a group that is slow as a whole gets no more than that on
    top of its load. Raises ValueError.
    """

    seconds: float = 0.3
    share: float = 0.1
    saved: float = 16.0

    def __post_init__(self) -> None:
        """Refuse what would double every request."""
        if self.seconds <= 0 or not 0 <= self.share < 1 or self.saved < 1:
            raise ValueError(
                "hedging waits, is for less than every request, and saves one at least"
            )


class Budget:
    """How many second attempts may be made."""

    __slots__ = ("_left", "_rules")

    def __init__(self, rules: HedgeRules) -> None:
        """All that can be saved is there at the start."""
        self._rules: Final = rules
        self._left = rules.saved

    def earn(self) -> None:
        """A request was answered."""
        rules = self._rules
        if self._left < rules.saved:
            self._left = min(self._left + rules.share, rules.saved)

    def take(self) -> bool:
        """Whether a second attempt may be made; it is then counted."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Asked(Protocol):
    """A member, as much of it as matters here."""

    @property
    def serves(self) -> bool:
        """Whether it takes requests, and is not left alone."""


@dataclass(slots=True, eq=False)
class Errand:
    """One request on its way through the group; all attempts at it share this."""

    request: Any
    note: Callable[[Any], None]
    tried: set[int] = field(default_factory=set)
    at: Asked | None = None
    """The member that was asked last."""
    due: float = 0.0
    """When another one is asked as well, on the event loop's clock."""
    refusing: list[Any] = field(default_factory=list)
    """Who answered with a no, and the no."""
    settled: bool = False
    """Whether an attempt brought an answer; the others are late."""
    answer: Any = None
    """What another attempt than the first one brought."""
    first: "asyncio.Task[Any] | None" = None
    """Whose request it is: the first attempt runs in that task."""
    others: "tuple[asyncio.Task[None], ...]" = ()


class Hedging:
    """The requests of one group that are under way; belongs to one event loop."""

    def __init__(
        self,
        rules: HedgeRules,
        *,
        attempt: Callable[[Errand], Awaitable[Any]],
        another: Callable[[Errand], bool],
    ) -> None:
        """`attempt` asks member after member; `another` tells whether one is left to ask."""
        self._rules: Final = rules
        self._attempt: Final = attempt
        self._another: Final = another
        self._budget: Final = Budget(rules)
        self._waiting: dict[Errand, None] = {}  # who is due first stands first
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def first_answer(self, errand: Errand) -> Any:  # noqa: ANN401 (see `Group`)
        """What the quickest attempt brings; raises what the first one raises when all fail."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a coroutine runs in a task)
        errand.first, cancels = task, task.cancelling()
        self._enter(errand)
        try:
            return await self._first_attempt(errand)
        except asyncio.CancelledError:
            # Another attempt that succeeds cancels this task, as `asyncio.timeout` would. A
            # cancellation on top of that comes from elsewhere and is not ours to stop.
            if not errand.settled or task.uncancel() > cancels:
                raise
            return errand.answer
        finally:
            self._waiting.pop(errand, None)
            for other in errand.others:
                other.cancel()

    async def close(self) -> None:
        """Let what was cancelled end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _first_attempt(self, errand: Errand) -> Any:  # noqa: ANN401 (see `Group`)
        try:
            answer = await self._attempt(errand)
        except CryptoModuleDown:
            # Nobody is left to ask, and whoever was asked as well may still answer.
            while under_way := [other for other in errand.others if not other.done()]:
                await asyncio.wait(under_way)
            raise
        errand.settled = True
        self._budget.earn()
        return answer

    async def _other_attempt(self, errand: Errand) -> None:
        try:
            answer = await self._attempt(errand)
        except CryptoModuleDown:
            return  # the first attempt tells, if it fails as well
        if errand.first is not None and errand in self._waiting and not errand.settled:
            errand.settled, errand.answer = True, answer
            self._budget.earn()
            errand.first.cancel()

    def _enter(self, errand: Errand) -> None:
        errand.due = asyncio.get_running_loop().time() + self._rules.seconds
        self._waiting[errand] = None
        if self._timer is None:
            self._look_at(errand.due)

    def _look_at(self, moment: float) -> None:
        self._timer_at = moment
        self._timer = asyncio.get_running_loop().call_at(moment, self._look)

    def _look(self) -> None:
        """Give on what is due; called again while anybody waits."""
        # a timer may come a little early, within the resolution of the clock
        now = max(asyncio.get_running_loop().time(), self._timer_at)
        if now > self._timer_at + _STALL:
            self._look_at(now + _STALL)
            return
        for errand in tuple(takewhile(lambda one: one.due <= now, self._waiting)):
            if not self._another(errand):
                self._put_off(errand, now=now)
            elif _is_left_alone(errand.at) or self._budget.take():
                self._put_off(errand, now=now)
                self._give_on(errand)
        self._timer = None
        for errand in self._waiting:
            self._look_at(errand.due if errand.due > now else now + _AGAIN)
            break

    def _put_off(self, errand: Errand, *, now: float) -> None:
        del self._waiting[errand]
        errand.due = now + self._rules.seconds
        self._waiting[errand] = None

    def _give_on(self, errand: Errand) -> None:
        task = asyncio.get_running_loop().create_task(self._other_attempt(errand), name="hedge")
        errand.others += (task,)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_left_alone(member: Asked | None) -> bool:
    """Whether a request waits for a member out of service; giving it on spends no budget.

    Such a member has no other work that could be doubled, and is bound to be late.
    """
    return member is not None and not member.serves
