"""The front proxy in this process, behind a real HTTP server, over any crypto module.

Its allow-list and its records are in memory; its clock is the caller's to move.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Final, cast

import uvicorn

from openehc.audit.model import AuditEvent
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.remote.lane import Party, Patience
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.gateway.proxy_door import ProxyDoor
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import DatabaseDown
from openehc.proxy.allow_list import AllowList
from openehc.proxy.answer_calls import AnswerCalls
from openehc.proxy.model import ALL_CALLS, Caller, CallRecord
from openehc.proxy.open_session import OpenSession
from openehc.proxy.record_calls import Trail
from openehc.proxy.record_refusals import RecordRefusals
from openehc.proxy.record_sessions import RecordSessions
from openehc.proxy.sessions import Sessions
from openehc.wiring.proxy_node import computing_with
from openehc.wiring.tls import ContextFactory

ALLOWED_AT: Final = datetime(2026, 3, 1, tzinfo=UTC)
HERE: Final = ("127.0.0.0/8", "::1/128")
PATIENT: Final = Patience(connect=60.0, answer=60.0)
"""For callers in tests of something else than patience: the machine may be busy."""


@dataclass(slots=True)
class KeptRecords:
    """`CallRecorder` in memory; `down` makes it fail."""

    records: list[CallRecord] = field(default_factory=list)
    down: bool = False

    async def record(self, records: Sequence[CallRecord]) -> None:
        if self.down:
            raise DatabaseDown("the database is away")
        self.records += records


@dataclass(slots=True)
class KeptTrail:
    """The audit trail of sessions and refusals in memory; `down` makes it fail."""

    events: list[AuditEvent] = field(default_factory=list)
    down: bool = False

    async def record(self, event: AuditEvent) -> None:
        if self.down:
            raise DatabaseDown("the database is away")
        self.events.append(event)

    def of(self, action: str) -> list[AuditEvent]:
        return [event for event in self.events if event.action == action]


@dataclass(slots=True)
class FrontProxy:
    """A running proxy; `callers` are on its list."""

    port: int
    key: Sm2PrivateKey
    allow_list: AllowList
    sessions: Sessions
    kept: KeptRecords
    trail: KeptTrail
    refusals: RecordRefusals
    callers: dict[str, Caller] = field(default_factory=dict)

    @property
    def address(self) -> ProxyAddress:
        return ProxyAddress("127.0.0.1", self.port)

    def allow(
        self,
        name: str = "card",
        *,
        calls: frozenset[Call] = ALL_CALLS,
        networks: Sequence[str] = HERE,
        key: Sm2PrivateKey | None = None,
    ) -> Party:
        """Put a caller on the list; returns what it needs to call."""
        key = key or Sm2PrivateKey.generate()
        entry = Caller(
            name, key.public, calls, tuple(map(ip_network, networks)), allowed_at=ALLOWED_AT
        )
        self.put(entry)
        return self.party(key)

    def put(self, entry: Caller) -> None:
        """Change a caller's entry."""
        self.callers[entry.name] = entry
        self.allow_list.replace(self.callers.values())

    def party(self, key: Sm2PrivateKey) -> Party:
        """Somebody with this key, on the list or not."""
        return Party(self.address, self.key.public, key)


def door_over(
    module: CryptoModule,
    *,
    clock: Clock,
    key: Sm2PrivateKey,
    kept: KeptRecords,
    trail: Trail | None = None,
    fresh: Callable[[], bool] = lambda: True,
) -> ProxyDoor:
    """The proxy's parts over `module`, nobody on its list yet."""
    allow_list, sessions, entropy = AllowList(), Sessions(), SystemEntropy()
    trail = trail or KeptTrail()
    return ProxyDoor(
        allow_list=allow_list,
        open_session=OpenSession(
            key,
            allow_list=allow_list,
            sessions=sessions,
            clock=clock,
            entropy=entropy,
            recorder=RecordSessions(trail),
        ),
        answer_calls=AnswerCalls(allow_list, sessions, computing_with(module), kept, clock),
        refusals=RecordRefusals(trail, clock, pause=0.05),
        fresh=fresh,
    )


@asynccontextmanager
async def front_proxy(
    module: CryptoModule, *, clock: Clock | None = None, tls: ContextFactory | None = None
) -> AsyncIterator[FrontProxy]:
    """A proxy over `module`, on a free port of 127.0.0.1; under TLS where that is told."""
    key, kept, trail = Sm2PrivateKey.generate(), KeptRecords(), KeptTrail()
    door = door_over(module, clock=clock or SystemClock(), key=key, kept=kept, trail=trail)
    refusals = cast("RecordRefusals", door.refusals)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with _served(door, listening, tls=tls):
            yield FrontProxy(
                listening.getsockname()[1],
                key,
                door.allow_list,
                door.answer_calls.sessions,
                kept,
                trail,
                refusals,
            )
            await refusals.close()


@asynccontextmanager
async def _served(
    door: ProxyDoor, listening: socket.socket, *, tls: ContextFactory | None
) -> AsyncIterator[None]:
    config = uvicorn.Config(
        cast("Any", door),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="error",
        proxy_headers=False,
        ssl_context_factory=tls,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield
    finally:
        server.should_exit = True
        await server.shutdown(sockets=[listening])
        await asyncio.sleep(0)
