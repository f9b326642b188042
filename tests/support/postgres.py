"""A real PostgreSQL for every test that wants one.

One embedded server serves the whole run, all xdist workers together; who started it
stops it when the last one is done. Its databases are copies of a template that the
real migrations built. It writes without fsync, into memory where there is enough: tests of
durability take `private_postgres`, a server of their own with the settings of production.

    database_dsn        a fresh database for the test module
    database            a `Database` on it, for one test; its content is fresh afterwards
    empty_database_dsn  a database without any table, for one test
    private_postgres    a running `EmbeddedPostgres` of the test's own
    open_folder         a fresh folder that the server's own user can reach
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.migrations import MIGRATIONS, migrate
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.wiring.workers_database import DAILY_TABLES
from tests.support.folders import new_folder, quickest_place

_TEMPLATE: Final = "openehc_template"
_COPYING: Final = "strategy file_copy"
"""Without fsync files are copied three times as fast as blocks go through the log."""

FIRST_DAY: Final = date(2026, 3, 2)
"""The day on which the tests' clocks begin: the template has its partitions already."""

_HASTY: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
    "autovacuum": "off",
    "max_connections": "500",
    "max_wal_size": "128MB",
}
_SMALL: Final = {"shared_buffers": "32MB"}


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The address of the run's server; its template database is ready."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(8)
    shared = quickest_place() / f"openehc-tests-{os.getuid()}-{run[:12]}"
    shared.mkdir(mode=0o711, exist_ok=True)
    users = (shared / "users.lock").open("a")
    server: EmbeddedPostgres | None = None
    try:
        with _only_one(shared):
            address = shared / "dsn"
            if not address.exists():
                server = EmbeddedPostgres(shared / "server", settings=_HASTY)
                dsn = server.start()
                _build_template(dsn)
                address.write_text(dsn, "utf-8")
            fcntl.flock(users, fcntl.LOCK_SH)
        yield address.read_text("utf-8")
        fcntl.flock(users, fcntl.LOCK_UN)
    finally:
        if server is not None:
            _stop_when_alone(server, shared=shared, users=users.fileno())
        users.close()


@pytest.fixture(scope="module")
def database_dsn(postgres_dsn: str) -> Iterator[str]:
    """A fresh copy of the template for this test module."""
    name = f"t_{secrets.token_hex(6)}"
    _command(postgres_dsn, f"create database {name} template {_TEMPLATE} {_COPYING}")
    yield _named(postgres_dsn, name)
    _command(postgres_dsn, f"drop database {name} with (force)")


@pytest.fixture
async def database(postgres_dsn: str, database_dsn: str) -> AsyncIterator[Database]:
    """A handle on the module's database; whatever the test leaves there is thrown away."""
    handle = await Database.connect(database_dsn, size=8, name="test")
    yield handle
    await handle.close()
    name = urlsplit(database_dsn).path[1:]
    await _run(postgres_dsn, f"drop database {name} with (force)")
    await _run(postgres_dsn, f"create database {name} template {_TEMPLATE} {_COPYING}")


@pytest.fixture
def empty_database_dsn(postgres_dsn: str) -> Iterator[str]:
    """A database without any table."""
    name = f"e_{secrets.token_hex(6)}"
    _command(postgres_dsn, f"create database {name}")
    yield _named(postgres_dsn, name)
    _command(postgres_dsn, f"drop database {name} with (force)")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A fresh folder that the server's user may pass through; pytest's own are closed to it."""
    folder = new_folder("openehc-")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prototype() -> Iterator[Path]:
    """A data folder after its first start and stop: copying it is quicker than making one."""
    folder = new_folder("openehc-")
    server = EmbeddedPostgres(folder / "data", settings=_SMALL)
    server.start()
    server.stop()
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def private_postgres(open_folder: Path, prototype: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, durable as in production, which the test may kill."""
    data = open_folder / "data"
    shutil.copytree(prototype, data)
    owner = (prototype / "cluster").stat()
    for path in [data / "cluster", *(data / "cluster").rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)
    server = EmbeddedPostgres(data, settings=_SMALL, state_root=open_folder / "state")
    server.start()
    yield server
    server.stop()


@contextmanager
def _only_one(shared: Path) -> Iterator[None]:
    with (shared / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _stop_when_alone(server: EmbeddedPostgres, *, shared: Path, users: int) -> None:
    """Wait for the other workers; the system drops the lock of one that died."""
    while True:
        with _only_one(shared):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                (shared / "dsn").unlink(missing_ok=True)
                server.stop()
                shutil.rmtree(shared)
                return
        time.sleep(0.1)


def _build_template(dsn: str) -> None:
    _command(dsn, f"create database {_TEMPLATE}")
    migrate(_named(dsn, _TEMPLATE))
    asyncio.run(_make_days(_named(dsn, _TEMPLATE)))


def migrations_upto(number: str, folder: Path) -> Path:
    """The folder with the program's migrations up to this number in it."""
    for file in MIGRATIONS.glob("*.sql"):
        if file.name[:4] <= number:
            shutil.copy(file, folder)
    return folder


async def _make_days(dsn: str) -> None:
    database = await Database.connect(dsn, size=1, name="template")
    await ensure_day_partitions(database, DAILY_TABLES, today=FIRST_DAY)
    await database.close()


def _named(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def _command(dsn: str, sql: str) -> None:
    asyncio.run(_run(dsn, sql))


async def _run(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
