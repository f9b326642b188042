"""Crypto machines that answer late, twice, wrongly or not at all, and come and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from openehc.crypto.module.balancing import EjectionRules
from openehc.crypto.module.frames import FrameBroken, MachineRefused
from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.machine_connection import ConnectionGone, MachineDown
from openehc.crypto.module.machine_pool import MachineSettings
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.kernel.refusal import CryptoModuleDown
from tests.support.crypto_machine import PATIENT, CryptoMachine, Manner, eventually

EXPIRES = datetime(2026, 3, 1, tzinfo=UTC)
LIVELY = replace(PATIENT, ejection=EjectionRules(failures=3, first_pause=0.05, longest_pause=0.2))
LASTING = replace(PATIENT, ejection=EjectionRules(first_pause=600.0, longest_pause=600.0))
"""Who is left alone stays so until the test ends."""
IMPATIENT = replace(PATIENT, call_seconds=0.5)
OVERTAKING = replace(PATIENT, hedging=HedgeRules(seconds=0.05))


class Pair(NamedTuple):
    first: CryptoMachine
    second: CryptoMachine


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def machine(stack: AsyncExitStack) -> CryptoMachine:
    return await stack.enter_async_context(CryptoMachine())


@pytest.fixture
async def pair(stack: AsyncExitStack) -> Pair:
    return Pair(
        await stack.enter_async_context(CryptoMachine()),
        await stack.enter_async_context(CryptoMachine()),
    )


async def module_over(
    stack: AsyncExitStack, *machines: CryptoMachine, settings: MachineSettings = LIVELY
) -> MachineCryptoModule:
    addresses = [machine.address for machine in machines]
    return await stack.enter_async_context(MachineCryptoModule(addresses, settings=settings))


def at(seconds: int) -> datetime:
    return EXPIRES + timedelta(seconds=seconds)


async def valid_at(seconds: int) -> str:
    return await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(at(seconds))


async def in_the_end(module: MachineCryptoModule, seconds: int) -> str:
    """The validity, however often an impatient module gives up before it has it."""
    while True:
        with suppress(MachineDown):
            return await module.make_valid(at(seconds))
        await asyncio.sleep(0.01)


MISBEHAVIOUR = [
    (Manner.HELD, MachineDown, "no answer within 0.5 s"),
    (Manner.SILENT, MachineDown, "no answer within 0.5 s"),
    (Manner.TWICE, FrameBroken, "more than one reply"),
    (Manner.WRONG_COMMAND, FrameBroken, "not of the command S4"),
    (Manner.REFUSING, MachineRefused, "return code 21"),
    (Manner.TRUNCATED, FrameBroken, "announces 16 bytes of data and holds 15"),
    (Manner.CUT, ConnectionGone, "in the middle of a reply"),
    (Manner.WRONG_LENGTH, FrameBroken, "announces 17 bytes of data and holds 16"),
    (Manner.OVERSIZED, FrameBroken, "65535 bytes is longer than 4096"),
    (Manner.CLOSING, ConnectionGone, "before it answered"),
]


@pytest.mark.parametrize(
    ("manner", "error", "reason"), MISBEHAVIOUR, ids=[row[0].name for row in MISBEHAVIOUR]
)
class TestMisbehaviour:
    async def test_of_the_only_machine_is_told_with_its_reason(
        self,
        stack: AsyncExitStack,
        machine: CryptoMachine,
        manner: Manner,
        error: type[CryptoModuleDown],
        reason: str,
    ) -> None:
        never = manner in (Manner.HELD, Manner.SILENT)
        module = await module_over(stack, machine, settings=IMPATIENT if never else PATIENT)
        machine.manner = manner

        with pytest.raises(error, match=reason):
            await module.make_valid(EXPIRES)

    async def test_of_one_machine_is_made_good_by_another(
        self,
        stack: AsyncExitStack,
        pair: Pair,
        manner: Manner,
        error: type[CryptoModuleDown],
        reason: str,
    ) -> None:
        del error, reason
        module = await module_over(stack, *pair, settings=OVERTAKING)
        pair.first.manner = manner

        valids = await asyncio.gather(*(module.make_valid(at(s)) for s in range(6)))

        assert valids == [await valid_at(s) for s in range(6)]


class TestOrder:
    async def test_a_late_answer_does_not_go_to_the_next_call(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine, settings=IMPATIENT)
        machine.manner = Manner.HELD
        with pytest.raises(MachineDown):
            await module.make_valid(at(1))

        machine.manner = Manner.WELL
        machine.released.set()

        assert await in_the_end(module, 2) == await valid_at(2)

    async def test_a_second_answer_does_not_go_to_the_next_call(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine)
        machine.manner, machine.delay = Manner.AGAIN_LATER, 0.05
        await module.make_valid(at(1))
        await eventually(lambda: machine.open_connections == 0)

        machine.manner = Manner.WELL

        assert await module.make_valid(at(2)) == await valid_at(2)
        assert machine.connections == 2

    async def test_the_answer_of_a_cancelled_call_does_not_go_to_the_next(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine)
        machine.manner = Manner.HELD
        call = asyncio.create_task(module.make_valid(at(1)))
        await eventually(lambda: machine.at_once == 1)
        call.cancel()

        machine.manner = Manner.WELL
        machine.released.set()

        assert await module.make_valid(at(2)) == await valid_at(2)

    async def test_a_connection_that_brings_no_answer_is_closed(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine, settings=IMPATIENT)
        machine.manner = Manner.SILENT

        with pytest.raises(MachineDown):
            await module.make_valid(at(1))

        await eventually(lambda: machine.open_connections == 0)


class TestComingAndGoing:
    @pytest.mark.requirement("G2-A-5.5-6")
    async def test_killing_one_of_two_under_200_calls_fails_none(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair)
        for one in pair:
            one.manner, one.delay = Manner.LATE, 0.02
        calls = [asyncio.create_task(module.make_valid(at(s))) for s in range(200)]
        await eventually(lambda: pair.first.commands["S3"] > 10)

        await pair.first.stop()

        assert await asyncio.gather(*calls) == [await valid_at(s) for s in range(200)]

    async def test_adding_one_under_load_fails_no_call_and_brings_it_work(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, pair.first)
        first_half = [asyncio.create_task(module.make_valid(at(s))) for s in range(100)]

        await module.add(pair.second.address)
        second_half = [asyncio.create_task(module.make_valid(at(s))) for s in range(100, 200)]

        valids = await asyncio.gather(*first_half, *second_half)
        assert valids == [await valid_at(s) for s in range(200)]
        assert pair.second.commands["S3"] > 10

    async def test_removing_one_under_load_fails_no_call(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair)
        for one in pair:
            one.manner, one.delay = Manner.LATE, 0.02
        calls = [asyncio.create_task(module.make_valid(at(s))) for s in range(200)]
        await eventually(lambda: pair.first.commands["S3"] > 10)

        await module.remove(pair.first.address)
        await pair.first.stop()

        assert await asyncio.gather(*calls) == [await valid_at(s) for s in range(200)]

    async def test_a_dead_machine_is_left_alone(self, stack: AsyncExitStack, pair: Pair) -> None:
        module = await module_over(stack, *pair, settings=LASTING)
        await pair.first.stop()

        for seconds in range(10):
            await module.make_valid(at(seconds))

        assert [one.serves for one in module.machines()] == [False, True]

    async def test_calls_that_wait_for_a_dead_machine_go_elsewhere(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        settings = replace(OVERTAKING, connections=1, ejection=EjectionRules(failures=1))
        module = await module_over(stack, *pair, settings=settings)
        pair.first.manner = Manner.SILENT

        await asyncio.gather(*(module.make_valid(at(s)) for s in range(10)))

        assert pair.first.commands["S3"] == 1

    async def test_a_machine_that_came_back_gets_work_again(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair)
        await pair.first.stop()
        for seconds in range(10):
            await module.make_valid(at(seconds))

        await pair.first.start()

        await eventually(lambda: module.machines()[0].serves)
        pair.first.commands.clear()
        for seconds in range(4):
            await module.make_valid(at(seconds))
        assert pair.first.commands["S3"] == 2

    async def test_a_machine_without_keys_is_left_alone_though_its_heart_beats(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair, settings=LASTING)
        pair.first.manner, pair.first.spared = Manner.REFUSING, frozenset({"CR"})

        for seconds in range(8):
            await module.make_valid(at(seconds))

        assert [one.serves for one in module.machines()] == [False, True]

    async def test_what_every_machine_refuses_ejects_none(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair)
        pair.first.manner = pair.second.manner = Manner.REFUSING

        for seconds in range(8):
            with pytest.raises(MachineRefused):
                await module.make_valid(at(seconds))

        assert [one.serves for one in module.machines()] == [True, True]

    async def test_a_restart_between_two_calls_is_not_noticed(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine)
        await module.make_valid(at(1))

        await machine.stop()
        await machine.start()

        assert await module.make_valid(at(2)) == await valid_at(2)

    async def test_a_connection_that_was_closed_while_idle_costs_no_call(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        module = await module_over(stack, machine)
        await module.make_valid(at(1))
        machine.manner, machine.times = Manner.CLOSING, 1

        assert await module.make_valid(at(2)) == await valid_at(2)

    async def test_with_every_machine_gone_calls_fail_and_later_work_again(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        module = await module_over(stack, *pair)
        for one in pair:
            await one.stop()
        for seconds in range(8):
            with pytest.raises(MachineDown):
                await module.make_valid(at(seconds))

        for one in pair:
            await one.start()

        await eventually(lambda: all(one.serves for one in module.machines()))
        assert await module.make_valid(at(9)) == await valid_at(9)

    async def test_the_only_machine_is_asked_again_within_a_second(
        self, stack: AsyncExitStack, machine: CryptoMachine
    ) -> None:
        rare = EjectionRules(first_pause=600.0, longest_pause=600.0, longest_alone=0.05)
        module = await module_over(stack, machine, settings=replace(PATIENT, ejection=rare))
        await machine.stop()
        for seconds in range(4):
            with pytest.raises(MachineDown):
                await module.make_valid(at(seconds))

        await machine.start()

        await eventually(lambda: module.machines()[0].serves)
        assert await module.make_valid(at(9)) == await valid_at(9)

    async def test_one_left_alone_is_asked_again_when_the_last_one_fails_too(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        rare = EjectionRules(first_pause=600.0, longest_pause=600.0, longest_alone=0.05)
        module = await module_over(stack, *pair, settings=replace(PATIENT, ejection=rare))
        await pair.first.stop()
        for seconds in range(8):
            await module.make_valid(at(seconds))
        await pair.second.stop()
        await pair.first.start()

        for seconds in range(4):
            with suppress(MachineDown):  # what comes first, its return or the call, is open
                await module.make_valid(at(seconds))

        await eventually(lambda: module.machines()[0].serves)
        assert await module.make_valid(at(9)) == await valid_at(9)

    async def test_nobody_waits_longer_than_a_call_may_take(
        self, stack: AsyncExitStack, pair: Pair
    ) -> None:
        settings = replace(PATIENT, answer_seconds=0.2)
        module = await module_over(stack, *pair, settings=settings)
        pair.first.manner = pair.second.manner = Manner.SILENT

        with pytest.raises(MachineDown, match=r"no crypto machine answered within 0\.2 s"):
            await module.make_valid(EXPIRES)


async def test_messages_name_no_address(stack: AsyncExitStack, machine: CryptoMachine) -> None:
    module = await module_over(stack, machine)
    await machine.stop()

    with pytest.raises(CryptoModuleDown) as down:
        await module.make_valid(EXPIRES)

    assert "127.0.0.1" not in str(down.value)
    assert str(machine.port) not in str(down.value)
