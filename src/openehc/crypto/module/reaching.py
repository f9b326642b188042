"""Whether a crypto machine can be reached from this computer (材料一 9.5: 密码机内置白名单).

Only the front proxy may reach it, so everywhere else the answer has to be no. One connection
and one heartbeat for each machine; whether it works at all, only the front proxy can tell.
"""

import asyncio
import errno
import socket
from enum import Enum, unique
from typing import Final

from openehc.crypto.module.frames import HEADER_SIZE, HEARTBEAT
from openehc.crypto.module.machine_pool import MachineAddress

_REFUSED: Final = frozenset({errno.ECONNREFUSED})
_UNREACHABLE: Final = frozenset({
    errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.ETIMEDOUT,
})  # fmt: skip


@unique
class Reach(Enum):
    """What became of the attempt, as an operator reads it."""

    REFUSED = "the connection is refused"
    FILTERED = "the connection is not answered"
    UNREACHABLE = "no way leads there"
    HUNG_UP = "it hangs up without an answer"
    ANSWERS = "it answers"
    SILENT = "it takes the connection and says nothing"
    UNKNOWN_NAME = "the name is unknown"
    TROUBLE = "this computer cannot try"

    @property
    def closed(self) -> bool:
        """Whether it proves that the machine serves nobody here; the last three prove nothing."""
        return self in _CLOSED


_CLOSED: Final = frozenset({Reach.REFUSED, Reach.FILTERED, Reach.UNREACHABLE, Reach.HUNG_UP})


async def reach_of(address: MachineAddress, *, seconds: float) -> Reach:
    """Try to get an answer, for so many seconds at each step."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return Reach.FILTERED
    except socket.gaierror:
        return Reach.UNKNOWN_NAME
    except OSError as failure:
        return reach_in(failure)
    try:
        async with asyncio.timeout(seconds):
            return await _answer(reader, writer)
    except TimeoutError:
        return Reach.SILENT
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Reach:
    try:
        writer.write(HEARTBEAT.wire)
        return Reach.ANSWERS if await reader.read(HEADER_SIZE) else Reach.HUNG_UP
    except ConnectionError:
        return Reach.HUNG_UP


def reach_in(failure: OSError) -> Reach:
    """What a connection that did not stand says; trouble of this computer proves nothing."""
    if failure.errno in _REFUSED:
        return Reach.REFUSED
    if isinstance(failure, ConnectionResetError):
        return Reach.HUNG_UP
    return Reach.UNREACHABLE if failure.errno in _UNREACHABLE else Reach.TROUBLE
