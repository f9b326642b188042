"""The crypto module over crypto machines (密码机) on the network (材料一 6.2.3, 9.5).

One machine or several behind one interface. The keys stay in the machines; this module
says what is asked and who may join, `machine_group.py` which machine is asked.
"""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from openehc.crypto.module.device import DeviceCryptoModule
from openehc.crypto.module.frames import (
    DEVICE_INFORMATION,
    LONGEST_HASH_INPUT,
    Dialect,
    Request,
    decrypt_request,
    encrypt_request,
    hash_request,
)
from openehc.crypto.module.machine_group import MachineGroup, MachineState
from openehc.crypto.module.machine_pool import Machine, MachineAddress, MachineSettings
from openehc.crypto.module.port import (
    DeviceInformation,
    IdentityTooLong,
    ModuleHealth,
    ModuleKind,
)
from openehc.kernel.refusal import CryptoModuleDown

T = TypeVar("T")

_DEFAULTS: Final = MachineSettings()


class MachineKeysDiffer(ValueError):
    """A machine computes other values than those in service: other keys were filled in."""


class Asked(Protocol):
    """What answers a request: a group, or one machine alone."""

    async def ask(self, request: Request[T]) -> T:
        """What the reply tells; raises `CryptoModuleDown`."""


class MachineDevice:
    """`KeyDevice` over whatever answers a request."""

    __slots__ = ("_asked", "_dialect")

    def __init__(self, asked: Asked, *, dialect: Dialect) -> None:
        """`asked` is a group, or one machine alone."""
        self._asked = asked
        self._dialect = dialect

    async def digest(self, data: bytes) -> bytes:
        """SM3 of `data`, 32 bytes; raises `IdentityTooLong` above 9999 bytes."""
        if len(data) > LONGEST_HASH_INPUT:
            raise IdentityTooLong(f"a crypto machine hashes at most {LONGEST_HASH_INPUT} bytes")
        return await self._asked.ask(hash_request(data, dialect=self._dialect))

    async def encrypt(self, plain: bytes, *, derivation: bytes | None) -> bytes:
        """Under the resident's key, or the protect key without a derivation."""
        return await self._asked.ask(
            encrypt_request(plain, derivation=derivation, dialect=self._dialect)
        )

    async def decrypt(self, cipher: bytes, *, derivation: bytes | None) -> bytes:
        """The way back of `encrypt`."""
        return await self._asked.ask(
            decrypt_request(cipher, derivation=derivation, dialect=self._dialect)
        )


class _NotedGroup:
    """The group, telling where each request goes."""

    __slots__ = ("_group", "_note")

    def __init__(self, group: MachineGroup, note: Callable[[str], None]) -> None:
        self._group = group
        self._note = note

    async def ask(self, request: Request[T]) -> T:
        told: T = await self._group.ask(request, note=lambda one: self._note(str(one.address)))
        return told


class MachineCryptoModule(DeviceCryptoModule):
    """`CryptoModule` over crypto machines; belongs to one event loop, and wants closing.

    Not for the outside: whoever may call it can ask for anything the machines compute.
    """

    def __init__(
        self,
        machines: Iterable[MachineAddress],
        *,
        settings: MachineSettings = _DEFAULTS,
        name: str = "machine",
    ) -> None:
        """Nothing is connected before the first call; raises ValueError for a repetition."""
        self.name = name
        self._dialect = settings.dialect
        self._group = MachineGroup(machines, settings=settings)
        super().__init__(MachineDevice(self._group, dialect=self._dialect))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def observed(self, note: Callable[[str], None]) -> "ObservedMachines":
        """The same module; `note` is told HOST:PORT of each machine that a call goes to."""
        return ObservedMachines(
            self, MachineDevice(_NotedGroup(self._group, note), dialect=self._dialect)
        )

    def machines(self) -> tuple[MachineState, ...]:
        """Every machine and how it does, in the order in which they were added."""
        return self._group.states()

    async def add(self, address: MachineAddress) -> None:
        """Take a further machine in, with no call noticing (材料一 9.5).

        Raises ValueError for one that is in service, `CryptoModuleDown` for one that
        does not answer, `MachineKeysDiffer` for one that was filled with other keys.
        """
        machine = self._group.new_machine(address)
        try:
            await self._check(machine)
            self._group.enter(machine)
        except (CryptoModuleDown, ValueError):
            await machine.leave()
            raise

    async def remove(self, address: MachineAddress) -> None:
        """Let the calls under way end, then let the machine go; raises KeyError."""
        await self._group.remove(address)

    async def close(self) -> None:
        """Let every machine go; the module answers no call afterwards."""
        await self._group.close()

    async def device_information(self) -> DeviceInformation:
        """What one of the machines in service tells of itself."""
        told: DeviceInformation = await self._group.ask(DEVICE_INFORMATION)
        return told

    async def health(self) -> ModuleHealth:
        """Asks every machine in service for its check values: alive when all that answer agree."""
        machines = self._group.members
        asked = (self._check_values_of(one) for one in machines)
        answers = [
            answer
            for answer in await asyncio.gather(*asked, return_exceptions=True)
            if not isinstance(answer, BaseException)
        ]
        if any(answer != answers[0] for answer in answers):
            detail, alive = "the crypto machines hold different keys", False
        else:
            detail = f"{len(answers)} of {len(machines)} crypto machines answer"
            alive = bool(answers)
        return ModuleHealth(self.name, ModuleKind.MACHINE, alive=alive, detail=detail)

    async def _check(self, newcomer: Machine) -> None:
        theirs = await self._check_values_of(newcomer)
        try:
            ours = await self.key_check_values()
        except CryptoModuleDown:
            return  # nobody to compare with: a machine that works is better than none
        if theirs != ours:
            raise MachineKeysDiffer("the crypto machine holds other keys than those in service")

    async def _check_values_of(self, machine: Machine) -> dict[str, str]:
        alone = DeviceCryptoModule(MachineDevice(machine, dialect=self._dialect))
        return await alone.key_check_values()


class ObservedMachines(DeviceCryptoModule):
    """`CryptoModule` over the machines of another one, for a call that is recorded."""

    def __init__(self, module: MachineCryptoModule, device: MachineDevice) -> None:
        """Made by `MachineCryptoModule.observed`."""
        super().__init__(device)
        self._module = module

    async def health(self) -> ModuleHealth:
        """As the module itself: every machine is asked."""
        return await self._module.health()

    async def device_information(self) -> DeviceInformation:
        """As the module itself."""
        return await self._module.device_information()
