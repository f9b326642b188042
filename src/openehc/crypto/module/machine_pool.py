"""One crypto machine: its connections, how many calls it bears at once, how it does.

Which machine takes a call, and what follows from a failure, `group.py` decides.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final, TypeVar

from openehc.crypto.module.balancing import EjectionRules
from openehc.crypto.module.frames import (
    HEARTBEAT,
    Dialect,
    MachineRefused,
    Request,
)
from openehc.crypto.module.group import Member, MemberAway
from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.module.machine_connection import (
    ConnectionGone,
    MachineConnection,
    MachineDown,
    connected,
)
from openehc.kernel.refusal import CryptoModuleDown

T = TypeVar("T")

DEFAULT_PORT: Final = 8018


@dataclass(frozen=True, slots=True, order=True)
class MachineAddress:
    """Where a crypto machine listens."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        """As the setting has it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """How machines are spoken to; raises ValueError.

    `connections` and `waiting` are per machine: calls at once, and calls that may wait
    for one of those to end. `connect_seconds` and `call_seconds` bound one attempt,
    `answer_seconds` a call with all its attempts and its waiting. A connection that
    brought no reply for `heartbeat_seconds` gets a heartbeat.
    """

    dialect: Dialect = field(default_factory=Dialect)
    connections: int = 8
    waiting: int = 1024
    connect_seconds: float = 1.0
    call_seconds: float = 1.0
    answer_seconds: float = 3.0
    heartbeat_seconds: float = 15.0
    longest_reply: int = 4096
    ejection: EjectionRules = field(default_factory=EjectionRules)
    hedging: HedgeRules = field(default_factory=HedgeRules)

    def __post_init__(self) -> None:
        """Refuse settings under which no call could be made."""
        if self.connections < 1 or self.waiting < 0:
            raise ValueError("a machine needs one connection at least, and no negative queue")
        seconds = (
            self.connect_seconds,
            self.call_seconds,
            self.answer_seconds,
            self.heartbeat_seconds,
        )
        if min(seconds) <= 0:
            raise ValueError("the times of a machine's settings are positive")


class Machine(Member):
    """A crypto machine and the connections to it; belongs to one event loop."""

    def __init__(self, address: MachineAddress, *, number: int, settings: MachineSettings) -> None:
        """Nothing is connected before the first call."""
        super().__init__(number=number)
        self.address: Final = address
        self.answered = 0
        self._settings: Final = settings
        self._permits: Final = asyncio.Semaphore(settings.connections)
        self._idle: deque[MachineConnection] = deque()  # the longest unused one stands left
        self._leaving = False

    @property
    def full(self) -> bool:
        """Whether no further call may wait for it."""
        return self.outstanding >= self._settings.connections + self._settings.waiting

    async def ask(self, request: Request[T]) -> T:
        """What the reply tells; raises `CryptoModuleDown`, `MemberAway` among them."""
        self.outstanding += 1
        try:
            async with self._permits:
                if self._leaving or not self.standing.serves:
                    raise MemberAway("the crypto machine was taken out of service")
                result = await self._exchange(request)
        finally:
            self.outstanding -= 1
        self.answered += 1
        return result

    async def heartbeat(self) -> None:
        """Make the longest unused connection prove itself, or a new one; raises as `ask`."""
        async with self._permits:
            if self._leaving:
                raise MemberAway("the crypto machine was taken out of service")
            connection = self._idle.popleft() if self._idle else None
            if connection is None or not connection.open:
                connection = await self._connected()
            await self._exchange_on(connection, HEARTBEAT)

    def heartbeat_in(self, *, now: float) -> float:
        """Seconds until the longest unused connection wants a heartbeat, not negative."""
        rest = self._settings.heartbeat_seconds
        return max(self._idle[0].used_at + rest - now, 0.0) if self._idle else rest

    @property
    def idle(self) -> bool:
        """Whether a connection lies unused, or none was needed."""
        return bool(self._idle) or not self.outstanding

    def drop_idle(self) -> None:
        """Close the connections that no call uses."""
        while self._idle:
            self._idle.pop().drop()

    async def leave(self) -> None:
        """Take no further call, let those under way end, close; takes `call_seconds` at most."""
        self._leaving = True
        for _ in range(self._settings.connections):
            await self._permits.acquire()
        for _ in range(self._settings.connections):  # for those who still wait, in vain
            self._permits.release()
        self.drop_idle()

    async def _exchange(self, request: Request[T]) -> T:
        connection = self._reusable()
        if connection is not None:
            try:
                return await self._exchange_on(connection, request)
            except ConnectionGone:
                pass  # closed while it lay idle, which says nothing about the machine
        return await self._exchange_on(await self._connected(), request)

    async def _exchange_on(self, connection: MachineConnection, request: Request[T]) -> T:
        seconds = self._settings.call_seconds
        try:
            async with asyncio.timeout(seconds):
                reply = await connection.exchange(request.wire)
        except TimeoutError:
            raise MachineDown(f"a crypto machine gave no answer within {seconds} s") from None
        try:
            result = request.result_of(reply)
        except MachineRefused:
            self._keep(connection)  # a no is an answer: the order is not in doubt
            raise
        except CryptoModuleDown:
            connection.drop()
            raise
        self._keep(connection)
        return result

    def _keep(self, connection: MachineConnection) -> None:
        if not connection.open or self._leaving:
            connection.drop()
        else:
            self._idle.append(connection)

    def _reusable(self) -> MachineConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def _connected(self) -> MachineConnection:
        return await connected(
            self.address.host,
            port=self.address.port,
            seconds=self._settings.connect_seconds,
            longest_reply=self._settings.longest_reply,
        )
