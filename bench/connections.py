"""The load itself: many keep-alive connections, each sends its next message when answered.

Raw asyncio protocols with just enough HTTP to find the end of an answer: with two
cores every microsecond spent here is taken from the server. Seals and opens nothing.
"""

import asyncio
import math
import re
import ssl
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, cast

PATIENCE_SECONDS: Final = 30.0
"""An answer that is not there so long after the end of a drive never comes."""

_SUCCESS: Final = b'"ret_code":"0000"'
_RET_CODE: Final = re.compile(rb'"ret_code":"(\w{1,8})"')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END_OF_HEAD: Final = b"\r\n\r\n"
_NO_ANSWER: Final = "no answer"


@dataclass(slots=True)
class Drive:
    """One drive over all connections: what is sent, and the tally of what came back.

    Of every `keep_every` messages (0: none) one successful reply is kept, by the index
    of its message. A latency is the time from writing a request to its whole answer, in seconds.
    """

    messages: Sequence[bytes]
    seconds: float
    keep_every: int
    sent: int = 0
    succeeded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    replies: dict[int, bytes] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds from the first request to the last answer."""
        return self.ended - self.started

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return len(self.latencies) / self.elapsed if self.elapsed else 0.0

    def latency(self, share: float) -> float:
        """The latency in milliseconds that `share` (0 to 1) of the answers kept; nearest rank."""
        if not self.latencies:
            return math.inf
        ranked = sorted(self.latencies)
        return 1000 * ranked[max(0, math.ceil(share * len(ranked)) - 1)]

    def next_index(self, moment: float) -> int | None:
        """The index of the message to send at `moment`; None when the drive is over."""
        if self.sent >= len(self.messages) or moment - self.started >= self.seconds:
            return None
        self.sent += 1
        return self.sent - 1

    def answered(self, index: int, body: bytes, *, took: float, at: float) -> None:
        """Count an answer."""
        self.latencies.append(took)
        self.ended = at
        if _SUCCESS not in body:
            code = _RET_CODE.search(body)
            self.failures[code[1].decode() if code else "no ret_code"] += 1
            return
        self.succeeded += 1
        if self.keep_every and index % self.keep_every == 0:
            self.replies[index] = body


class Client(asyncio.Protocol):
    """One connection; a lost one is not replaced, and its request counts as failed."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._drive: Drive | None = None
        self._done: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._index = -1
        self._sent_at = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by type
        self._lost = asyncio.get_running_loop().create_future()

    def begin(self, drive: Drive) -> "asyncio.Future[None]":
        """Take part in a drive; the future is done when this connection has nothing to wait for."""
        self._drive = drive
        self._done = asyncio.get_running_loop().create_future()
        self._send_next(perf_counter())
        return self._done

    def give_up(self) -> None:
        """Count the request that is under way as never answered."""
        if self._index >= 0 and self._drive:
            self._index = -1
            self._drive.failures[_NO_ANSWER] += 1
        self._finish()

    async def close(self) -> None:
        """Hang up; the connection is gone when it returns."""
        if self._transport and self._lost:
            self._transport.close()
            await self._lost

    def connection_lost(self, exc: Exception | None) -> None:
        """The server or we hung up."""
        del exc
        self._transport = None
        self.give_up()
        if self._lost and not self._lost.done():
            self._lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Part of an answer, mostly the whole of it."""
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(_END_OF_HEAD)
        length = _LENGTH.search(buffer, 0, head) if head >= 0 else None
        if length is None:
            self._buffer = buffer
            return
        start = head + len(_END_OF_HEAD)
        if len(buffer) < start + int(length[1]):
            self._buffer = buffer
            return
        self._buffer = b""
        moment = perf_counter()
        if self._drive and self._index >= 0:
            self._drive.answered(
                self._index, buffer[start:], took=moment - self._sent_at, at=moment
            )
        self._send_next(moment)

    def _send_next(self, moment: float) -> None:
        drive, transport = self._drive, self._transport
        index = drive.next_index(moment) if drive and transport else None
        if index is None or drive is None or transport is None:
            self._index = -1
            self._finish()
            return
        self._index = index
        self._sent_at = perf_counter()
        transport.write(drive.messages[index])

    def _finish(self) -> None:
        if self._done and not self._done.done():
            self._done.set_result(None)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Open connections to one address."""

    clients: tuple[Client, ...]

    @classmethod
    async def connect(
        cls, *, host: str, port: int, count: int, tls: ssl.SSLContext | None = None
    ) -> "Crowd":
        """Open `count` connections; raises OSError when the server does not take them."""
        loop = asyncio.get_running_loop()
        opened = await asyncio.gather(
            *(loop.create_connection(Client, host, port, ssl=tls) for _ in range(count))
        )
        return cls(tuple(client for _, client in opened))

    async def drive(
        self, messages: Sequence[bytes], *, seconds: float, keep_every: int = 0
    ) -> Drive:
        """Send for `seconds`, or until the messages run out; returns when all are answered."""
        drive = Drive(messages, seconds, keep_every)
        drive.started = drive.ended = perf_counter()
        futures = [client.begin(drive) for client in self.clients]
        _, late = await asyncio.wait(futures, timeout=seconds + PATIENCE_SECONDS)
        if late:
            for client in self.clients:
                client.give_up()
        return drive

    async def close(self) -> None:
        """Hang up on every connection."""
        await asyncio.gather(*(client.close() for client in self.clients))
