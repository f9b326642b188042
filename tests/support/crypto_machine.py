"""A crypto machine on the wire, filled with the public test keys, that can misbehave.

It reads requests by a grammar of its own and shares no line with the client. As a
program it stays until it is stopped and prints its port first:

    python -m tests.support.crypto_machine --port 8018
"""

import argparse
import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, unique
from types import TracebackType
from typing import Final, Self

from openehc.crypto.module.hedging import HedgeRules
from openehc.crypto.module.machine_pool import MachineAddress, MachineSettings
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, ModuleKeys
from openehc.crypto.sm3 import sm3
from openehc.crypto.sm4 import ecb_decrypt, ecb_encrypt

SAFE_INDEX: Final = 104
PROTECT_INDEX: Final = 105
IDENTITY: Final = "JN-DOUBLE SJJ1310 V1.0.0"

PATIENT: Final = MachineSettings(
    connect_seconds=60.0,
    call_seconds=60.0,
    answer_seconds=120.0,
    hedging=HedgeRules(seconds=60.0),
)
"""Nothing fails or is overtaken because the computer has much else to do."""

_HASH: Final = re.compile(rb"3C20(\d{4})(.*);00000000", re.DOTALL)
_CIPHER: Final = re.compile(
    rb"S([34])00(00A)K(\d{4})(00|01[0-9A-F]{32})00(02|05)([0-9A-F]{4})(.*)", re.DOTALL
)
_PADDING: Final = {b"3": b"02", b"4": b"05"}
_MALFORMED: Final = b"15"
_NO_KEY: Final = b"10"


@unique
class Manner(Enum):
    """How the machine answers a request."""

    WELL = "well"
    LATE = "after `delay` seconds"
    HELD = "when `released` is set"
    SILENT = "never"
    TWICE = "with the same reply two times at once"
    AGAIN_LATER = "with the same reply once more after `delay` seconds"
    WRONG_COMMAND = "with the reply of another command"
    REFUSING = "with return code 21"
    TRUNCATED = "with a reply that lacks its last byte"
    CUT = "with half a reply, and closes"
    WRONG_LENGTH = "with a length field that is one too large"
    OVERSIZED = "with the largest length that the header can announce"
    CLOSING = "by closing the connection"
    STRIPPING = "without the zeros at the end of a plaintext"


class CryptoMachine:
    """The machine; an asynchronous context manager that listens on 127.0.0.1."""

    def __init__(self, keys: ModuleKeys = PUBLIC_TEST_KEYS, *, delay: float = 0.2) -> None:
        self.manner = Manner.WELL
        self.times: int | None = None  # after so many requests it answers well again
        self.spared: frozenset[str] = frozenset()  # commands that are answered well all the same
        self.delay = delay
        self.released = asyncio.Event()
        self.port = 0
        self.commands: Counter[str] = Counter()
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self._keys: Mapping[int, bytes] = {
            SAFE_INDEX: keys.safe_key,
            PROTECT_INDEX: keys.protect_key,
        }
        self._server: asyncio.Server | None = None
        self._streams: dict[asyncio.StreamReader, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open_connections(self) -> int:
        return sum(not reader.at_eof() for reader in self._streams)

    @property
    def address(self) -> MachineAddress:
        return MachineAddress("127.0.0.1", self.port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, at the same port as before when it was stopped."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As if the plug were pulled: every connection breaks, requests under way are lost."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._streams.values()):
            writer.transport.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._streams[reader] = writer
        self.connections += 1
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                message = await reader.readexactly(size)
                await self._answer(message, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass  # stopped; the server's own callback would complain about it
        finally:
            self._tasks.discard(task)
            del self._streams[reader]
            writer.close()

    async def _answer(self, message: bytes, writer: asyncio.StreamWriter) -> None:
        command = message[:2].decode("latin-1")
        self.commands[command] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            manner = self._manner_towards(command)
            await self._wait_as(manner)
            writer.write(self._wire(message, manner))
            if manner is Manner.AGAIN_LATER:
                await asyncio.sleep(self.delay)
                writer.write(_framed(self.reply_to(message)))
            if manner in (Manner.CLOSING, Manner.CUT):
                writer.close()
            await writer.drain()
        finally:
            self.at_once -= 1

    async def _wait_as(self, manner: Manner) -> None:
        if manner is Manner.HELD:
            await self.released.wait()
        elif manner in (Manner.LATE, Manner.SILENT):
            await asyncio.sleep(self.delay if manner is Manner.LATE else 3600)

    def _manner_towards(self, command: str) -> Manner:
        if command in self.spared or self.times == 0:
            return Manner.WELL
        if self.times is not None:
            self.times -= 1
        return self.manner

    def _wire(self, message: bytes, manner: Manner) -> bytes:
        reply = self.reply_to(message, manner)
        bent = _BENT.get(manner)
        return _framed(reply) if bent is None else bent(reply)

    def reply_to(self, message: bytes, manner: Manner = Manner.WELL) -> bytes:
        """The reply without its length header."""
        command = message[:2]
        if command == b"CR":
            return b"CS00"
        if command == b"NC":
            return b"ND00" + IDENTITY.encode()
        if command == b"3C":
            return self._hashed(message)
        if command in (b"S3", b"S4"):
            return self._ciphered(message, manner)
        return b"ZZ" + _MALFORMED

    def _hashed(self, message: bytes) -> bytes:
        parts = _HASH.fullmatch(message)
        if parts is None or len(parts[2]) != int(parts[1]):
            return b"3D" + _MALFORMED
        return b"3D0032" + sm3(parts[2])

    def _ciphered(self, message: bytes, manner: Manner) -> bytes:
        reply = b"S" + bytes((message[1] + 1,))
        parts = _CIPHER.fullmatch(message)
        if parts is None:
            return reply + _MALFORMED
        verb, _, index, factor, padding, size, data = parts.groups()
        if len(data) != int(size, 16) or padding != _PADDING[verb]:
            return reply + _MALFORMED
        key = self._keys.get(int(index))
        if key is None:
            return reply + _NO_KEY
        if factor != b"00":
            key = ecb_encrypt(key, bytes.fromhex(factor[2:].decode()))
            data = data.ljust(32, b"\0") if verb == b"3" else data
        if len(data) % 16:
            return reply + _MALFORMED
        done = ecb_encrypt(key, data) if verb == b"3" else ecb_decrypt(key, data)
        if verb == b"4" and manner is Manner.STRIPPING:
            done = done.rstrip(b"\0")
        return reply + b"00" + f"{len(done):04X}".encode() + done


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def _lengthened(reply: bytes) -> bytes:
    """The reply with its length field, if any, one too large: decimal in a hash, else hex."""
    if reply[:2] == b"3D":
        return reply[:4] + b"33" + reply[6:]
    if reply[:2] not in (b"S4", b"S5"):
        return reply
    return reply[:4] + f"{int(reply[4:8], 16) + 1:04X}".encode() + reply[8:]


def _cut(reply: bytes) -> bytes:
    whole = _framed(reply)
    return whole[: len(whole) // 2]


_BENT: Final[Mapping[Manner, Callable[[bytes], bytes]]] = {
    Manner.TWICE: lambda reply: _framed(reply) * 2,
    Manner.WRONG_COMMAND: lambda reply: _framed(b"ZZ" + reply[2:]),
    Manner.REFUSING: lambda reply: _framed(reply[:2] + b"21"),
    Manner.TRUNCATED: lambda reply: _framed(reply[:-1]),
    Manner.CUT: _cut,
    Manner.WRONG_LENGTH: lambda reply: _framed(_lengthened(reply)),
    Manner.OVERSIZED: lambda reply: b"\xff\xff" + reply,
    Manner.CLOSING: lambda _: b"",
}


async def eventually(reached: Callable[[], bool]) -> None:
    """Wait for something that happens by itself; fails after half a minute."""
    async with asyncio.timeout(30):
        while not reached():  # noqa: ASYNC110 (what is waited for knows nothing of the test)
            await asyncio.sleep(0.01)


async def _run(port: int, delay: float) -> None:
    machine = CryptoMachine(delay=delay)
    machine.port = port
    if delay:
        machine.manner = Manner.LATE
    async with machine:
        print(machine.port, flush=True)  # noqa: T201 (whoever started it wants to know)
        await asyncio.Event().wait()


def main() -> None:
    """Listen until the process is stopped."""
    arguments = argparse.ArgumentParser(description="a crypto machine with public test keys")
    arguments.add_argument("--port", type=int, default=0, help="0 takes a free one")
    arguments.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = arguments.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(given.port, given.delay))


if __name__ == "__main__":
    main()
