"""A caller of the front proxy who builds every message by hand, to build it wrong.

wire    such a caller, on the list as `card`, before a proxy with the soft module
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import httpx
import pytest

from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.calls import CheckValid, Question, written
from openehc.crypto.remote.connection import SESSION_PATH
from openehc.crypto.remote.handshake import Opening, say_hello
from openehc.crypto.remote.lane import Party
from openehc.crypto.remote.session import SessionKeys
from openehc.kernel.clock import SetClock
from openehc.kernel.ids import SystemEntropy
from tests.support.front_proxy import ALLOWED_AT, FrontProxy, front_proxy

VALID: Final = "92FD69141DFE1553A42251E2B0196148"
ONE: Final[tuple[Question, ...]] = (CheckValid(VALID),)


@dataclass(slots=True)
class Wire:
    """A caller who builds every message by hand."""

    proxy: FrontProxy
    http: httpx.AsyncClient
    clock: SetClock
    party: Party
    keys: SessionKeys | None = field(default=None)

    def hello(self, *, party: Party | None = None) -> Opening:
        who = party or self.party
        return say_hello(who.key, proxy=who.proxy, now=self.clock.now(), entropy=SystemEntropy())

    async def post(self, path: str, body: bytes) -> httpx.Response:
        return await self.http.post(path, content=body)

    async def open(self) -> SessionKeys:
        opening = self.hello()
        answer = await self.post(SESSION_PATH, opening.wire)
        self.keys = opening.complete(answer.content).keys
        return self.keys

    async def message(self, *, counter: int = 1, calls: tuple[Question, ...] = ONE) -> bytes:
        keys = self.keys or await self.open()
        return keys.sealed_message(written(calls), counter=counter, at=self.clock.now())


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    clock = SetClock(ALLOWED_AT)
    async with (
        front_proxy(SoftCryptoModule(PUBLIC_TEST_KEYS), clock=clock) as proxy,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{proxy.port}", trust_env=False, timeout=60
        ) as http,
    ):
        yield Wire(proxy, http, clock, proxy.allow())
