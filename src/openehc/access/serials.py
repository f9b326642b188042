"""Serial numbers of applications (out_*_no): each works once per application and method.

A number is used up by the request that succeeds; a refused request leaves it free,
so that a corrected message can be sent again under it. In the database the claim is
part of the statement that saves the work itself (see the stores of cards and codes):
the lock tells a number that is being worked on (3003), the table one that was used
(3002). Here: the key of a claim, and the numbers that this process works on now.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, unique
from types import TracebackType
from typing import Final, Self

import msgspec

from openehc.crypto.sm3 import sm3
from openehc.kernel.refusal import Reason, Refusal

_KEY_DIGITS: Final = 32
_LOCK_DIGITS: Final = 16
_MOST_LEADING: Final = 18  # digits that a bigint holds
_NO_DIGIT: Final = re.compile(r"[^0-9]+")


@unique
class Claim(Enum):
    """What became of the attempt to use a serial number."""

    USED = "used"
    REPEATED = "repeated"
    IN_FLIGHT = "in flight"


class SerialKey(msgspec.Struct, frozen=True, gc=False):
    """The identity of one number of one application for one method: 128 bits in hex.

    `lead` says where it is kept: numbers are given out in order, most begin with a date, so
    those of one time lie beside each other however many there were before.
    """

    value: str
    lead: int

    @property
    def lock(self) -> int:
        """The number of the advisory lock: the first 64 bits, signed."""
        return int.from_bytes(bytes.fromhex(self.value[:_LOCK_DIGITS]), "big", signed=True)


def serial_key(app_id: str, method: str, serial: str) -> SerialKey:
    """The key: 128 bits of SM3 over the three, and the first 18 digits of the number."""
    value = sm3(f"{app_id}\x00{method}\x00{serial}".encode()).hex()[:_KEY_DIGITS]
    return SerialKey(value, int(_NO_DIGIT.sub("", serial)[:_MOST_LEADING] or "0"))


def claim_of(*, free: bool, claimed: bool) -> Claim:
    """Read the two answers of the database."""
    if claimed:
        return Claim.USED
    return Claim.REPEATED if free else Claim.IN_FLIGHT


def refusal_of(claim: Claim) -> Refusal | None:
    """How a claim that did not succeed is answered."""
    if claim is Claim.USED:
        return None
    if claim is Claim.REPEATED:
        return Refusal(Reason.SERIAL_REPEATED)
    return Refusal(Reason.SERIAL_IN_FLIGHT)


@dataclass(slots=True)
class InFlight:
    """The serial numbers on which this process works at the moment."""

    keys: set[str] = field(default_factory=set)

    def enter(self, key: SerialKey) -> "Occupied | None":
        """Hold the number until the block ends; None when it is held already."""
        if key.value in self.keys:
            return None
        self.keys.add(key.value)
        return Occupied(self.keys, key.value)


class Occupied(msgspec.Struct):
    """A held number; leaving the block lets it go."""

    keys: set[str]
    value: str

    def __enter__(self) -> Self:
        """Hold."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self.keys.discard(self.value)
