"""A card node, its front proxy and crypto machines, each as the processes that operators start.

proxied     a demo node that knows the proxy only, a proxy before two machines
standing    the same, shared by a test module, whose machines nobody touches
two_proxies         the same with two proxies before the machines
machine_processes   starts further machines
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from bench.ports import free_port
from openehc.cli.main import main
from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.creating import create_node
from openehc.wiring.demo import EHCIN
from tests.support.folders import new_folder
from tests.support.node import Processes, environment

_PASSPHRASE: Final = "an invented passphrase"


@dataclass(slots=True)
class MachineProcess:
    """A crypto machine as a process of its own."""

    port: int
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        command = ["-m", "tests.support.crypto_machine", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, env=environment()
        )
        assert self.process.stdout
        self.process.stdout.readline()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"


StartMachine = Callable[[], MachineProcess]


@pytest.fixture
def machine_processes() -> Iterator[StartMachine]:
    """Starts a machine with the public test keys; all are gone afterwards."""
    with _machines() as start:
        yield start


@contextmanager
def _machines() -> Iterator[StartMachine]:
    started: list[MachineProcess] = []

    def start() -> MachineProcess:
        machine = MachineProcess(free_port())
        machine.start()
        started.append(machine)
        return machine

    try:
        yield start
    finally:
        for machine in started:
            if machine.process.poll() is None:
                machine.kill()


@dataclass(slots=True)
class Proxied:
    """The card node, its front proxies, and the machines behind them."""

    card: Processes
    proxies: list[Processes]
    machines: list[MachineProcess]

    @property
    def proxy(self) -> Processes:
        """The only proxy, or the first."""
        return self.proxies[0]

    async def keys(self, *words: str) -> Result:
        """`ehc keys ...` on the proxy's node; it has an event loop of its own."""
        return await asyncio.to_thread(ehc, "keys", *words, "--data", str(self.proxy.data))

    async def caller_key(self) -> str:
        """The public key of the card node."""
        words = ("keys", "caller", "show", "--data", str(self.card.data))
        return (await asyncio.to_thread(ehc, *words)).output.strip()


def ehc(*words: str) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(main, list(words))


def node_folder(parent: Path, name: str) -> Path:
    """The data folder of a new node with the public test keys."""
    folder = parent / name
    create_node(
        folder,
        ehcin=EHCIN,
        mode=KeyPurpose.DEMO,
        passphrase=_PASSPHRASE,
        passphrase_file="passphrase",
    )
    (folder / "passphrase").write_text(_PASSPHRASE, "utf-8")
    return folder


def trust(card: Path, proxies: Sequence[Processes]) -> None:
    """What the operators do once: exchange public keys, allow the caller."""
    key = ehc("keys", "caller", "new", "--data", str(card)).output.strip()
    words = ("--calls", "all", "--from", "127.0.0.0/8")
    with (card / "node.toml").open("a") as settings:
        settings.write("\n[crypto.proxy_key]\n")
        for proxy in proxies:
            data = ("--data", str(proxy.data))
            settings.write(
                f'"{_url(proxy)}" = "{ehc("keys", "proxy", "show", *data).output.strip()}"\n'
            )
            allowed = ehc("keys", "caller", "allow", "card", key, *words, *data)
            assert allowed.exit_code == 0, allowed.output


def _url(proxy: Processes) -> str:
    return f"http://127.0.0.1:{proxy.port}"


@pytest.fixture
def proxied(machine_processes: StartMachine) -> Iterator[Proxied]:
    with _proxied(machine_processes) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def standing() -> Iterator[Proxied]:
    with _machines() as start, _proxied(start) as nodes:
        yield nodes


@pytest.fixture
def two_proxies(machine_processes: StartMachine) -> Iterator[Proxied]:
    with _proxied(machine_processes, proxies=2) as nodes:
        yield nodes


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder with a short path, through which the database's own user may pass."""
    parent = new_folder("ehc-")
    try:
        yield parent
    finally:
        shutil.rmtree(parent)


@contextmanager
def _proxied(start: StartMachine, *, proxies: int = 1) -> Iterator[Proxied]:
    with own_folder() as parent:
        machines = [start(), start()]
        setting = "machine:" + ",".join(one.name for one in machines)
        command = ("serve", "--roles", "crypto", "--crypto", setting)
        names = ["p", "q"][:proxies]
        before = [Processes(node_folder(parent, name), free_port(), command) for name in names]
        urls = "proxy:" + ",".join(_url(proxy) for proxy in before)
        card = Processes(node_folder(parent, "d"), free_port(), ("demo", "--crypto", urls))
        try:
            for proxy in before:
                proxy.start()
            trust(card.data, before)
            card.start()
            yield Proxied(card, before, machines)
        finally:
            for node in (card, *before):
                if hasattr(node, "process"):
                    node.stop()
