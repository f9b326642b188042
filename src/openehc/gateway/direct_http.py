"""The short way from the socket to the door: uvicorn's HTTP protocol without ASGI for one path.

A POST to the gateway needs no scope, no header list, no receive and no send: its body is
gathered here and its reply written as one piece. Limits, keep-alive, pipelining, flow
control and orderly shutdown remain uvicorn's, which sees `DirectCall` where it keeps its
ASGI cycle. Everything else, and every unusual form of the same request (HTTP/1.0,
`Expect`, an upgrade, a query), goes through uvicorn's own code to the ASGI application.
Reads no message and knows no return code.
"""

import asyncio
import time
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openehc.gateway.certificate import SCOPE_KEY, shown_on, shown_until
from openehc.gateway.door import BODY_LIMIT, PATH
from openehc.gateway.peer import Headers

_URL: Final = PATH.encode()
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n"
    b"content-length: %d\r\n%s\r\n"
)
_CLOSE: Final = b"connection: close\r\n"


class Replies(Protocol):
    """The door, as far as it is known here."""

    reads_certificates: bool
    """Whether a proxy in front tells which certificate a client showed it."""

    def peer_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """Where a connection comes from, as an IP address."""

    def certificate_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """The certificate of which such a proxy tells; "" when it tells of none."""

    async def reply_to(self, raw: bytes, peer: str = "", certificate: str = "") -> bytes:
        """The reply to a whole message; raises nothing."""

    def too_large(self) -> bytes:
        """The reply to more than `BODY_LIMIT` bytes."""


class HasDoor(Protocol):
    """The ASGI application, as far as it is known here."""

    @property
    def door(self) -> Replies | None:
        """The door; None while the node starts."""


class _NobodyWaits:
    """The event of a call whose task starts only when its body is whole."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY: Final = _NobodyWaits()


class DirectCall:
    """One request on the short way; has the attributes that uvicorn reads of its cycle."""

    __slots__ = (
        "_certificate", "_door", "_event", "_parts", "_peer", "_protocol", "_size",
        "disconnected", "keep_alive", "more_body", "response_complete", "task",
    )  # fmt: skip

    def __init__(
        self, protocol: "DirectProtocol", door: Replies, event: asyncio.Event | None
    ) -> None:
        """`event` is there when the call has to wait for its turn, with its body on the way."""
        self._protocol = protocol
        self._door = door
        self._event = event
        self._peer = door.peer_of(protocol.client, protocol.headers)
        self._certificate = protocol.certificate
        if door.reads_certificates:
            self._certificate = door.certificate_of(protocol.client, protocol.headers)
        self._parts: list[bytes] = []
        self._size = 0
        self.keep_alive = protocol.parser.should_keep_alive()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.task: asyncio.Task[None] | None = None

    @property
    def message_event(self) -> asyncio.Event | _NobodyWaits:
        """What uvicorn sets when more of the body is there, or the client is gone."""
        return self._event or _NOBODY

    @property
    def starts_when_whole(self) -> bool:
        """Whether it is this call's turn already."""
        return self._event is None

    def add(self, part: bytes) -> None:
        """Take a part of the body; after `BODY_LIMIT` bytes no more is kept or awaited."""
        if not self.more_body:
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > BODY_LIMIT:
            self._parts.clear()
            self.more_body = False

    async def run_asgi(self, _application: object = None) -> None:
        """Answer; bears the name by which uvicorn starts a call that waited for its turn."""
        protocol = self._protocol
        try:
            await self._whole()
            if not self.more_body:
                await self._write(await self._reply())
        except BaseException:
            protocol.transport.close()
            raise
        finally:
            if self.task is not None:
                protocol.tasks.discard(self.task)

    async def _whole(self) -> None:
        event = self._event
        while event is not None and self.more_body and not self.disconnected:
            await event.wait()
            event.clear()

    async def _reply(self) -> bytes:
        if self._size > BODY_LIMIT:
            self.keep_alive = False
            return self._door.too_large()
        parts = self._parts
        raw = parts[0] if len(parts) == 1 else b"".join(parts)
        return await self._door.reply_to(raw, self._peer, self._certificate)

    async def _write(self, reply: bytes) -> None:
        protocol = self._protocol
        transport, flow = protocol.transport, protocol.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        self.response_complete = True
        if transport.is_closing():
            return
        transport.write(_HEAD % (len(reply), b"" if self.keep_alive else _CLOSE) + reply)
        if not self.keep_alive:
            transport.close()
        protocol.on_response_complete()


class DirectProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools with the short way; given to uvicorn as its `http`."""

    cycle: Any  # uvicorn's cycle or a DirectCall
    certificate: str = ""  # the SHA-256 of what the client showed in the handshake
    farewell_seconds: float = 3.0  # for the goodbye of a TLS client that is hung up on
    expiry: asyncio.TimerHandle | None = None  # hangs up when that certificate ends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection is open, its handshake done; what it shows is looked at this once."""
        super().connection_made(transport)
        self.certificate = shown_on(transport)
        if self.certificate:
            left = shown_until(transport) - self.now()
            self.expiry = self.loop.call_later(left, self.shutdown)

    def now(self) -> float:
        """The wall clock, in seconds since 1970."""
        return time.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; nothing has to end it any more."""
        if self.expiry:
            self.expiry.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The worker stops or the certificate ends: hang up, once what was begun is answered.

        An idle client seldom answers the goodbye of TLS, for which a loop would wait 30 seconds,
        and so would the worker that follows with newer certificates and lists.
        """
        super().shutdown()
        if self.scheme == "https" and self.transport.is_closing():
            self.loop.call_later(self.farewell_seconds, self._part)

    def _part(self) -> None:
        if self.transport.get_write_buffer_size():  # somebody still reads
            self.loop.call_later(self.farewell_seconds, self._part)
        else:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins; what only ASGI needs is made when it is known to go there."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header for uvicorn, which takes them when the request is not ours."""
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request line and the headers are there."""
        door = self._door_for_this()
        if door is None:
            self._hand_over()
            return
        before = self.cycle
        if before is None or before.response_complete:
            self.cycle = DirectCall(self, door, None)
        else:
            self.cycle = DirectCall(self, door, asyncio.Event())
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        call = self.cycle
        if not isinstance(call, DirectCall):
            super().on_body(body)
            return
        awaited = call.more_body
        call.add(body)
        if awaited and not call.more_body:
            self._body_ended(call)

    def on_message_complete(self) -> None:
        """The body is whole."""
        call = self.cycle
        if not isinstance(call, DirectCall):
            super().on_message_complete()
        elif call.more_body:
            call.more_body = False
            self._body_ended(call)

    def _body_ended(self, call: DirectCall) -> None:
        if not call.starts_when_whole:
            call.message_event.set()
            return
        call.task = self.loop.create_task(call.run_asgi())
        self.tasks.add(call.task)

    def _door_for_this(self) -> Replies | None:
        """The door, when this request can take the short way to it."""
        parser = self.parser
        if self.url != _URL or parser.get_method() != b"POST":
            return None
        if parser.get_http_version() != "1.1" or parser.should_upgrade() or self.root_path:
            return None
        if self.limit_concurrency is not None or self.config.access_log or self._expects():
            return None
        application: HasDoor = cast("HasDoor", self.app)
        return application.door

    def _expects(self) -> bool:
        return any(len(name) == 6 and name.lower() == b"expect" for name, _ in self.headers)  # noqa: PLR2004 (its length)

    def _hand_over(self) -> None:
        """Let uvicorn meet the request from its beginning."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        if self.certificate:
            self.scope["state"][SCOPE_KEY] = self.certificate
        super().on_headers_complete()
