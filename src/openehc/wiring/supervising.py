"""Workers with a listening socket each, kept alive by uvicorn's supervisor.

On one shared socket the worker that wakes first takes a whole burst of connections
and the others idle; with one socket each the kernel spreads them. The sockets belong
to the parent and listen from the beginning: while a worker starts, its connections wait and
are not refused, and the first crowd does not all end with the worker that was up first.
Where the system cannot share a port (Windows), all workers share one socket.

A machine that does much else makes a worker slow, not broken: one is replaced that ended, or
that gave no sign of life for longer than a busy machine explains. Nothing here waits for a
worker without looking whether the node is to end.

A worker ends when the supervisor is gone, killed without warning, say: nobody would replace
it, and while it keeps the port the node cannot be started again.
"""

import logging
import math
import os
import pickle
import signal
import socket
from multiprocessing import parent_process
from multiprocessing.connection import wait
from threading import Thread
from time import monotonic
from typing import Final

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

READY_SECONDS: Final = 120.0
"""What a worker may take until it serves, its silence while it loads the program included."""

SILENT_SECONDS: Final = 30.0
"""How long a worker that has served may leave the supervisor's question unanswered."""

_LOOK_SECONDS: Final = 0.1
_TO_END: Final = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)
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
    """uvicorn's worker process, which is asked for a sign of life without waiting for it.

    Its server is there before anybody asks whether it is ready: the main thread and the one
    that answers the supervisor would each make a server at their first look; when the wrong
    one stayed, the worker was never found ready.
    """

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.serves = False
        self._asked_at: float | None = None

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What runs in the new process."""
        _ = self.server
        if supervisor := parent_process():
            Thread(target=_end_with, args=(supervisor.sentinel,), daemon=True).start()
        super().target(sockets)

    def lives(self, *, now: float) -> bool:
        """Whether it runs and is not silent for too long; asks again what it has answered.

        Sets `serves` once it has answered that it takes requests. `now` is in seconds, of a
        clock that only goes forward.
        """
        patience = SILENT_SECONDS if self.serves else READY_SECONDS
        return self.process.is_alive() and self._silent_for(now) <= patience

    def _silent_for(self, now: float) -> float:
        """Seconds since the question that it has not answered; infinite when it hung up."""
        try:
            while self.parent_conn.poll():
                self.serves = bool(self.parent_conn.recv()) or self.serves
                self._asked_at = None
            if self._asked_at is None:
                self.parent_conn.send(b"ping")
                self._asked_at = now
        except (OSError, EOFError, pickle.UnpicklingError):
            return math.inf
        return now - self._asked_at


def _end_with(sentinel: int) -> None:
    """End this process, as a signal to end does, when the process of the sentinel is gone."""
    wait([sentinel])
    _log.error("the supervisor is gone: this worker answers what it has begun and ends")
    os.kill(os.getpid(), signal.SIGTERM)


class SocketEach(Multiprocess):
    """uvicorn's supervisor with the n-th socket for the n-th worker."""

    processes: list[Worker]  # type: ignore[assignment]

    def init_processes(self) -> None:
        """Start the workers."""
        for slot in range(self.processes_num):
            self.processes.append(self._started(slot))

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that died or hang; give up when one cannot start at all."""
        for slot, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if process.lives(now=monotonic()):
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
        goes, and the old workers stay. When the node is told to end meanwhile, it ends.
        """
        for slot, old in enumerate(self.processes):
            if self._is_to_end():
                return
            new = self._started(slot)
            if not self._gets_ready(new):
                new.kill()
                new.join()
                if not self._is_to_end():
                    _log.error("a new worker did not get ready; the old workers stay")
                return
            old.terminate()
            old.join()
            self.processes[slot] = new

    def _gets_ready(self, new: Worker) -> bool:
        """Wait until it serves; not when it ends, when time is up or the node is to end."""
        deadline = monotonic() + READY_SECONDS
        while monotonic() <= deadline and new.lives(now=monotonic()):
            if self._is_to_end():
                return False
            if new.serves:
                return True
            self.should_exit.wait(_LOOK_SECONDS)
        return False

    def _is_to_end(self) -> bool:
        """Whether a signal to end has come, be it only in the queue that is looked at later."""
        return self.should_exit.is_set() or not _TO_END.isdisjoint(self.signal_queue)

    def _started(self, slot: int) -> Worker:
        process = Worker(self.config, [self.sockets[slot % len(self.sockets)]])
        process.start()
        return process
