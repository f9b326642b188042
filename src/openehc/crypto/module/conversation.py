"""The life of a connection on which one question waits for one answer, then the next.

Answers carry no number, so their order alone ties them to questions: a connection on which it
is in doubt is dropped. How a question and an answer look, whoever inherits knows.
"""

import asyncio
from typing import Generic, TypeVar, cast

from openehc.kernel.refusal import CryptoModuleDown

Answer = TypeVar("Answer")


class Conversation(asyncio.Protocol, Generic[Answer]):
    """A connection that the event loop opened, and whoever waits on it; of one event loop."""

    __slots__ = ("_transport", "_waiting")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    @property
    def open(self) -> bool:
        """Whether a question may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def drop(self) -> None:
        """Close at once; what was not sent or read is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop: the connection stands."""
        # uvloop's transports are transports without being subclasses of asyncio's
        self._transport = cast("asyncio.Transport", transport)

    def _fail(self, error: CryptoModuleDown) -> None:
        """Tell whoever waits for an answer that none comes."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
