"""Let a caller in: its key, its place, its clock, and that the hello is not an old one.

The welcome leaves only after the record of the session is durable, as with calls.
"""

from datetime import datetime

from openehc.crypto.remote.calls import MessageBroken
from openehc.crypto.remote.handshake import Greeting, HandshakeFailed, read_hello, say_welcome
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import PlatformError
from openehc.proxy.allow_list import AllowList
from openehc.proxy.model import Address, Caller, Denial, Reason
from openehc.proxy.ports import SessionRecorder
from openehc.proxy.rules import denial_of_caller, timely
from openehc.proxy.sessions import LIFETIME_SECONDS, Sessions


class OpenSession:
    """The use case; opens sessions of one worker."""

    def __init__(
        self, key: Sm2PrivateKey, *, allow_list: AllowList, sessions: Sessions, clock: Clock,
        entropy: Entropy, recorder: SessionRecorder,
    ) -> None:  # fmt: skip
        """`key` is what callers know the proxy by."""
        self._key = key
        self._allow_list = allow_list
        self._sessions = sessions
        self._clock = clock
        self._entropy = entropy
        self._recorder = recorder

    async def __call__(self, wire: bytes, *, source: Address) -> bytes | Denial:
        """The welcome, or why there is none; the order is part of the protection."""
        now = self._clock.now()
        # 1. what costs nothing: shape, allow-list, address, clock
        known = self._known(wire, source, now)
        if isinstance(known, Denial):
            return known
        greeting, caller = known
        # 2. the caller's signature, for this very proxy
        try:
            greeting.check(caller.key, proxy=self._key.public)
        except HandshakeFailed:
            return Denial(Reason.SIGNATURE_WRONG, caller.name)
        # 3. only a signed hello is remembered: others could fill the memory
        if not self._sessions.first_hello(caller.fingerprint + greeting.hello.nonce, now=now):
            return Denial(Reason.HELLO_REPEATED, caller.name)
        # 4. a secret for the caller's fresh key
        try:
            welcome, opened = say_welcome(
                greeting, proxy=self._key, lifetime=LIFETIME_SECONDS, entropy=self._entropy
            )
        except HandshakeFailed as failed:
            return Denial(Reason.MALFORMED, caller.name, str(failed))
        # 5. the record, and only then the session
        try:
            await self._recorder.opened(caller.name, source=source, at=now)
        except PlatformError as failure:
            return Denial(Reason.NOT_RECORDED, caller.name, str(failure))
        self._sessions.open(opened.keys, caller=caller.fingerprint, now=self._clock.now())
        return welcome

    def _known(
        self, wire: bytes, source: Address, now: datetime
    ) -> tuple[Greeting, Caller] | Denial:
        try:
            greeting = read_hello(wire)
        except MessageBroken as broken:
            return Denial(Reason.MALFORMED, detail=str(broken))
        caller = self._allow_list.caller(greeting.hello.caller)
        if denial := denial_of_caller(caller, source=source):
            return denial
        assert caller is not None  # noqa: S101 (the rule denies None)
        if not timely(greeting.at, now=now):
            return Denial(Reason.CLOCK_WRONG, caller.name, f"the caller's clock: {greeting.at}")
        return greeting, caller
