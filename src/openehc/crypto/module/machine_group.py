"""Several crypto machines as one, some added and removed while they work.

Which one is asked and what follows from a failure, `group.py` decides; what is asked,
neither knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from openehc.crypto.module.group import Group, GroupRules
from openehc.crypto.module.machine_connection import MachineDown
from openehc.crypto.module.machine_pool import Machine, MachineAddress, MachineSettings


@dataclass(frozen=True, slots=True)
class MachineState:
    """A machine as the operator sees it; `answered` counts calls since it was added."""

    address: MachineAddress
    serves: bool
    outstanding: int
    answered: int


class MachineGroup(Group[Machine]):
    """The machines of one crypto module; belongs to one event loop."""

    def __init__(self, addresses: Iterable[MachineAddress], *, settings: MachineSettings) -> None:
        """Nothing is connected before the first call; raises ValueError for a repetition."""
        super().__init__(
            GroupRules(
                "crypto machine",
                MachineDown,
                settings.ejection,
                settings.answer_seconds,
                settings.hedging,
            )
        )
        self._settings: Final = settings
        self._numbered = 0
        for address in addresses:
            self.enter(self.new_machine(address))

    def states(self) -> tuple[MachineState, ...]:
        """Every machine, in the order in which they were added."""
        return tuple(
            MachineState(one.address, one.standing.serves, one.outstanding, one.answered)
            for one in self.members
        )

    def new_machine(self, address: MachineAddress) -> Machine:
        """A machine under these settings, which takes no calls of the group yet."""
        self._numbered += 1
        return Machine(address, number=self._numbered, settings=self._settings)

    def enter(self, machine: Machine) -> None:
        """Let it take calls from now on; raises ValueError for an address in use."""
        self._enter(machine.address, machine)
