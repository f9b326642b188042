"""`ehc keys machines closed` where a machine answers, and in every way in which it does not."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from click.testing import CliRunner, Result

from bench.ports import free_port
from openehc.cli.main import main
from openehc.crypto.module.reaching import Reach, reach_in
from tests.support.crypto_machine import CryptoMachine, Manner


@pytest.fixture
async def machine() -> AsyncIterator[CryptoMachine]:
    async with CryptoMachine() as one:
        yield one


@pytest.fixture
def refusing() -> str:
    """A place where nothing listens."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def filtered() -> Iterator[str]:
    """A place where the system drops whatever asks for a connection, as a fire wall does."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):  # the queue of connections that nobody takes
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"


async def tried(*addresses: str, seconds: float = 60.0) -> Result:
    """The command, in a thread: it has an event loop of its own."""
    words = ["keys", "machines", "closed", *addresses, "--seconds", str(seconds)]
    return await asyncio.to_thread(CliRunner().invoke, main, words)


@pytest.mark.requirement("G1-9.5-7")
async def test_a_machine_that_answers_here_is_not_closed(machine: CryptoMachine) -> None:
    result = await tried(str(machine.address))

    assert result.exit_code == 1
    assert "NOT CLOSED: it answers" in result.output


@pytest.mark.requirement("G1-9.5-7")
async def test_a_machine_whose_own_list_keeps_this_computer_away_is_closed(
    machine: CryptoMachine,
) -> None:
    machine.manner = Manner.CLOSING

    result = await tried(str(machine.address))

    assert result.exit_code == 0, result.output
    assert "closed: it hangs up" in result.output


@pytest.mark.requirement("G1-9.5-7")
async def test_a_refused_connection_is_closed(refusing: str) -> None:
    result = await tried(refusing)

    assert result.exit_code == 0, result.output
    assert f"{refusing:<24}closed: the connection is refused" in result.output


@pytest.mark.requirement("G1-9.5-7")
async def test_a_connection_that_a_fire_wall_drops_is_closed(filtered: str) -> None:
    result = await tried(filtered, seconds=0.5)

    assert result.exit_code == 0, result.output
    assert "closed: the connection is not answered" in result.output


async def test_one_open_machine_among_closed_ones_is_told(
    machine: CryptoMachine, refusing: str
) -> None:
    result = await tried(refusing, str(machine.address))

    assert result.exit_code == 1
    assert "closed: the connection is refused" in result.output
    assert "NOT CLOSED: it answers" in result.output


async def test_a_machine_that_takes_connections_and_is_silent_proves_nothing(
    machine: CryptoMachine,
) -> None:
    machine.manner = Manner.SILENT

    result = await tried(str(machine.address), seconds=2.0)

    assert result.exit_code == 1
    assert "NOT CLOSED: it takes the connection" in result.output


async def test_a_machine_that_was_mistyped_proves_nothing() -> None:
    result = await tried("no-such-machine.invalid")

    assert result.exit_code == 1
    assert "NOT CLOSED" in result.output


async def test_what_is_no_address_is_refused() -> None:
    result = await tried("10.2.0.11:port")

    assert result.exit_code == 1
    assert "HOST or HOST:PORT is expected" in result.output


@pytest.mark.parametrize(
    ("number", "reach"),
    [
        (errno.EHOSTUNREACH, Reach.UNREACHABLE),
        (errno.ENETUNREACH, Reach.UNREACHABLE),
        (errno.EACCES, Reach.UNREACHABLE),
        (errno.ECONNRESET, Reach.HUNG_UP),
        (errno.EMFILE, Reach.TROUBLE),
    ],
)
def test_only_trouble_of_the_way_proves_anything(number: int, reach: Reach) -> None:
    assert reach_in(OSError(number, "it did not work")) is reach
    assert reach.closed is (reach is not Reach.TROUBLE)
