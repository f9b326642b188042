"""The keys of one session between a caller and the front proxy, and messages under them.

SM4-GCM, one key for each direction. A nonce is the direction and a counter that grows with
every message, so that none is used twice; an answer is bound to the message that it answers.

    message   session (16) | time, ms since 1970 (8) | nonce (12) | ciphertext | tag (16)
    answer    nonce (12) | ciphertext | tag (16)

Whether a counter or a time is acceptable, the proxy decides.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from openehc.crypto.remote.calls import MessageBroken
from openehc.crypto.sm3 import hmac_sm3
from openehc.crypto.sm4 import KEY_SIZE, NONCE_SIZE, TAG_SIZE, GcmCipher, SealBroken

SESSION_SIZE: Final = 16
_TIME_SIZE: Final = 8
_COUNTER_SIZE: Final = 8
_HEAD_SIZE: Final = SESSION_SIZE + _TIME_SIZE
_BOUND_SIZE: Final = _HEAD_SIZE + NONCE_SIZE
_MESSAGE: Final = b"call"
_ANSWER: Final = b"answ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_MILLISECOND: Final = 253_402_300_799_999  # the last of year 9999


def in_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970; `moment` is aware."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(count: int) -> datetime:
    """The moment, in UTC; raises `MessageBroken` for one past year 9999."""
    if not 0 <= count <= _LAST_MILLISECOND:
        raise MessageBroken("the time lies outside the calendar")
    return _EPOCH + count * _MILLISECOND


@dataclass(frozen=True, slots=True)
class Head:
    """What stands readable before a message; proves nothing before the message was opened."""

    session: bytes
    at: datetime
    counter: int

    @classmethod
    def of(cls, message: bytes) -> Self:
        """The head of a whole message; raises `MessageBroken`."""
        if len(message) <= _BOUND_SIZE + TAG_SIZE or message[_HEAD_SIZE:][:4] != _MESSAGE:
            raise MessageBroken("no message of a session")
        at = int.from_bytes(message[SESSION_SIZE:_HEAD_SIZE], "big")
        counter = int.from_bytes(message[_BOUND_SIZE - _COUNTER_SIZE : _BOUND_SIZE], "big")
        return cls(message[:SESSION_SIZE], from_milliseconds(at), counter)


class SessionKeys:
    """Both keys of one session; shows neither."""

    __slots__ = ("_to_caller", "_to_proxy", "session")

    def __init__(self, secret: bytes, *, session: bytes, transcript: bytes) -> None:
        """Derive from a shared secret and everything that was said while it was agreed."""
        self.session: Final = session
        self._to_proxy = GcmCipher(hmac_sm3(secret, b"caller to proxy" + transcript)[:KEY_SIZE])
        self._to_caller = GcmCipher(hmac_sm3(secret, b"proxy to caller" + transcript)[:KEY_SIZE])

    def sealed_message(self, body: bytes, *, counter: int, at: datetime) -> bytes:
        """What a caller sends; no counter is used twice."""
        head = self.session + in_milliseconds(at).to_bytes(_TIME_SIZE, "big")
        nonce = _MESSAGE + counter.to_bytes(_COUNTER_SIZE, "big")
        return head + self._to_proxy.seal(body, aad=head, nonce=nonce)

    def opened_message(self, message: bytes) -> bytes:
        """What the caller meant; raises `SealBroken`."""
        return self._to_proxy.open(message[_HEAD_SIZE:], aad=message[:_HEAD_SIZE])

    def sealed_answer(self, body: bytes, *, to: bytes) -> bytes:
        """The one answer to the message `to`."""
        nonce = _ANSWER + to[_BOUND_SIZE - _COUNTER_SIZE : _BOUND_SIZE]
        return self._to_caller.seal(body, aad=to[:_BOUND_SIZE], nonce=nonce)

    def opened_answer(self, answer: bytes, *, to: bytes) -> bytes:
        """What the proxy answered to the message `to`; raises `SealBroken`."""
        if answer[:NONCE_SIZE] != _ANSWER + to[_BOUND_SIZE - _COUNTER_SIZE : _BOUND_SIZE]:
            raise SealBroken("the answer belongs to another message")
        return self._to_caller.open(answer, aad=to[:_BOUND_SIZE])

    def __repr__(self) -> str:
        """Nothing of the keys."""
        return "SessionKeys(***)"
