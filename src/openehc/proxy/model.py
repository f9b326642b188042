"""Callers of the front proxy, records of calls, and why a message is not answered.

Decides nothing and reads nothing. A record holds no data of a call, only that it was made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, unique
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.handshake import fingerprint
from openehc.crypto.sm2 import Sm2PublicKey

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALL_CALLS: Final = frozenset(Call)


@dataclass(frozen=True, slots=True)
class Caller:
    """A component on the allow-list: its key, what it may call, and from where.

    `revoked_at` is None while it may call. It is known by the SM3 of its key.
    """

    name: str
    key: Sm2PublicKey
    calls: frozenset[Call]
    networks: tuple[Network, ...]
    allowed_at: datetime
    revoked_at: datetime | None = None
    fingerprint: bytes = field(init=False, compare=False, default=b"")

    def __post_init__(self) -> None:
        """Compute the fingerprint once."""
        object.__setattr__(self, "fingerprint", fingerprint(self.key))


@unique
class Result(StrEnum):
    """How a call ended, as the record says it."""

    OK = "ok"
    NOTHING = "nothing"
    """An EHCID or a VALID that does not open under these keys."""
    UNFIT = "unfit"
    NOT_PERMITTED = "not permitted"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call: who made it from where, what was called, which machine, how it ended, when."""

    caller: str
    source: str
    call: Call
    machine: str
    result: Result
    at: datetime


@unique
class Reason(Enum):
    """Why a message is not answered at all; the caller learns only the status."""

    MALFORMED = "the message is malformed"
    TOO_LARGE = "the message is too large"
    CALLER_UNKNOWN = "no caller of this key is on the allow-list"
    CALLER_REVOKED = "the caller was revoked"
    SOURCE_WRONG = "the caller may not call from this address"
    CLOCK_WRONG = "the caller's clock and ours differ by more than a minute"
    SIGNATURE_WRONG = "the caller does not hold the key"
    HELLO_REPEATED = "this hello was used before"
    SESSION_UNKNOWN = "no such session here, or it is over"
    SEAL_BROKEN = "the message was changed on its way"
    REPLAYED = "a message with this or a later counter came before"
    NOT_READY = "the allow-list is not loaded"
    NOT_RECORDED = "it cannot be recorded, so it is not answered"


@dataclass(frozen=True, slots=True)
class Denial:
    """A decided no, with whom it met as far as that is known."""

    reason: Reason
    caller: str = ""
    detail: str = ""


STATUS: Final[Mapping[Reason, int]] = {
    Reason.MALFORMED: 400,
    Reason.TOO_LARGE: 413,
    Reason.SESSION_UNKNOWN: 401,
    Reason.NOT_READY: 503,
    Reason.NOT_RECORDED: 503,
}
"""HTTP statuses; every other reason is a plain 403, which tells a stranger nothing."""
