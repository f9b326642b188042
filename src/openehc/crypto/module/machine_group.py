"""Several crypto machines as one: balancing, ejection, return, adding and removing.

Every request is pure, so one that failed on a machine is made again on another; the
caller sees a failure only when no machine answers. What is asked, it does not know.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from openehc.crypto.module.balancing import (
    after_failed_probe,
    after_failure,
    after_good_heartbeat,
    after_success,
    chosen,
)
from openehc.crypto.module.frames import MachineRefused, Request
from openehc.crypto.module.machine_connection import MachineDown
from openehc.crypto.module.machine_pool import (
    Machine,
    MachineAddress,
    MachineAway,
    MachineSettings,
)
from openehc.kernel.refusal import CryptoModuleDown

T = TypeVar("T")

Note = Callable[[MachineAddress], None]

_log = logging.getLogger("openehc.crypto")


class MachinesBusy(CryptoModuleDown):
    """More calls wait for the crypto machines than may."""


@dataclass(frozen=True, slots=True)
class MachineState:
    """A machine as the operator sees it; `answered` counts calls since it was added."""

    address: MachineAddress
    serves: bool
    outstanding: int
    answered: int


class MachineGroup:
    """The machines of one crypto module; belongs to one event loop."""

    def __init__(self, addresses: Iterable[MachineAddress], *, settings: MachineSettings) -> None:
        """Nothing is connected before the first call; raises ValueError for a repetition."""
        self._settings: Final = settings
        self._machines: dict[MachineAddress, Machine] = {}
        self._hearts: dict[MachineAddress, asyncio.Task[None]] = {}
        self._numbered = 0
        self._turn = 0
        for address in addresses:
            self.enter(self.new_machine(address))

    def states(self) -> tuple[MachineState, ...]:
        """Every machine, in the order in which they were added."""
        return tuple(
            MachineState(one.address, one.standing.serves, one.outstanding, one.answered)
            for one in self._machines.values()
        )

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines themselves, for questions to each of them."""
        return tuple(self._machines.values())

    async def ask(self, request: Request[T], *, note: Note | None = None) -> T:
        """What the reply tells of whichever machine answers; raises `CryptoModuleDown`.

        `note` is told each machine that the request goes to; the last one is who answered.
        """
        self._start_hearts()
        seconds = self._settings.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_in_turn(request, note or _unnoted)
        except TimeoutError:
            raise MachineDown(f"no crypto machine answered within {seconds} s") from None

    def new_machine(self, address: MachineAddress) -> Machine:
        """A machine under these settings, which takes no calls of the group yet."""
        self._numbered += 1
        return Machine(address, number=self._numbered, settings=self._settings)

    def enter(self, machine: Machine) -> None:
        """Let it take calls from now on; raises ValueError for an address in use."""
        if machine.address in self._machines:
            raise ValueError("a crypto machine at this address is in the group already")
        self._machines[machine.address] = machine

    async def remove(self, address: MachineAddress) -> None:
        """Let the calls under way end, then let the machine go; raises KeyError."""
        machine = self._machines.pop(address)
        heart = self._hearts.pop(address, None)
        if heart is not None:
            await _stopped(heart)
        await machine.leave()

    async def close(self) -> None:
        """Let every machine go."""
        for address in tuple(self._machines):
            await self.remove(address)

    async def _ask_in_turn(self, request: Request[T], note: Note) -> T:
        tried: set[int] = set()
        refusing: list[Machine] = []
        trouble: CryptoModuleDown = MachineDown("no crypto machine is in service")
        while machine := self._next(tried):
            tried.add(machine.number)
            note(machine.address)
            try:
                result = await machine.ask(request)
            except MachineRefused as refused:
                refusing.append(machine)
                trouble = refused
            except MachineAway as away:
                trouble = away
            except CryptoModuleDown as error:
                self._failed(machine, error)
                trouble = error
            else:
                machine.standing = after_success(machine.standing)
                # What one machine answers, another must not refuse: its keys are missing,
                # say. A request that all refuse is nobody's fault.
                for one in refusing:
                    self._failed(one, trouble)
                return result
        raise trouble

    def _next(self, tried: set[int]) -> Machine | None:
        candidate = chosen(
            (one.candidate() for one in self._machines.values()), tried=frozenset(tried)
        )
        if candidate is None:
            return None
        machine = next(one for one in self.machines if one.number == candidate.number)
        if machine.full:  # it is the least busy one
            raise MachinesBusy("too many calls wait for the crypto machines")
        self._turn += 1
        machine.last_chosen = self._turn
        return machine

    def _failed(self, machine: Machine, error: CryptoModuleDown) -> None:
        machine.standing, before = (
            after_failure(machine.standing, now=_now(), rules=self._settings.ejection),
            machine.standing,
        )
        if before.serves and not machine.standing.serves:
            _log.warning("crypto machine %d is left alone: %s", machine.number, error)
            machine.drop_idle()
            machine.disturbed.set()

    def _start_hearts(self) -> None:
        if len(self._hearts) == len(self._machines):
            return
        for address, machine in self._machines.items():
            if address not in self._hearts:
                self._hearts[address] = asyncio.create_task(self._heart(machine))

    async def _heart(self, machine: Machine) -> None:
        while True:
            until = machine.standing.ejected_until
            rest = machine.heartbeat_in(now=_now()) if until is None else until - _now()
            try:
                async with asyncio.timeout(max(rest, 0.0)):
                    await machine.disturbed.wait()
            except TimeoutError:
                await self._beat(machine)
            machine.disturbed.clear()

    async def _beat(self, machine: Machine) -> None:
        """A heartbeat where one is due: on an idle connection, or to ask whether it is back."""
        if machine.standing.serves and not machine.idle:
            return
        try:
            await machine.heartbeat()
        except CryptoModuleDown as error:
            if machine.standing.serves:
                self._failed(machine, error)
            else:
                self._eject_after_probe(machine, error)
        else:
            self._welcome(machine)

    def _welcome(self, machine: Machine) -> None:
        if not machine.standing.serves:
            machine.standing = after_good_heartbeat(machine.standing)
            _log.warning("crypto machine %d is back in service", machine.number)

    def _eject_after_probe(self, machine: Machine, error: CryptoModuleDown) -> None:
        rules = self._settings.ejection
        machine.standing = after_failed_probe(machine.standing, now=_now(), rules=rules)
        _log.info("crypto machine %d gives no heartbeat: %s", machine.number, error)


def _unnoted(_address: MachineAddress) -> None:
    """Nobody wants to know."""


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _stopped(heart: asyncio.Task[None]) -> None:
    heart.cancel()
    await asyncio.wait([heart])
