"""A running platform for tests: in this process, or as the processes that operators start.

clock           where the node's time stands; move it with `advance`
crypto_module   the node's crypto module, which a test may take away
start           starts a node in this process with settings of the test's own
node            one such node with the demo registry, on the test module's database
client          the demo application at its terminal, calling `node`
demo            a demo node as processes (two workers), shared: leave it as it was
own_demo        the same, for one test, which may kill what it likes
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import httpx
import msgspec
import psutil
import pytest

from bench.ports import free_port
from openehc.crypto import keyfile
from openehc.crypto.keyfile import KeyPurpose
from openehc.crypto.module.port import (
    CryptoModule,
    DeviceInformation,
    Identity,
    ModuleHealth,
    ModuleKind,
)
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.envelope.client_side import Credentials
from openehc.kernel.clock import SetClock, SystemClock, china_day
from openehc.kernel.refusal import CryptoModuleDown
from openehc.storage.partitions import ensure_day_partitions
from openehc.wiring.application import Application
from openehc.wiring.audit_key import MARKS_FOLDER
from openehc.wiring.creating import create_node
from openehc.wiring.demo import APP_ID, EHCIN, TERM_ID, DemoRegistry, fill_registry
from openehc.wiring.node import Node, start_node
from openehc.wiring.settings import Settings, read_settings
from openehc.wiring.worker import ApplicationFactory
from openehc.wiring.workers_database import DAILY_TABLES
from tests.support.client import GatewayClient
from tests.support.folders import new_folder
from tests.support.lent_routes import lend_routes
from tests.support.waiting import until

MORNING: Final = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
"""08:30 in +08:00."""

APP_SECRET: Final = "w7]Kd^1f-never-used-elsewhere-Q3"
_PASSPHRASE: Final = "an invented passphrase"
_START_SECONDS: Final = 240.0
_STOP_SECONDS: Final = 120.0

StartNode = Callable[..., Awaitable["RunningNode"]]


class FallibleCryptoModule:
    """The software module behind a switch: while `down`, every call raises CryptoModuleDown."""

    def __init__(self) -> None:
        self._soft = SoftCryptoModule(PUBLIC_TEST_KEYS)
        self.down = False

    def _answering(self) -> SoftCryptoModule:
        if self.down:
            raise CryptoModuleDown
        return self._soft

    async def make_mindex_id(self, id_type: str, id_no: str, name: str) -> str:
        return await self._answering().make_mindex_id(id_type, id_no, name)

    async def make_ehcid(self, id_type: str, id_no: str, mindex_id: str) -> bytes:
        return await self._answering().make_ehcid(id_type, id_no, mindex_id)

    async def open_ehcid(self, ehcid: bytes, mindex_id: str) -> Identity | None:
        return await self._answering().open_ehcid(ehcid, mindex_id)

    async def make_valid(self, expires: datetime) -> str:
        return await self._answering().make_valid(expires)

    async def open_valid(self, valid: str) -> datetime | None:
        return await self._answering().open_valid(valid)

    async def health(self) -> ModuleHealth:
        return ModuleHealth("switch", ModuleKind.SOFT, alive=not self.down, detail="")

    async def device_information(self) -> DeviceInformation:
        return await self._answering().device_information()

    async def key_check_values(self) -> dict[str, str]:
        return await self._answering().key_check_values()


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node in this process and the HTTP client that reaches it."""

    parts: Node
    http: httpx.AsyncClient
    clock: SetClock

    def client(self) -> GatewayClient:
        """The demo application at its terminal."""
        return GatewayClient(self.http, Credentials(APP_ID, APP_SECRET, TERM_ID), self.clock)

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """What a statement gives from the node's database."""
        return [dict(row) for row in await self.parts.database.fetch(sql, *args)]

    async def registry_knows(self, seen: Callable[[], bool]) -> None:
        """Wait until a change of the registers has reached the worker's memory."""
        await until(seen)


@pytest.fixture(scope="session", autouse=True)
def keys_derived_once() -> Iterator[None]:
    """The key of a key file is derived once from each passphrase and salt, not at each start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_file_key", cache(keyfile._file_key))
        yield


def made_node(folder: Path, purpose: KeyPurpose) -> Path:
    """The folder, made by `ehc init` but for the questions; the passphrase lies in it."""
    folder.mkdir(exist_ok=True)
    (folder / "passphrase").write_text(_PASSPHRASE, "utf-8")
    create_node(
        folder, ehcin=EHCIN, mode=purpose, passphrase=_PASSPHRASE, passphrase_file="passphrase"
    )
    return folder


@pytest.fixture(scope="session")
def node_folder() -> Iterator[Path]:
    """The data folder of a node with the public test keys."""
    folder = Path(tempfile.mkdtemp(prefix="openehc-node-"))
    yield made_node(folder, KeyPurpose.DEMO)
    shutil.rmtree(folder)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MORNING)


@pytest.fixture
def crypto_module() -> FallibleCryptoModule:
    return FallibleCryptoModule()


@pytest.fixture
async def start(
    node_folder: Path, database_dsn: str, clock: SetClock, crypto_module: FallibleCryptoModule
) -> AsyncIterator[StartNode]:
    """Starts nodes; keywords replace fields of their `Settings`, the DSN or the crypto module."""
    running: list[RunningNode] = []

    async def begin(
        *, dsn: str = database_dsn, module: CryptoModule | None = None, **changes: Any
    ) -> RunningNode:
        settings = replace(read_settings(node_folder, port=8080), **changes)
        parts = await start_node(
            settings, _PASSPHRASE, dsn, clock=clock, module=module or crypto_module
        )
        node = _reachable(parts, settings, clock, dsn)
        running.append(node)
        await ensure_day_partitions(parts.database, DAILY_TABLES, today=china_day(clock.now()))
        await _fill(node)
        return node

    yield begin
    for node in running:
        await node.http.aclose()
        await node.parts.stop()
    shutil.rmtree(node_folder / MARKS_FOLDER, ignore_errors=True)  # of this test's database


def _reachable(parts: Node, settings: Settings, clock: SetClock, dsn: str) -> RunningNode:
    lend_routes(parts.console)
    application = Application(ApplicationFactory(settings, dsn, _PASSPHRASE))
    application._node = parts
    transport = httpx.ASGITransport(cast("Any", application))  # its scope is a plain dict
    http = httpx.AsyncClient(transport=transport, base_url=settings.base_url)
    return RunningNode(parts, http, clock)


async def _fill(node: RunningNode) -> None:
    registry = DemoRegistry(APP_SECRET, console_password="unused")
    await fill_registry(node.parts.access, registry, guide_sample=None)
    await node.registry_knows(
        lambda: (
            node.parts.registry.caller(APP_ID) is not None
            and node.parts.registry._terminals.get(TERM_ID) is not None
        )
    )


@pytest.fixture
async def node(start: StartNode) -> RunningNode:
    return await start()


@pytest.fixture
def client(node: RunningNode) -> GatewayClient:
    return node.client()


# ---------------------------------------------------------------- as processes


@dataclass(slots=True)
class Processes:
    """`ehc demo` or `ehc serve` as an operator starts it, with everything that it started."""

    data: Path
    port: int
    command: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(init=False)
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """What the processes printed."""
        return self.data.parent / f"{self.data.name}.output"

    def start(self) -> None:
        """Start, and wait until requests are accepted."""
        options = ("--data", str(self.data), "--port", str(self.port), "--workers", "2")
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "openehc", *self.command, *options],
                stdout=out, stderr=subprocess.STDOUT, env=environment(),
            )  # fmt: skip
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text("utf-8")
            with suppress(httpx.TransportError):
                ready = httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=2)
                if ready.status_code == httpx.codes.OK and self._profile_is_there():
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.output.read_text('utf-8')}")

    def _profile_is_there(self) -> bool:
        file = self.data / "demo.json"
        if self.command[0] == "demo":
            if not file.exists():
                return False
            self.profile = msgspec.json.decode(file.read_bytes())
        return True

    def stop(self) -> int:
        """SIGTERM, and the exit code; what is left over is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill(self.family())
            raise

    def family(self) -> list[psutil.Process]:
        """The supervisor and every process below it, the database's too."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if _is_worker(child)]

    def database(self) -> list[psutil.Process]:
        """The postmaster first, then its children."""
        found = [process for process in self.family() if process.name().startswith("postgres")]
        return sorted(found, key=lambda process: process.create_time())

    @property
    def dsn(self) -> str:
        """The address of the embedded database, for looking at what was stored."""
        folder = str(self.data / "postgres" / "socket").replace("/", "%2F")
        return f"postgresql://openehc@/openehc?host={folder}&port=5432"

    def credentials(self) -> Credentials:
        told = self.profile
        return Credentials(told["app_id"], told["app_secret"], told["term_id"])

    def client(self, http: httpx.AsyncClient) -> GatewayClient:
        """The demo application over `http`."""
        return GatewayClient(http, self.credentials(), SystemClock())

    def http(self, **options: Any) -> httpx.AsyncClient:
        """A fresh HTTP client: connections of its own, so that any worker may answer."""
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False, **options
        )


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie, too
        return False


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill them all; the end of one may have ended others already."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def environment() -> dict[str, str]:
    """The environment in which our program is started from this checkout."""
    source = str(Path(__file__).resolve().parents[2] / "src")
    return {**os.environ, "PYTHONPATH": source, "PYTHONUNBUFFERED": "1"}


def _demo() -> Iterator[Processes]:
    folder = new_folder("ehc-")
    processes = Processes(folder / "d", free_port(), ("demo", "--with-guide-sample"))
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def demo() -> Iterator[Processes]:
    yield from _demo()


@pytest.fixture
def own_demo() -> Iterator[Processes]:
    yield from _demo()
