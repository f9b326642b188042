"""Crypto machines that are wanted and unwanted while a module serves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.machine_pool import MachineSettings
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.wiring.crypto_machines import IN_SERVICE, MachineRoll
from tests.support.crypto_machine import CryptoMachine
from tests.support.crypto_modules import OTHER_KEYS

EXPIRES = datetime(2026, 3, 1, tzinfo=UTC)
PATIENT = MachineSettings(connect_seconds=10.0, call_seconds=10.0, answer_seconds=20.0)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


class Served:
    """A module that began with one machine, and its roll."""

    def __init__(self, first: CryptoMachine, module: MachineCryptoModule) -> None:
        self.module = module
        self.first = _place(first)
        self.roll = MachineRoll(module, [self.first])

    async def follow(self, **changes: tuple[CryptoMachine, str]) -> dict[str, str]:
        wanted = {_place(machine): word == "in" for machine, word in changes.values()}
        await self.roll.follow(wanted)
        return self.roll.states()


def _place(machine: CryptoMachine) -> tuple[str, int]:
    return machine.address.host, machine.address.port


@pytest.fixture
async def first(stack: AsyncExitStack) -> CryptoMachine:
    return await stack.enter_async_context(CryptoMachine())


@pytest.fixture
async def served(stack: AsyncExitStack, first: CryptoMachine) -> Served:
    module = MachineCryptoModule([first.address], settings=PATIENT)
    return Served(first, await stack.enter_async_context(module))


@pytest.mark.requirement("G1-9.5-9")
async def test_a_wanted_machine_serves_and_an_unwanted_one_does_not(
    stack: AsyncExitStack, first: CryptoMachine, served: Served
) -> None:
    second = await stack.enter_async_context(CryptoMachine())

    both = await served.follow(second=(second, "in"))
    one = await served.follow(second=(second, "in"), first=(first, "out"))

    assert both == {str(first.address): IN_SERVICE, str(second.address): IN_SERVICE}
    assert one == {str(second.address): IN_SERVICE}


async def test_a_machine_with_other_keys_is_refused_and_told(
    stack: AsyncExitStack, served: Served
) -> None:
    other = await stack.enter_async_context(CryptoMachine(OTHER_KEYS))

    states = await served.follow(other=(other, "in"))

    expected = await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(EXPIRES)
    assert states[str(other.address)].startswith("refused: holds other keys")
    assert [await served.module.make_valid(EXPIRES) for _ in range(4)] == [expected] * 4


async def test_a_machine_that_does_not_answer_is_taken_in_once_it_does(
    stack: AsyncExitStack, served: Served
) -> None:
    late = await stack.enter_async_context(CryptoMachine())
    await late.stop()

    before = await served.follow(late=(late, "in"))
    await late.start()
    after = await served.follow(late=(late, "in"))

    assert before[str(late.address)].startswith("not taken in: a crypto machine cannot be reached")
    assert after[str(late.address)] == IN_SERVICE


async def test_the_last_machine_that_answers_is_kept(
    stack: AsyncExitStack, first: CryptoMachine, served: Served
) -> None:
    away = await stack.enter_async_context(CryptoMachine())
    await away.stop()

    alone = await served.follow(first=(first, "out"))
    with_one_that_is_away = await served.follow(first=(first, "out"), away=(away, "in"))

    assert alone == {str(first.address): IN_SERVICE}
    assert with_one_that_is_away[str(first.address)] == IN_SERVICE


async def test_a_module_without_machines_follows_nothing() -> None:
    roll = MachineRoll(SoftCryptoModule(PUBLIC_TEST_KEYS), [])

    await roll.follow({("10.0.0.1", 8018): True})

    assert roll.states() == {}
