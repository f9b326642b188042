"""CPU time and memory of a node's processes, its PostgreSQL told apart.

Reads what the operating system counts; measures only this machine.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

import psutil

_POSTGRES: Final = "postgres"
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds since the processes began; `postgres` is None when it is not in the tree."""

    server: float
    postgres: float | None

    def since(self, earlier: Self) -> "CpuSeconds":
        """What was used after `earlier`."""
        postgres = None
        if self.postgres is not None and earlier.postgres is not None:
            postgres = self.postgres - earlier.postgres
        return CpuSeconds(self.server - earlier.server, postgres)


@dataclass(frozen=True, slots=True)
class NodeProcesses:
    """A node by the process id of its parent process."""

    pid: int

    def alive(self) -> bool:
        """Whether that process runs on this machine."""
        return psutil.pid_exists(self.pid)

    def postmaster(self) -> psutil.Process | None:
        """The node's own PostgreSQL; None when its database is elsewhere."""
        for child in psutil.Process(self.pid).children():
            if child.name().startswith(_POSTGRES):
                return child
        return None

    def cpu(self) -> CpuSeconds:
        """Parent, workers and helpers, and PostgreSQL with all its children."""
        parent = psutil.Process(self.pid)
        server, postgres = _own_and_ended(parent), None
        for child in parent.children():
            if child.name().startswith(_POSTGRES):
                postgres = (postgres or 0.0) + _tree(child)
            else:
                server += _tree(child)
        return CpuSeconds(server, postgres)

    def largest_worker(self) -> float:
        """Resident memory of the largest process below the parent, PostgreSQL left out; MiB."""
        sizes = [
            child.memory_info().rss
            for child in psutil.Process(self.pid).children()
            if not child.name().startswith(_POSTGRES)
        ]
        return max(sizes, default=0) / _MEBIBYTE

    def worker_cpu(self) -> dict[int, float]:
        """CPU seconds of each process below the parent, PostgreSQL left out."""
        return {
            child.pid: _own(child)
            for child in psutil.Process(self.pid).children()
            if not child.name().startswith(_POSTGRES)
        }


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _own_and_ended(process: psutil.Process) -> float:
    """CPU seconds of a process and of those of its children that have ended.

    Linux adds a child's time to its parent's (cutime and cstime) when the parent takes
    note of the end, so that nothing is lost.
    """
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _tree(top: psutil.Process) -> float:
    """CPU seconds of a process and of all that is or was below it."""
    total = 0.0
    for member in (top, *top.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            total += _own_and_ended(member)
    return total
