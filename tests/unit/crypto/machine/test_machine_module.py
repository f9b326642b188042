"""The module over machines that behave: connections, queues, heartbeats, who may join."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from openehc.crypto.module.frames import Dialect, MachineKeys, MachineRefused
from openehc.crypto.module.group import GroupBusy
from openehc.crypto.module.machine import MachineCryptoModule, MachineKeysDiffer
from openehc.crypto.module.machine_pool import MachineAddress, MachineSettings
from openehc.crypto.module.port import IdentityTooLong, ModuleKind
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.kernel.refusal import CryptoModuleDown
from tests.support.crypto_machine import PATIENT, CryptoMachine, Manner, eventually
from tests.support.crypto_modules import OTHER_KEYS

EXPIRES = datetime(2026, 3, 1, tzinfo=UTC)

StartMachines = Callable[[int], Awaitable[list[CryptoMachine]]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def started(stack: AsyncExitStack) -> StartMachines:
    async def start(count: int) -> list[CryptoMachine]:
        return [await stack.enter_async_context(CryptoMachine()) for _ in range(count)]

    return start


async def module_over(
    stack: AsyncExitStack, *machines: CryptoMachine, settings: MachineSettings = PATIENT
) -> MachineCryptoModule:
    addresses = [machine.address for machine in machines]
    return await stack.enter_async_context(MachineCryptoModule(addresses, settings=settings))


def moments(count: int) -> list[datetime]:
    return [EXPIRES + timedelta(seconds=at) for at in range(count)]


async def expected_valids(expiries: list[datetime]) -> list[str]:
    soft = SoftCryptoModule(PUBLIC_TEST_KEYS)
    return [await soft.make_valid(moment) for moment in expiries]


class TestConnections:
    async def test_one_connection_serves_one_call_after_the_other(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        module = await module_over(stack, machine)

        for moment in moments(20):
            await module.make_valid(moment)

        assert machine.connections == 1

    async def test_a_machine_never_has_more_calls_at_once_than_it_may(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        machine.manner = Manner.HELD
        module = await module_over(stack, machine, settings=replace(PATIENT, connections=3))
        calls = [asyncio.create_task(module.make_valid(moment)) for moment in moments(30)]
        await eventually(lambda: machine.at_once == 3)

        machine.released.set()
        await asyncio.gather(*calls)

        assert machine.most_at_once == 3

    async def test_answers_go_to_those_who_asked(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        machines = await started(2)
        module = await module_over(stack, *machines)
        expiries = moments(300)

        valids = await asyncio.gather(*(module.make_valid(moment) for moment in expiries))

        assert valids == await expected_valids(expiries)

    async def test_a_queue_that_is_full_refuses(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        machine.manner, machine.delay = Manner.LATE, 0.05
        settings = replace(PATIENT, connections=1, waiting=1)
        module = await module_over(stack, machine, settings=settings)

        outcomes = await asyncio.gather(
            *(module.make_valid(moment) for moment in moments(3)), return_exceptions=True
        )

        assert [type(outcome) for outcome in outcomes] == [str, str, GroupBusy]

    async def test_closing_leaves_no_connection(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        module = await module_over(stack, machine)
        await asyncio.gather(*(module.make_valid(moment) for moment in moments(5)))

        await module.close()

        await eventually(lambda: machine.open_connections == 0)

    async def test_a_closed_module_answers_nothing(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        module = await module_over(stack, *await started(1))
        await module.close()

        with pytest.raises(CryptoModuleDown, match="no crypto machine is in service"):
            await module.make_valid(EXPIRES)


class TestBalancing:
    @pytest.mark.requirement("G2-A-5.1-5")
    async def test_calls_are_shared_evenly(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        machines = await started(3)
        module = await module_over(stack, *machines)

        for moment in moments(30):
            await module.make_valid(moment)

        assert [machine.commands["S3"] for machine in machines] == [10, 10, 10]

    @pytest.mark.requirement("G2-A-5.1-5")
    async def test_a_slow_machine_gets_less(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        quick, slow = await started(2)
        slow.manner = Manner.HELD
        module = await module_over(stack, quick, slow)

        async def caller() -> None:
            for moment in moments(10):
                await module.make_valid(moment)

        callers = [asyncio.create_task(caller()) for _ in range(4)]
        await eventually(lambda: sum(one.done() for one in callers) == 2)
        shares = quick.commands["S3"], slow.commands["S3"]
        slow.released.set()
        await asyncio.gather(*callers)

        assert shares == (20, 2)

    async def test_the_operator_sees_who_answered(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        machines = await started(2)
        module = await module_over(stack, *machines)
        for moment in moments(4):
            await module.make_valid(moment)

        states = module.machines()

        assert [(one.address, one.serves, one.outstanding, one.answered) for one in states] == [
            (machine.address, True, 0, 2) for machine in machines
        ]


class TestHeartbeat:
    async def test_an_idle_connection_gets_one(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        module = await module_over(
            stack, machine, settings=replace(PATIENT, heartbeat_seconds=0.05)
        )

        await module.make_valid(EXPIRES)

        await eventually(lambda: machine.commands["CR"] >= 2)
        assert machine.connections == 1

    async def test_a_machine_that_fell_silent_is_left_alone_before_a_call_meets_it(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        gone, _ = await started(2)
        module = await module_over(stack, gone, settings=replace(PATIENT, heartbeat_seconds=0.02))
        await module.make_valid(EXPIRES)

        await gone.stop()

        await eventually(lambda: not module.machines()[0].serves)


class TestJoining:
    async def test_a_machine_with_other_keys_may_not(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        module = await module_over(stack, *await started(1))
        other = await stack.enter_async_context(CryptoMachine(OTHER_KEYS))

        with pytest.raises(MachineKeysDiffer):
            await module.add(other.address)

        assert len(module.machines()) == 1

    async def test_a_machine_that_does_not_answer_may_not(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        here, gone = await started(2)
        module = await module_over(stack, here)
        await gone.stop()

        with pytest.raises(CryptoModuleDown):
            await module.add(gone.address)

        assert len(module.machines()) == 1

    async def test_a_machine_joins_where_none_is_left(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        module = await module_over(stack)

        await module.add(machine.address)

        assert await module.make_valid(EXPIRES)

    async def test_nobody_joins_two_times(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        module = await module_over(stack, machine)

        with pytest.raises(ValueError, match="in the group already"):
            await module.add(machine.address)

    async def test_a_machine_leaves_when_its_calls_have_ended(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        machine.manner = Manner.HELD
        module = await module_over(stack, machine)
        calls = [asyncio.create_task(module.make_valid(moment)) for moment in moments(3)]
        await eventually(lambda: machine.at_once == 3)

        removing = asyncio.create_task(module.remove(machine.address))
        await eventually(lambda: module.machines() == ())
        machine.released.set()
        await removing

        assert [call.done() for call in calls] == [True] * 3
        assert [call.result() for call in calls] == await expected_valids(moments(3))

    async def test_who_is_not_there_cannot_be_removed(self, stack: AsyncExitStack) -> None:
        module = await module_over(stack)

        with pytest.raises(KeyError):
            await module.remove(MachineAddress("127.0.0.1", 1))


class TestState:
    async def test_two_machines_that_answer_are_healthy(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        module = await module_over(stack, *await started(2))

        health = await module.health()

        assert (health.kind, health.alive) == (ModuleKind.MACHINE, True)
        assert health.detail == "2 of 2 crypto machines answer"

    async def test_one_of_two_is_alive_and_told(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        here, gone = await started(2)
        module = await module_over(stack, here, gone)
        await gone.stop()

        health = await module.health()

        assert (health.alive, health.detail) == (True, "1 of 2 crypto machines answer")

    async def test_none_is_dead(self, stack: AsyncExitStack, started: StartMachines) -> None:
        [gone] = await started(1)
        module = await module_over(stack, gone)
        await gone.stop()

        health = await module.health()

        assert (health.alive, health.detail) == (False, "0 of 1 crypto machines answer")

    async def test_machines_with_different_keys_are_no_healthy_module(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        other = await stack.enter_async_context(CryptoMachine(OTHER_KEYS))
        module = await module_over(stack, machine, other)

        health = await module.health()

        assert (health.alive, health.detail) == (False, "the crypto machines hold different keys")

    async def test_the_device_information_is_the_machines(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        module = await module_over(stack, *await started(1))

        assert (await module.device_information()).version == "JN-DOUBLE SJJ1310 V1.0.0"


class TestLimits:
    async def test_a_key_that_is_not_there_is_a_refusal(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        dialect = Dialect(keys=MachineKeys(protect_index=200))
        module = await module_over(
            stack, *await started(1), settings=replace(PATIENT, dialect=dialect)
        )

        with pytest.raises(MachineRefused, match="return code 10"):
            await module.make_valid(EXPIRES)

    async def test_a_name_beyond_what_a_machine_hashes_is_unfit(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        module = await module_over(stack, *await started(1))

        with pytest.raises(IdentityTooLong, match="9999"):
            await module.make_mindex_id("99", "X", "样" * 3333)

    async def test_a_machine_that_strips_zeros_opens_ids_and_times_all_the_same(
        self, stack: AsyncExitStack, started: StartMachines
    ) -> None:
        [machine] = await started(1)
        machine.manner = Manner.STRIPPING
        module = await module_over(stack, machine)

        opened = await module.open_valid(await module.make_valid(EXPIRES))

        assert opened == EXPIRES

    @pytest.mark.parametrize(
        "changes", [{"connections": 0}, {"waiting": -1}, {"call_seconds": 0.0}]
    )
    def test_settings_under_which_nothing_works_are_refused(
        self, changes: dict[str, float]
    ) -> None:
        with pytest.raises(ValueError):
            MachineSettings(**changes)  # type: ignore[arg-type]
