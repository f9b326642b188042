"""One TCP connection to a crypto machine: one request, one reply, then the next.

Replies carry no number, so the order is the only thing that ties a reply to its
request. A connection on which that order is in doubt is dropped: after a timeout, a
cancelled call, a malformed reply, or a reply that nobody asked for. It knows the
length header of a message, not its fields.
"""

import asyncio
import os
from typing import Final

from openehc.crypto.module.conversation import Conversation
from openehc.crypto.module.frames import HEADER_SIZE, FrameBroken, reply_size
from openehc.kernel.refusal import CryptoModuleDown


class MachineDown(CryptoModuleDown):
    """A crypto machine cannot be reached, or did not answer in time."""


class ConnectionGone(MachineDown):
    """The machine closed the connection before it answered."""


class MachineConnection(Conversation[bytes]):
    """A connection that `connected` opened; belongs to one event loop."""

    __slots__ = ("_buffer", "_longest", "used_at")

    def __init__(self, *, longest_reply: int) -> None:
        """`longest_reply` bounds what is kept of a reply, in bytes."""
        super().__init__()
        self._longest: Final = longest_reply
        self._buffer = bytearray()
        self.used_at = 0.0
        """When it last brought a reply, on the event loop's clock."""

    async def exchange(self, wire: bytes) -> bytes:
        """Send a whole message and return the reply without its length header.

        Raises `ConnectionGone` and `FrameBroken`. However it ends without a reply,
        the connection is dropped: the reply may still come, and is not the next one's.
        """
        if self._transport is None or not self.open:
            raise ConnectionGone("the connection to the crypto machine is closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(wire)
        answered = False
        try:
            reply = await self._waiting
            answered = True
        finally:
            self._waiting = None
            if not answered:
                self.drop()
        return reply

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop: the connection is gone."""
        del exc  # how it went makes no difference to the caller
        where = "in the middle of a reply" if self._buffer else "before it answered"
        self._fail(ConnectionGone(f"the crypto machine closed the connection {where}"))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop: bytes came."""
        if self._waiting is None or self._waiting.done():
            # A second reply, perhaps: whatever came before is in doubt as well.
            self._fail(FrameBroken("the crypto machine sent a reply that nobody asked for"))
            self.drop()
            return
        self._buffer += data
        try:
            reply = self._whole_reply()
        except FrameBroken as broken:
            self._fail(broken)
            self.drop()
            return
        if reply is not None:
            self._waiting.set_result(reply)
            self.used_at = asyncio.get_running_loop().time()

    def _whole_reply(self) -> bytes | None:
        if len(self._buffer) < HEADER_SIZE:
            return None
        size = reply_size(bytes(self._buffer[:HEADER_SIZE]), longest=self._longest)
        missing = HEADER_SIZE + size - len(self._buffer)
        if missing > 0:
            return None
        if missing < 0:  # the first of two may be the late one of the call before
            raise FrameBroken("the crypto machine sent more than one reply")
        reply = bytes(self._buffer[HEADER_SIZE:])
        self._buffer.clear()
        return reply


async def connected(
    host: str, *, port: int, seconds: float, longest_reply: int
) -> MachineConnection:
    """A new connection; raises `MachineDown` when it does not stand after `seconds`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: MachineConnection(longest_reply=longest_reply), host, port
            )
    except TimeoutError:
        raise MachineDown(f"a crypto machine took no connection within {seconds} s") from None
    except OSError as error:
        # the error's own text names address and port
        reason = os.strerror(error.errno) if error.errno else "unknown address"
        raise MachineDown(f"a crypto machine cannot be reached: {reason}") from None
    connection.used_at = loop.time()
    return connection
