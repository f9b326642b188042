"""A caller's session on a connection of its own, made when needed and again when lost.

The session lives as long as the connection: the proxy's worker that holds its keys is the
one at the other end. All calls are pure, so a message that got no answer is sent once more,
under a new counter: here where `Patience.again` says so, by another proxy's lane otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from openehc.crypto.module.group import MemberRefused
from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.remote.calls import (
    Answer,
    MessageBroken,
    Question,
    read_answers,
    written,
)
from openehc.crypto.remote.connection import (
    CALLS_PATH,
    SESSION_PATH,
    HttpAnswer,
    ProxyAddress,
    ProxyConnection,
    ProxyUnreachable,
    connected,
)
from openehc.crypto.remote.handshake import HandshakeFailed, say_hello
from openehc.crypto.remote.session import SessionKeys
from openehc.crypto.sm2 import Sm2PrivateKey, Sm2PublicKey
from openehc.crypto.sm4 import SealBroken
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import CryptoModuleDown

_OK: Final = 200
_NO_SESSION: Final = 401
_REASONS: Final = {
    403: "the front proxy refuses this node: its log says why",
    413: "the message is too large for the front proxy",
    503: "the front proxy cannot serve at the moment: its log says why",
}
_ATTEMPTS: Final = 2


class ProxyRefused(MemberRefused):
    """The front proxy answered, and refused; or it is not the one that was expected."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who calls whom: the caller's key pair, the proxy's place and its public key."""

    address: ProxyAddress
    proxy: Sm2PublicKey
    key: Sm2PrivateKey = field(repr=False)


class SessionLost(CryptoModuleDown):
    """The proxy does not know the session any more; a new one helps."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for a connection, and for an answer to one message.

    `again` is the trouble after which the same proxy is asked once more, `hedging` when
    another proxy is asked as well.
    """

    connect: float = 1.0
    answer: float = 5.0
    again: tuple[type[CryptoModuleDown], ...] = (ProxyUnreachable, SessionLost)
    hedging: HedgeRules = field(default_factory=HedgeRules)

    @property
    def whole(self) -> float:
        """Seconds for a message with all its attempts."""
        return _ATTEMPTS * (self.connect + self.answer)


class Lane:
    """One session; used by one task at a time."""

    __slots__ = ("_clock", "_connection", "_counter", "_entropy", "_keys", "_party", "_patience")

    def __init__(self, party: Party, *, patience: Patience, clock: Clock, entropy: Entropy) -> None:
        """Nothing is connected before the first message."""
        self._party: Final = party
        self._patience: Final = patience
        self._clock: Final = clock
        self._entropy: Final = entropy
        self._connection: ProxyConnection | None = None
        self._keys: SessionKeys | None = None
        self._counter = 0

    async def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in order; raises `CryptoModuleDown` by its kinds."""
        body = written(questions)
        for attempt in range(_ATTEMPTS):
            try:
                return await self._ask_once(body, count=len(questions))
            except self._patience.again:
                self.close()
                if attempt + 1 == _ATTEMPTS:
                    raise
        raise AssertionError  # the last attempt returned or raised

    def close(self) -> None:
        """Drop the connection, and the session with it."""
        if self._connection is not None:
            self._connection.drop()
        self._connection = self._keys = None

    async def _ask_once(self, body: bytes, *, count: int) -> list[Answer]:
        connection, keys = await self._session()
        self._counter += 1
        message = keys.sealed_message(body, counter=self._counter, at=self._clock.now())
        answer = await connection.post(CALLS_PATH, message, seconds=self._patience.answer)
        if answer.status == _NO_SESSION:
            raise SessionLost("the session with the front proxy is over")
        _require_ok(answer)
        try:
            return read_answers(keys.opened_answer(answer.body, to=message), count=count)
        except (SealBroken, MessageBroken) as broken:
            self.close()
            raise ProxyRefused(f"the front proxy's answer is broken: {broken}") from None

    async def _session(self) -> tuple[ProxyConnection, SessionKeys]:
        connection = self._connection
        if connection is not None and connection.open and self._keys is not None:
            return connection, self._keys
        self.close()
        party = self._party
        connection = await connected(party.address, seconds=self._patience.connect)
        self._connection = connection
        opening = say_hello(
            party.key, proxy=party.proxy, now=self._clock.now(), entropy=self._entropy
        )
        answer = await connection.post(SESSION_PATH, opening.wire, seconds=self._patience.answer)
        _require_ok(answer)
        try:
            self._keys = opening.complete(answer.body).keys
        except (HandshakeFailed, MessageBroken) as failed:
            self.close()
            raise ProxyRefused(str(failed)) from None
        self._counter = 0
        return connection, self._keys


def _require_ok(answer: HttpAnswer) -> None:
    if answer.status != _OK:
        told = _REASONS.get(answer.status, f"the front proxy answered with status {answer.status}")
        raise ProxyRefused(told)
