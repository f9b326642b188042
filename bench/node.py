"""The node that is measured: a demo of our own in a temporary folder, or one that runs.

Knows where a node is and how it is started and stopped; sends no request to it.
"""

import json
import os
import resource
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.filling import fill
from bench.ports import free_port
from bench.processes import NodeProcesses
from openehc.envelope.client_side import Credentials

START_SECONDS: Final = 240.0
STOP_SECONDS: Final = 30.0
_EHC: Final = "from openehc.cli.main import main; main()"
_HOST: Final = "127.0.0.1"


class NoNode(RuntimeError):
    """There is no node to measure; the message says why."""


@dataclass(frozen=True, slots=True)
class BenchedNode:
    """Where a node is and who speaks to it; `processes` is None when it is elsewhere.

    `tls` is how it is spoken to, None for plain HTTP.
    """

    gateway_url: str
    who: Credentials
    processes: NodeProcesses | None
    tls: ssl.SSLContext | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        url = urlsplit(self.gateway_url)
        return url.hostname or _HOST, url.port or (443 if self.tls else 80)


def running_node(profile: Path, tls: Callable[[], ssl.SSLContext] | None = None) -> BenchedNode:
    """The node of a demo.json; raises NoNode for a file that is none.

    `tls` makes what an https address is spoken to with; the system's authorities without.
    """
    try:
        told: dict[str, Any] = json.loads(profile.read_text(encoding="utf-8"))
        processes = NodeProcesses(int(told.get("pid", 0)))
        return BenchedNode(
            gateway_url=told["gateway_url"],
            who=Credentials(told["app_id"], told["app_secret"], told["term_id"]),
            processes=processes if processes.pid and processes.alive() else None,
            tls=(tls or ssl.create_default_context)() if _is_https(told["gateway_url"]) else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise NoNode(f"{profile}: {wrong!r}") from None


def _is_https(url: str) -> bool:
    return urlsplit(url).scheme == "https"


@contextmanager
def own_demo(*, workers: int, residents: int = 0) -> Iterator[BenchedNode]:
    """A fresh demo node that holds so many accounts, stopped and removed at the end.

    Raises NoNode when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="openehc-bench-"))
    # The database's own user has to pass through when we are root; it sees nothing else.
    folder.chmod(0o711)
    data, log = folder / "demo", folder / "demo.log"
    command = [sys.executable, "-c", _EHC, "demo", "--data", str(data)]
    command += ["--port", str(free_port()), "--workers", str(workers)]
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            profile = _profile_when_ready(data / "demo.json", process=process, log=log)
            if residents:
                fill(data, residents=residents)
            yield running_node(profile)
        finally:
            stop_process(process)
    finally:
        shutil.rmtree(folder)


def raise_file_limit(*, files: int) -> None:
    """Let this process, and the node that it starts, hold that many files and connections.

    Raises NoNode when the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= files:
        return
    if hard != resource.RLIM_INFINITY and hard < files:
        raise NoNode(f"{files} open files are needed, the system allows {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def _profile_when_ready(profile: Path, *, process: "subprocess.Popen[bytes]", log: Path) -> Path:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if profile.exists():
            return profile
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise NoNode(f"the demo did not start:\n{said}")


def stop_process(process: "subprocess.Popen[bytes]") -> None:
    """End a node, by force when it does not end by itself."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, 9)
        process.wait()
