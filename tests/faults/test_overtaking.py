"""One of two hangs with a call: the other one answers, and the late answer is nobody's.

Nothing but overtaking ends these calls: every other patience is longer than the test.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.remote.lane import Party, Patience
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey
from tests.support.crypto_machine import PATIENT, CryptoMachine, Manner, eventually
from tests.support.front_proxy import FrontProxy, front_proxy

EXPIRES = datetime(2026, 3, 1, tzinfo=UTC)
SOFT = SoftCryptoModule(PUBLIC_TEST_KEYS)
SOON = HedgeRules(seconds=0.05)
OVERTAKING = replace(PATIENT, call_seconds=600.0, hedging=SOON)
OVERTAKING_PROXIES = Patience(connect=600.0, answer=600.0, hedging=SOON)
CALLER = Sm2PrivateKey.generate()


def at(seconds: int) -> datetime:
    return EXPIRES + timedelta(seconds=seconds)


async def made_by(module: CryptoModule, seconds: int) -> bool:
    """Make a validity; whether it is the right one."""
    return await module.make_valid(at(seconds)) == await SOFT.make_valid(at(seconds))


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


class TestMachines:
    @pytest.fixture
    async def pair(self, stack: AsyncExitStack) -> tuple[CryptoMachine, CryptoMachine]:
        first, second = CryptoMachine(), CryptoMachine()
        return await stack.enter_async_context(first), await stack.enter_async_context(second)

    @pytest.fixture
    async def module(
        self, stack: AsyncExitStack, pair: tuple[CryptoMachine, CryptoMachine]
    ) -> MachineCryptoModule:
        addresses = [one.address for one in pair]
        return await stack.enter_async_context(MachineCryptoModule(addresses, settings=OVERTAKING))

    @pytest.mark.requirement("G1-9.5-9")
    async def test_one_that_takes_calls_and_hangs_fails_none(
        self, pair: tuple[CryptoMachine, CryptoMachine], module: MachineCryptoModule
    ) -> None:
        pair[0].manner = Manner.SILENT

        made = await asyncio.gather(*(made_by(module, seconds) for seconds in range(200)))

        assert all(made)
        assert [one.serves for one in module.machines()] == [False, True]

    async def test_a_late_answer_is_not_taken_for_that_of_the_next_call(
        self, pair: tuple[CryptoMachine, CryptoMachine], module: MachineCryptoModule
    ) -> None:
        late, _ = pair
        late.manner = Manner.HELD
        assert await made_by(module, 1)
        await eventually(lambda: late.open_connections == 0)
        late.manner = Manner.WELL
        late.released.set()

        made = [await made_by(module, seconds) for seconds in range(2, 8)]

        assert all(made)
        assert late.commands["S3"] > 1  # it was asked again

    async def test_the_record_names_the_machine_that_answered(
        self, pair: tuple[CryptoMachine, CryptoMachine], module: MachineCryptoModule
    ) -> None:
        pair[0].manner = Manner.SILENT
        noted: list[str] = []

        await made_by(module.observed(noted.append), 1)

        assert noted[-1] == str(pair[1].address)

    async def test_nobody_overtakes_the_only_machine(self, stack: AsyncExitStack) -> None:
        machine = await stack.enter_async_context(CryptoMachine())
        machine.manner = Manner.HELD
        module = await stack.enter_async_context(
            MachineCryptoModule(
                [machine.address], settings=replace(PATIENT, hedging=HedgeRules(seconds=1e-6))
            )
        )
        call = asyncio.create_task(made_by(module, 1))
        await eventually(lambda: machine.at_once == 1)

        machine.released.set()

        assert await call
        assert (machine.commands["S3"], machine.connections) == (1, 1)


class Held(SoftCryptoModule):
    """A module that answers when it may."""

    def __init__(self) -> None:
        super().__init__(PUBLIC_TEST_KEYS)
        self.may = asyncio.Event()

    async def make_valid(self, expires: datetime) -> str:
        await self.may.wait()
        return await super().make_valid(expires)


class TestProxies:
    @staticmethod
    async def proxy(stack: AsyncExitStack, behind: CryptoModule = SOFT) -> FrontProxy:
        proxy = await stack.enter_async_context(front_proxy(behind))
        proxy.allow(key=CALLER)
        return proxy

    @staticmethod
    def caller_of(stack: AsyncExitStack, *parties: Party) -> ProxyCryptoModule:
        module = ProxyCryptoModule(*parties, patience=OVERTAKING_PROXIES)
        stack.push_async_callback(module.close)
        return module

    @pytest.mark.requirement("G1-9.5-9")
    async def test_one_that_takes_connections_and_hangs_fails_none(
        self, stack: AsyncExitStack
    ) -> None:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        here = ProxyAddress("127.0.0.1", silent.getsockname()[1])
        second = (await self.proxy(stack)).party(CALLER)
        module = self.caller_of(stack, replace(second, address=here), second)

        made = await asyncio.gather(*(made_by(module, seconds) for seconds in range(200)))

        assert all(made)

    async def test_a_late_answer_is_not_taken_for_that_of_the_next_call(
        self, stack: AsyncExitStack
    ) -> None:
        held = Held()
        late, second = await self.proxy(stack, held), await self.proxy(stack)
        module = self.caller_of(stack, late.party(CALLER), second.party(CALLER))
        assert await made_by(module, 1)

        held.may.set()
        await eventually(lambda: len(late.kept.records) == 1)
        made = [await made_by(module, seconds) for seconds in range(2, 8)]

        assert all(made)
        assert len(late.kept.records) > 1  # it was asked again
