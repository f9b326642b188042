"""The sockets of the workers: one each, listening before any worker is up."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from uvicorn import Config
from uvicorn.supervisors import multiprocess

from openehc.wiring.supervising import Worker, bind_sockets
from tests.support.node import free_port

CROWD = 200


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    config = Config("nothing:runs", host="127.0.0.1", port=free_port(), workers=2, backlog=512)
    bound = bind_sockets(config)
    yield bound
    for each in bound:
        each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux spreads connections over the sockets")
def test_a_crowd_that_comes_before_the_workers_is_spread_over_all_of_them(
    sockets: list[socket.socket],
) -> None:
    with ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(socket.create_connection(sockets[0].getsockname(), timeout=5))

        shares = [_waiting(each) for each in sockets]

    assert sum(shares) == CROWD
    assert min(shares) > CROWD // 4


def test_a_port_that_another_program_has_is_not_shared_with_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = Config("nothing:runs", host="127.0.0.1", port=other.getsockname()[1], workers=2)

        with pytest.raises(OSError, match="in use"):
            bind_sockets(config)


MAIN = "the worker's main thread"


class Made:
    """A server that has started once it runs; a second one is made before that, and comes after."""

    second = threading.Event()
    runs = threading.Event()

    def __init__(self, config: Config) -> None:
        del config
        self.started = False
        if threading.current_thread().name == MAIN:
            self.second.wait(0.3)
        else:
            self.second.set()
            self.runs.wait(10)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets
        self.started = True
        self.runs.set()


def test_a_worker_that_is_asked_from_the_first_moment_is_found_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Made, "second", threading.Event())
    monkeypatch.setattr(Made, "runs", threading.Event())
    monkeypatch.setattr(multiprocess, "Server", Made)
    worker = Worker(Config("nothing:runs"), [])
    worker.parent_conn.send(b"ping")

    threading.Thread(target=worker.target, name=MAIN, daemon=True).start()
    worker.parent_conn.recv()  # what the first moment's question got may be a no

    assert Made.runs.wait(10)
    assert worker.is_ready()


def _waiting(listening: socket.socket) -> int:
    """How many connections wait at the socket; takes them."""
    listening.setblocking(False)  # noqa: FBT003 (the socket's own method)
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1
