"""Which crypto machine takes the next call, and how a sick one comes and goes; pure.

Nothing is sent here and no clock is read: moments are seconds of one monotonic clock.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class EjectionRules:
    """After how many failures in a row a machine is left alone, and for how many seconds.

    Each further ejection without a good call in between doubles the pause, up to
    `longest_pause`; up to `longest_alone` while no other machine serves, since then every
    call fails until this one is asked again.
    """

    failures: int = 3
    first_pause: float = 0.5
    longest_pause: float = 10.0
    longest_alone: float = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a machine did lately; `ejected_until` is None while it serves."""

    failures: int = 0
    ejections: int = 0
    ejected_until: float | None = None

    @property
    def serves(self) -> bool:
        """Whether it takes calls."""
        return self.ejected_until is None


HEALTHY: Final = Standing()


def after_success(standing: Standing) -> Standing:
    """A call was answered: its past is forgotten, unless it was ejected meanwhile."""
    return HEALTHY if standing.serves else standing


def after_failure(standing: Standing, *, now: float, rules: EjectionRules) -> Standing:
    """A call was not answered well; a serving machine is ejected after enough of them.

    Calls that were under way when it was ejected do not lengthen the pause.
    """
    if not standing.serves:
        return standing
    failures = standing.failures + 1
    if failures < rules.failures:
        return replace(standing, failures=failures)
    return _ejected(standing.ejections + 1, now=now, rules=rules)


def after_good_heartbeat(standing: Standing) -> Standing:
    """It serves again; the next pause is the longer one until a call has been answered.

    A machine that answers heartbeats and no calls would otherwise come back each time.
    """
    return Standing(ejections=standing.ejections)


def after_failed_probe(standing: Standing, *, now: float, rules: EjectionRules) -> Standing:
    """An ejected machine did not answer the heartbeat either: a longer pause."""
    return _ejected(standing.ejections + 1, now=now, rules=rules)


def hurried(standing: Standing, *, now: float, rules: EjectionRules) -> Standing:
    """No other machine serves: an ejected one is asked again within `longest_alone`."""
    if standing.ejected_until is None:
        return standing
    soon = min(standing.ejected_until, now + rules.longest_alone)
    return replace(standing, ejected_until=soon)


def _ejected(ejections: int, *, now: float, rules: EjectionRules) -> Standing:
    doublings = min(ejections - 1, 32)  # 2.0 ** 1100 would overflow
    pause = min(rules.first_pause * 2.0**doublings, rules.longest_pause)
    return Standing(ejections=ejections, ejected_until=now + pause)


class Candidate(Protocol):
    """A machine as the choice sees it: `last_chosen` counts up over all machines."""

    @property
    def number(self) -> int:
        """Which one it is."""

    @property
    def standing(self) -> Standing:
        """How it did lately."""

    @property
    def outstanding(self) -> int:
        """How many calls it has not answered yet."""

    @property
    def last_chosen(self) -> int:
        """When it was chosen last; 0 for never."""


Chosen = TypeVar("Chosen", bound=Candidate)


def chosen(candidates: Iterable[Chosen], *, tried: AbstractSet[int]) -> Chosen | None:
    """The serving machine with the fewest outstanding calls; the longest unused of equals.

    None when every serving machine was tried.
    """
    fit = [one for one in candidates if one.standing.serves and one.number not in tried]
    return min(fit, key=lambda one: (one.outstanding, one.last_chosen), default=None)
