"""On what was measured: the machine, the program's libraries, PostgreSQL's settings.

Facts for the reader of a table; nothing is judged by them.
"""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import asyncpg
import psutil

from bench.processes import NodeProcesses
from openehc.storage.embedded_settings import DATABASE, ROLE

SETTINGS: Final = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers",
    "wal_compression", "max_wal_size", "checkpoint_timeout", "jit", "io_method",
)  # fmt: skip
_LIBRARIES: Final = ("uvicorn", "httptools", "uvloop", "asyncpg", "msgspec", "cryptography")
_GIBIBYTE: Final = 1 << 30
_PORT_LINE, _SOCKET_LINE = 3, 4


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was measured on; `load_before` is how many processes wanted a core before we began."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    libraries: dict[str, str]
    postgres: dict[str, str]
    load_before: float


async def circumstances(processes: NodeProcesses | None) -> Circumstances:
    """The facts of this moment; of PostgreSQL only when it runs here and lets us in."""
    return Circumstances(
        processor=_processor(),
        cores=psutil.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / _GIBIBYTE, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries={name: version(name) for name in _LIBRARIES},
        postgres=await _postgres(processes),
        load_before=os.getloadavg()[0],
    )


def _processor() -> str:
    """The processor by its trade name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or "unknown processor"


async def _postgres(processes: NodeProcesses | None) -> dict[str, str]:
    postmaster = processes.postmaster() if processes else None
    if postmaster is None:
        return {}
    try:
        host, port = _door_of(postmaster)
        connection = await asyncpg.connect(host=host, port=port, user=ROLE, database=DATABASE)
    except (OSError, ValueError, IndexError, psutil.Error, asyncpg.PostgresError):
        return {}
    try:
        told = {name: str(await connection.fetchval(f"show {name}")) for name in SETTINGS}
        accounts = await connection.fetchval("select count(*) from cards")
        return told | {"accounts": str(accounts)}
    finally:
        await connection.close()


def _door_of(postmaster: psutil.Process) -> tuple[str, int]:
    """The folder of the socket and the port, from the server's own postmaster.pid."""
    arguments = postmaster.cmdline()
    cluster = Path(arguments[arguments.index("-D") + 1])
    lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return lines[_SOCKET_LINE], int(lines[_PORT_LINE])
