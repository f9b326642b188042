"""The sockets of the workers, listening before any is up, and what is made of slow workers."""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from bench.ports import free_port
from openehc.wiring import supervising
from openehc.wiring.supervising import (
    READY_SECONDS,
    SILENT_SECONDS,
    SocketEach,
    Worker,
    bind_sockets,
)

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
            crowd.enter_context(socket.create_connection(sockets[0].getsockname(), timeout=60))

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
            self.runs.wait(60)

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

    assert Made.runs.wait(60)
    assert worker.is_ready(timeout=60)


# ---------------------------------------------------------------- slow, silent and dead workers


class Watched(Worker):
    """A worker whose process is a word: the test answers for it over `child_conn`."""

    def __init__(self) -> None:
        super().__init__(Config("nothing:runs"), [])
        self.running = True
        self.process = self  # type: ignore[assignment]

    def is_alive(self, timeout: float = 5) -> bool:
        del timeout
        return self.running

    def answer(self, *, started: bool) -> None:
        """What the worker's thread does for each question."""
        self.child_conn.recv()
        self.child_conn.send(started)


def test_a_worker_that_loads_the_program_may_be_silent_for_two_minutes() -> None:
    worker = Watched()

    assert worker.lives(now=0)
    assert worker.lives(now=READY_SECONDS)
    assert not worker.lives(now=READY_SECONDS + 1)


def test_a_worker_that_served_may_be_silent_for_half_a_minute() -> None:
    worker = Watched()
    worker.lives(now=0)
    worker.answer(started=True)

    assert worker.lives(now=100)
    assert worker.lives(now=100 + SILENT_SECONDS)
    assert not worker.lives(now=100 + SILENT_SECONDS + 1)


def test_a_worker_that_answers_is_asked_again_and_lives_on() -> None:
    worker = Watched()

    for moment in range(0, 1000, 25):
        assert worker.lives(now=moment)
        worker.answer(started=moment > 500)

    assert worker.serves


def test_a_worker_that_hung_up_or_ended_does_not_live() -> None:
    hung_up, ended = Watched(), Watched()
    hung_up.child_conn.close()
    ended.running = False

    assert not hung_up.lives(now=0)
    assert not ended.lives(now=0)


class Told(Worker):
    """A worker that is as the test says, and writes down what is done to it."""

    def __init__(self, *, alive: bool = True, serves: bool = True, code: int | None = None) -> None:
        super().__init__(Config("nothing:runs"), [])
        self.alive, self.serves, self.code, self.did = alive, serves, code, list[str]()

    @property
    def exitcode(self) -> int | None:
        return self.code

    def lives(self, *, now: float) -> bool:
        del now
        return self.alive

    def terminate(self) -> None:
        self.did.append("terminate")

    def kill(self) -> None:
        self.did.append("kill")

    def join(self) -> None:
        self.did.append("join")


class Supervised(SocketEach):
    """The supervisor, which starts the workers that the test holds ready."""

    def __init__(self, running: list[Worker], *, ready: list[Worker]) -> None:
        super().__init__(Config("nothing:runs", workers=len(running)), sockets=[])
        self.processes, self.ready = running, ready

    def _started(self, slot: int) -> Worker:
        del slot
        return self.ready.pop(0)


@pytest.fixture
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor takes no signal of the process that runs the tests."""
    monkeypatch.setattr(multiprocess, "SIGNALS", {})


@pytest.mark.usefixtures("no_signals")
def test_a_worker_that_lives_no_more_is_replaced_and_the_others_stay() -> None:
    fine, hung, new = Told(), Told(alive=False), Told()
    supervisor = Supervised([fine, hung], ready=[new])

    supervisor.keep_subprocess_alive()

    assert supervisor.processes == [fine, new]
    assert (fine.did, hung.did) == ([], ["kill", "join"])


@pytest.mark.usefixtures("no_signals")
def test_a_worker_that_cannot_start_ends_the_node() -> None:
    supervisor = Supervised([Told(alive=False, code=STARTUP_FAILURE)], ready=[])

    supervisor.keep_subprocess_alive()

    assert supervisor.should_exit.is_set()


@pytest.mark.usefixtures("no_signals")
def test_a_restart_ends_each_worker_when_its_successor_serves() -> None:
    old, new = Told(), Told()
    supervisor = Supervised([old], ready=[new])

    supervisor.restart_all()

    assert supervisor.processes == [new]
    assert (old.did, new.did) == (["terminate", "join"], [])


@pytest.mark.usefixtures("no_signals")
@pytest.mark.parametrize("alive", [True, False], ids=["time is up", "it ended"])
def test_a_successor_that_does_not_get_ready_leaves_the_old_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, alive: bool
) -> None:
    old, new = Told(), Told(serves=False, alive=alive)
    supervisor = Supervised([old], ready=[new])
    if alive:
        monkeypatch.setattr(supervising, "READY_SECONDS", 0)

    supervisor.restart_all()

    assert supervisor.processes == [old]
    assert (old.did, new.did) == ([], ["kill", "join"])
    assert "did not get ready" in caplog.text


@pytest.mark.usefixtures("no_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_told_to_end_does_not_wait_for_a_successor(
    caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    class Late(Told):
        def lives(self, *, now: float) -> bool:
            supervisor.signal_queue.append(number)  # it comes while the supervisor waits
            return super().lives(now=now)

    old, new = Told(), Late(serves=False)
    supervisor = Supervised([old], ready=[new])

    supervisor.restart_all()

    assert (old.did, new.did) == ([], ["kill", "join"])
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.usefixtures("no_signals")
def test_a_node_that_was_told_to_end_starts_no_successor() -> None:
    supervisor = Supervised([Told()], ready=[])
    supervisor.signal_queue.append(signal.SIGTERM)

    supervisor.restart_all()

    assert supervisor.signal_queue == [signal.SIGTERM]  # and is looked at next


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
