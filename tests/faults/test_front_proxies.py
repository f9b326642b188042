"""Two front proxies of one caller: one stops, stalls, refuses, or has no machines left."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, ModuleKeys, SoftCryptoModule
from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.connection import ProxyUnreachable
from openehc.crypto.remote.lane import Party, Patience
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.refusal import CryptoModuleDown
from openehc.proxy.model import ALL_CALLS
from tests.support.front_proxy import FrontProxy, front_proxy
from tests.support.node import FallibleCryptoModule
from tests.support.waiting import until

MORNING = datetime(2026, 3, 1, tzinfo=UTC)
SOFT = SoftCryptoModule(PUBLIC_TEST_KEYS)
PATIENT = Patience(connect=60.0, answer=60.0, hedging=HedgeRules(seconds=60.0))
"""Nothing fails or is overtaken because the computer has much else to do."""
CALLER = Sm2PrivateKey.generate()


@pytest.fixture
async def stack(caplog: pytest.LogCaptureFixture) -> AsyncIterator[AsyncExitStack]:
    caplog.set_level(logging.WARNING, "openehc.crypto")
    async with AsyncExitStack() as opened:
        yield opened


async def proxy_in(stack: AsyncExitStack, module: CryptoModule = SOFT) -> FrontProxy:
    proxy = await stack.enter_async_context(front_proxy(module))
    proxy.allow(key=CALLER)
    return proxy


def caller_of(stack: AsyncExitStack, *parties: Party) -> ProxyCryptoModule:
    module = ProxyCryptoModule(*parties, patience=PATIENT)
    stack.push_async_callback(module.close)
    return module


async def make(module: CryptoModule, *, count: int, one_by_one: bool = False) -> None:
    """So many codes' validities, each compared with what the keys give; raises on a failure."""
    moments = [MORNING + timedelta(seconds=i) for i in range(count)]
    if one_by_one:
        made = [await module.make_valid(moment) for moment in moments]
    else:
        made = await asyncio.gather(*(module.make_valid(moment) for moment in moments))
    assert made == [await SOFT.make_valid(moment) for moment in moments]


async def test_calls_go_to_both(stack: AsyncExitStack) -> None:
    first, second = await proxy_in(stack), await proxy_in(stack)
    module = caller_of(stack, first.party(CALLER), second.party(CALLER))

    await make(module, count=20, one_by_one=True)

    assert [len(one.kept.records) for one in (first, second)] == [10, 10]


@pytest.mark.requirement("G1-9.5-9")
async def test_one_of_two_that_stops_under_200_calls_fails_none(
    stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    leaving = AsyncExitStack()
    first, second = await proxy_in(leaving), await proxy_in(stack)
    module = caller_of(stack, first.party(CALLER), second.party(CALLER))
    await make(module, count=4, one_by_one=True)

    calls = asyncio.gather(*(make(module, count=10, one_by_one=True) for _ in range(20)))
    await until(lambda: len(first.kept.records) > 10)
    await leaving.aclose()
    await calls
    await make(module, count=10, one_by_one=True)

    assert "front proxy 1 is left alone" in caplog.text
    assert "127.0.0.1" not in caplog.text


async def test_one_that_does_not_know_this_node_is_left_alone(
    stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    strange, second = await proxy_in(stack), await proxy_in(stack)
    strange.allow(key=Sm2PrivateKey.generate())
    module = caller_of(stack, strange.party(CALLER), second.party(CALLER))

    await make(module, count=20, one_by_one=True)

    assert "front proxy 1 is left alone: the front proxy refuses this node" in caplog.text
    assert len(second.kept.records) == 20


async def test_one_whose_machines_are_gone_is_left_alone_until_they_are_back(
    stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    behind = FallibleCryptoModule()
    first, second = await proxy_in(stack, behind), await proxy_in(stack)
    module = caller_of(stack, first.party(CALLER), second.party(CALLER))
    behind.down = True
    await make(module, count=20, one_by_one=True)
    left_alone = "front proxy 1 is left alone" in caplog.text

    behind.down = False
    await until(lambda: "front proxy 1 is back in service" in caplog.text)
    first.kept.records.clear()
    await make(module, count=4, one_by_one=True)

    assert (left_alone, len(first.kept.records)) == (True, 2)


async def test_a_call_that_no_proxy_can_answer_fails_and_ejects_none(
    stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    behind = FallibleCryptoModule()
    first, second = await proxy_in(stack, behind), await proxy_in(stack, behind)
    module = caller_of(stack, first.party(CALLER), second.party(CALLER))
    behind.down = True
    for _ in range(8):
        with pytest.raises(CryptoModuleDown, match="behind the front proxy"):
            await module.make_valid(MORNING)

    behind.down = False
    await make(module, count=4, one_by_one=True)

    assert "left alone" not in caplog.text


class OpensNothing(SoftCryptoModule):
    """A module that makes validities and fails at each that it shall open."""

    async def open_valid(self, valid: str) -> datetime | None:
        raise CryptoModuleDown(f"{len(valid)} characters are too much for it")


async def test_a_call_that_fails_everywhere_takes_no_other_of_its_message_with_it(
    stack: AsyncExitStack,
) -> None:
    pair = [await proxy_in(stack, OpensNothing(PUBLIC_TEST_KEYS)) for _ in range(2)]
    module = caller_of(stack, *(one.party(CALLER) for one in pair))
    valid = await SOFT.make_valid(MORNING)

    made, opened = await asyncio.gather(
        module.make_valid(MORNING), module.open_valid(valid), return_exceptions=True
    )

    assert (made, type(opened)) == (valid, CryptoModuleDown)


async def test_the_only_proxy_is_asked_each_time(stack: AsyncExitStack) -> None:
    leaving = AsyncExitStack()
    only = await proxy_in(leaving)
    module = caller_of(stack, only.party(CALLER))
    await make(module, count=1)

    await leaving.aclose()

    for _ in range(8):
        with pytest.raises(ProxyUnreachable, match="cannot be reached"):
            await module.make_valid(MORNING)


class TestHealth:
    async def test_counts_the_proxies_that_serve(self, stack: AsyncExitStack) -> None:
        behind = FallibleCryptoModule()
        behind.down = True
        sick, well = await proxy_in(stack, behind), await proxy_in(stack)
        module = caller_of(stack, sick.party(CALLER), well.party(CALLER))

        health = await module.health()

        assert (health.alive, health.detail) == (True, "1 of 2 front proxies serve")

    async def test_is_bad_when_the_keys_behind_two_differ(self, stack: AsyncExitStack) -> None:
        others = ModuleKeys(PUBLIC_TEST_KEYS.protect_key, PUBLIC_TEST_KEYS.safe_key)
        pair = [await proxy_in(stack), await proxy_in(stack, SoftCryptoModule(others))]
        module = caller_of(stack, *(one.party(CALLER) for one in pair))

        health = await module.health()

        assert (health.alive, "different keys" in health.detail) == (False, True)

    async def test_of_proxies_that_tell_nothing_is_that_they_answer(
        self, stack: AsyncExitStack
    ) -> None:
        pair = [await proxy_in(stack), await proxy_in(stack)]
        for one in pair:
            one.allow(key=CALLER, calls=ALL_CALLS - {Call.HEALTH, Call.KEY_CHECK_VALUES})
        module = caller_of(stack, *(one.party(CALLER) for one in pair))

        told = [await module.health() for _ in range(2)]

        assert {one.detail for one in told} == {"2 of 2 front proxies serve"}
        assert [len(one.kept.records) for one in pair] == [3, 3]  # values are asked for once
