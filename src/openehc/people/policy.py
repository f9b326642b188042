"""The sign-in policy: parameters that the security administrator sets, within bounds.

The bounds are those of the documents where these name figures (材料二 附录A 5.3.1: 8
characters, 90 days, 10 minutes). Reads and writes nothing.
"""

from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from enum import StrEnum, unique
from typing import Any, Final

from openehc.kernel.refusal import Fault


@unique
class SecondFactor(StrEnum):
    """Who needs two ways of proof on a real node (材料一 9.4)."""

    EVERYONE = "everyone"
    ADMINISTRATORS = "administrators"


BOUNDS: Final = {
    "password_length": (8, 64),
    "password_days": (1, 90),
    "reminder_days": (1, 30),
    "former_passwords": (3, 24),
    "lock_after": (3, 10),
    "lock_minutes": (5, 1440),
    "address_failures": (10, 1000),
    "idle_minutes": (1, 30),
    "session_hours": (1, 24),
    "fresh_minutes": (1, 30),
    "administrator_sessions": (1, 3),
    "other_sessions": (1, 10),
    "unused_days": (7, 365),
}
"""Smallest and largest value of each figure; the table's checks repeat them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How people sign in and how long they stay.

    `address_failures` are failed tries from one address within `lock_minutes`;
    `administrator_sessions` is for each of the three administrators. `one_address` ends a session
    that is presented from another address; switch it off for people in mobile networks.
    """

    password_length: int = 8
    password_days: int = 90
    reminder_days: int = 7
    former_passwords: int = 5
    lock_after: int = 5
    lock_minutes: int = 15
    address_failures: int = 30
    idle_minutes: int = 10
    session_hours: int = 12
    fresh_minutes: int = 5
    administrator_sessions: int = 1
    other_sessions: int = 3
    unused_days: int = 90
    second_factor: SecondFactor = SecondFactor.EVERYONE
    one_address: bool = True
    revision: int = 1

    @property
    def lock(self) -> timedelta:
        """How long failures count and a lock-out lasts."""
        return timedelta(minutes=self.lock_minutes)

    @property
    def idle(self) -> timedelta:
        """How long a session lives unused."""
        return timedelta(minutes=self.idle_minutes)

    @property
    def longest(self) -> timedelta:
        """How long a session lives at all."""
        return timedelta(hours=self.session_hours)

    def told(self) -> dict[str, Any]:
        """The parameters by name, for answers and audit records."""
        return asdict(self)


COLUMNS: Final = tuple(field.name for field in fields(Policy))


def policy_faults(policy: Policy) -> tuple[Fault, ...]:
    """Figures outside their bounds."""
    return tuple(
        Fault(name, f"取值范围：{low}至{high}", f"between {low} and {high}")
        for name, (low, high) in BOUNDS.items()
        if not low <= getattr(policy, name) <= high
    )
