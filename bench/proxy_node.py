"""A front proxy of the bench's own, and one caller that it allows; both gone at the end."""

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.node import START_SECONDS, NoNode, stop_process
from bench.ports import free_port
from bench.processes import NodeProcesses
from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.remote.lane import Party
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.wiring.creating import create_node
from openehc.wiring.crypto_backend import PROXY_KEY

_HOST: Final = "127.0.0.1"
_PASSPHRASE: Final = "a passphrase for the bench"  # noqa: S105 (of a node that lives for a minute)
_EHC: Final = "from openehc.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class BenchedProxy:
    """A running proxy, who calls it, and its processes."""

    party: Party
    processes: NodeProcesses


@contextmanager
def own_proxy(*, workers: int) -> Iterator[BenchedProxy]:
    """A front proxy before the soft module; raises NoNode when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="openehc-bench-"))
    folder.chmod(0o711)  # the database's own user has to pass through
    data, port = folder / "proxy", free_port()
    create_node(
        data, ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, passphrase=_PASSPHRASE,
        passphrase_file="passphrase",  # noqa: S106 (a file name)
    )  # fmt: skip
    (data / "passphrase").write_text(_PASSPHRASE, encoding="utf-8")
    options = ("--data", str(data), "--port", str(port), "--workers", str(workers))
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _EHC, "serve", "--roles", "crypto", *options],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            _wait_until_ready(port, process, log=folder / "log")
            yield BenchedProxy(_allowed(data, port), NodeProcesses(process.pid))
        finally:
            stop_process(process)
    finally:
        shutil.rmtree(folder)


def _allowed(data: Path, port: int) -> Party:
    """A new caller, put on the list as an operator does it."""
    key = Sm2PrivateKey.generate()
    words = ("keys", "caller", "allow", "bench", key.public.raw.hex(), "--calls", "all")
    command = [sys.executable, "-c", _EHC, *words, "--from", _HOST, "--data", str(data)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise NoNode(told.stdout + told.stderr)
    proxy = Sm2PrivateKey(open_key_file(data / "keys.json", _PASSPHRASE).local[PROXY_KEY])
    return Party(ProxyAddress(_HOST, port), proxy.public, key)


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://{_HOST}:{port}/health/ready", timeout=2)
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise NoNode(f"the proxy did not start:\n{said}")
