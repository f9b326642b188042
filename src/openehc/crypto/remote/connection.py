"""One HTTP/1.1 connection to the front proxy: one request, one answer, then the next.

Just what `POST` with a body of known length needs; httptools reads the answers. What is sent
is sealed already; TLS around it, where the address says so, is checked all the same. After an
error the connection is of no use.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import httptools

from openehc.crypto.module.conversation import Conversation
from openehc.crypto.remote.calls import LARGEST_MESSAGE
from openehc.kernel.refusal import CryptoModuleDown

CALLS_PATH: Final = "/crypto/calls"
SESSION_PATH: Final = "/crypto/session"
_LARGEST_PORT: Final = 65_535


class ProxyUnreachable(CryptoModuleDown):
    """The front proxy cannot be reached, or did not answer in time."""


class ProxyHungUp(ProxyUnreachable):
    """The front proxy closed the connection before it answered."""


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """Where the front proxy listens, as the setting names it.

    `authorities` holds in PEM whose certificates are trusted, None is the system's.
    """

    host: str
    port: int
    tls: bool = False
    authorities: Path | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """The address in http://HOST[:PORT] or https://HOST[:PORT]; raises ValueError."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
            raise ValueError("http://HOST:PORT or https://HOST:PORT is expected")
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname, port, tls)

    def head(self, path: str, size: int) -> bytes:
        """The lines before a body of `size` bytes."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"POST {path} HTTP/1.1\r\nhost: {host}:{self.port}\r\n"
            f"content-type: application/octet-stream\r\ncontent-length: {size}\r\n\r\n"
        ).encode("ascii")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status and body; `keeps` tells whether the connection may be used again."""

    status: int
    body: bytes
    keeps: bool


class ProxyConnection(Conversation[HttpAnswer]):
    """A connection that `connected` opened; belongs to one event loop."""

    __slots__ = ("_body", "_parser", "_size", "address")

    def __init__(self, address: ProxyAddress) -> None:
        super().__init__()
        self.address: Final = address
        self._parser: httptools.HttpResponseParser | None = None
        self._body: list[bytes] = []
        self._size = 0

    async def post(self, path: str, body: bytes, *, seconds: float) -> HttpAnswer:
        """The answer to a request; raises `ProxyUnreachable`. Afterwards only a good one is of use.

        A connection is dropped unless the whole answer came: a later one might be taken for it.
        """
        if self._transport is None or not self.open:
            raise ProxyHungUp("the front proxy closed the connection")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(self.address.head(path, len(body)) + body)
        answered = False
        try:
            async with asyncio.timeout(seconds):
                answer = await self._waiting
            answered = answer.keeps
        except TimeoutError:
            raise ProxyUnreachable(f"the front proxy gave no answer within {seconds} s") from None
        finally:
            self._waiting = None
            if not answered:
                self.drop()
        return answer

    # ---- called by the event loop

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc  # how it went makes no difference to the caller
        self._fail(ProxyHungUp("the front proxy closed the connection before it answered"))

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._waiting is None or self._waiting.done():
            self.drop()  # an answer that nobody asked for
            return
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(ProxyUnreachable("the front proxy answered something that is not HTTP"))
            self.drop()

    # ---- called by the parser

    def on_body(self, part: bytes) -> None:
        """A part of the body came."""
        self._size += len(part)
        if self._size > LARGEST_MESSAGE:
            self._fail(ProxyUnreachable("the front proxy answered too much"))
            self.drop()
            return
        self._body.append(part)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        parser, body = self._parser, b"".join(self._body)
        self._parser, self._body, self._size = None, [], 0
        if parser and self._waiting is not None and not self._waiting.done():
            answer = HttpAnswer(parser.get_status_code(), body, parser.should_keep_alive())
            self._waiting.set_result(answer)


@cache
def trusting(authorities: Path | None) -> ssl.SSLContext:
    """TLS 1.2 and later with whoever shows a certificate of these authorities for its address.

    Read once: a node that shall trust others is started again. Raises OSError for a file that
    cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def connected(address: ProxyAddress, *, seconds: float) -> ProxyConnection:
    """A new connection; raises `ProxyUnreachable` when it does not stand after `seconds`."""
    loop = asyncio.get_running_loop()
    try:
        tls = trusting(address.authorities) if address.tls else None
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: ProxyConnection(address), address.host, address.port, ssl=tls
            )
    except TimeoutError:
        raise ProxyUnreachable(f"the front proxy took no connection within {seconds} s") from None
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message
        raise ProxyUnreachable(f"the front proxy's certificate is refused: {why}") from None
    except ssl.SSLError as error:
        raise ProxyUnreachable(f"no TLS with the front proxy: {error.reason}") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown address"
        raise ProxyUnreachable(f"the front proxy cannot be reached: {reason}") from None
    return connection
