"""Ports for servers that are started in a moment. Starts none of them.

The system gives ports of its ephemeral range to whoever connects to anything: one that was
free a moment ago may be taken before the server has started. Ours lie below that range, and
each process that runs tests beside others has a part of its own.
"""

import os
import re
import socket
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

_HOST: Final = "127.0.0.1"
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_FIRST_EPHEMERAL: Final = 32_768
_LOWEST: Final = 10_000
_LEAST: Final = 2_000
"""So many ports must be left below the ephemeral range; otherwise the usual range is taken."""

_PARTS: Final = 16
_turn: Final = count(os.getpid() * 37)
"""Each call goes on from the last: what was given and is not in use yet is not given again."""


class NoFreePort(RuntimeError):
    """Every port of this process's part is taken."""


def free_port() -> int:
    """A TCP port of this machine that nobody listens on, and that is not given twice soon.

    Raises NoFreePort.
    """
    ports = part_of(os.environ.get("PYTEST_XDIST_WORKER", ""), below=first_ephemeral())
    for _ in ports:
        port = ports[next(_turn) % len(ports)]
        with suppress(OSError), socket.create_server((_HOST, port)):
            return port
    raise NoFreePort(f"{ports[0]} to {ports[-1]} are all taken")


def part_of(worker: str, *, below: int) -> range:
    """The ports of a worker, which pytest-xdist names gw0, gw1 and so on; "" stands alone."""
    number = re.search(r"\d+$", worker)
    part = (int(number[0]) + 1) % _PARTS if number else 0
    size = (below - _LOWEST) // _PARTS
    return range(_LOWEST + part * size, _LOWEST + (part + 1) * size)


def first_ephemeral(file: Path = _RANGE) -> int:
    """The first port that the system may give to an outgoing connection."""
    try:
        first = int(file.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_FIRST_EPHEMERAL
    return first if first - _LOWEST >= _LEAST else _USUAL_FIRST_EPHEMERAL
