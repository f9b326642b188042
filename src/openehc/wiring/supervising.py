"""Workers with a listening socket each, kept alive by uvicorn's supervisor.

On one shared socket the worker that wakes first takes a whole burst of connections
and the others idle; with one socket each the kernel spreads them. The sockets belong
to the parent and listen from the beginning: while a worker starts, its connections wait and
are not refused, and the first crowd does not all end with the worker that was up first.
Where the system cannot share a port (Windows), all workers share one socket.
"""

import logging
import socket
from typing import Final

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

READY_SECONDS: Final = 30.0
_log: Final = logging.getLogger("openehc.node")
_CAN_SHARE: Final = hasattr(socket, "SO_REUSEPORT")


def bind_sockets(config: Config) -> list[socket.socket]:
    """A listening socket for each worker, all on one port; raises OSError when it is taken."""
    family = socket.AF_INET6 if config.host and ":" in config.host else socket.AF_INET
    with socket.socket(family=family) as probe:  # another program may not share the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((config.host, config.port))
    return [_listening(config, family) for _ in range(config.workers if _CAN_SHARE else 1)]


def _listening(config: Config, family: socket.AddressFamily) -> socket.socket:
    bound = socket.socket(family=family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if _CAN_SHARE:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((config.host, config.port))
    bound.listen(config.backlog)
    bound.set_inheritable(True)
    return bound


class Worker(Process):
    """uvicorn's worker process, whose server is there before anybody asks whether it is ready.

    The main thread and the one that answers the supervisor would each make a server at
    their first look; when the wrong one stayed, the worker was never found ready.
    """

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What runs in the new process."""
        _ = self.server
        super().target(sockets)


class SocketEach(Multiprocess):
    """uvicorn's supervisor with the n-th socket for the n-th worker."""

    def init_processes(self) -> None:
        """Start the workers."""
        for slot in range(self.processes_num):
            self.processes.append(self._started(slot))

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that died or hang; give up when one cannot start at all."""
        for slot, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            self.processes[slot] = self._started(slot)

    def restart_all(self) -> None:
        """On SIGHUP: a new worker for each slot, which serves before the old one ends.

        Both listen on the slot's socket meanwhile. One that does not get ready in time
        goes, and the old workers stay.
        """
        for slot, old in enumerate(self.processes):
            new = self._started(slot)
            if not new.wait_until_ready(READY_SECONDS, self.should_exit):
                new.kill()
                new.join()
                _log.error("a new worker did not get ready; the old workers stay")
                return
            old.terminate()
            old.join()
            self.processes[slot] = new

    def _started(self, slot: int) -> Process:
        process = Worker(self.config, [self.sockets[slot % len(self.sockets)]])
        process.start()
        return process
