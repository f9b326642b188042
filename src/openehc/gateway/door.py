"""The door: one path, one size limit, one catch-all.

Takes bytes from ASGI or from `direct_http.py`, gives bytes back; knows nothing of the
message inside. An
unexpected exception is logged by type and place, without its text, which might
quote a request, and answered with 8009.
"""

import logging
import traceback
from typing import Final

from openehc.gateway.asgi import Receive, Scope, Send, send_whole
from openehc.gateway.certificate import SCOPE_KEY, ForwardedCertificate
from openehc.gateway.peer import Headers, PeerFinder
from openehc.gateway.pipeline import Exchange, Pipeline
from openehc.gateway.request_log import RequestLog
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Reason, Refusal

PATH: Final = "/ehcService/gateway.do"
BODY_LIMIT: Final = 4 << 20
"""The largest message at all: a photo of 512 KB is four times as long inside its envelope."""

_TYPE: Final = (b"content-type", b"application/json; charset=utf-8")
_log = logging.getLogger("openehc.gateway")


class BodyTooLarge(Exception):
    """More than `BODY_LIMIT` bytes were sent."""


class ClientGone(Exception):
    """The client hung up before its message was whole."""


class Door:
    """The ASGI application for `PATH`."""

    def __init__(
        self, pipeline: Pipeline, clock: Clock, request_log: RequestLog,
        peers: PeerFinder | None = None, forwarded: ForwardedCertificate | None = None,
    ) -> None:  # fmt: skip
        self._peers = peers or PeerFinder()
        self._forwarded = forwarded
        self.reads_certificates = forwarded is not None
        self._pipeline = pipeline
        self._clock = clock
        self._request_log = request_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] != "POST":
            refusal = b'{"ret_code":"9005","ret_msg":"POST only"}'
            await send_whole(send, 405, refusal, _TYPE, (b"allow", b"POST"))
            return
        try:
            client, headers = scope.get("client"), scope.get("headers", ())
            peer, certificate = self.peer_of(client, headers), _shown(scope)
            if self.reads_certificates:
                certificate = self.certificate_of(client, headers)
            reply = await self.reply_to(await _body(receive), peer, certificate)
        except BodyTooLarge:
            await send_whole(send, 200, self.too_large(), _TYPE, (b"connection", b"close"))
        except ClientGone:
            return
        else:
            await send_whole(send, 200, reply, _TYPE)

    def peer_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """Where a connection comes from, as an IP address."""
        return self._peers.of(client, headers)

    def certificate_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """The SHA-256 of the certificate of which a trusted proxy tells; "" for none."""
        return self._forwarded.of(client, headers) if self._forwarded else ""

    async def reply_to(self, raw: bytes, peer: str = "", certificate: str = "") -> bytes:
        """The reply to a whole message, with its line in the request log."""
        exchange = Exchange(received_at=self._clock.now(), peer=peer, certificate=certificate)
        reply = await self._answer(raw, exchange)
        self._request_log.add(exchange, self._clock.now())
        return reply

    def too_large(self) -> bytes:
        """The reply to more than `BODY_LIMIT` bytes; the connection has to be closed after it."""
        exchange = Exchange(received_at=self._clock.now())
        refusal = Refusal(Reason.UNREADABLE_MESSAGE, "报文超过4MiB")
        reply = self._pipeline.reply(refusal, exchange)
        self._request_log.add(exchange, self._clock.now())
        return reply

    async def _answer(self, raw: bytes, exchange: Exchange) -> bytes:
        try:
            return await self._pipeline.answer(raw, exchange)
        except Exception as error:  # noqa: BLE001 (the one catch-all)
            place = "".join(traceback.format_tb(error.__traceback__))
            _log.error("unexpected %s\n%s", type(error).__name__, place)
            return self._pipeline.reply(Refusal(Reason.INTERNAL), exchange)


def _shown(scope: Scope) -> str:
    return str(scope.get("state", {}).get(SCOPE_KEY, ""))


async def _body(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and len(body) <= BODY_LIMIT:
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        if size > BODY_LIMIT:
            raise BodyTooLarge
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > BODY_LIMIT:
        raise BodyTooLarge
    return b"".join(parts)
