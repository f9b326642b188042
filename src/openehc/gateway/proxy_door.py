"""The door of the front proxy: two paths, limits on size and time, one catch-all.

Takes bytes from ASGI and gives bytes back. Who is refused learns a status and nothing
else; why stands in the log and in the audit trail.
"""

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from openehc.crypto.remote.calls import LARGEST_MESSAGE
from openehc.crypto.remote.connection import CALLS_PATH, SESSION_PATH
from openehc.crypto.remote.handshake import LARGEST_HELLO
from openehc.gateway.asgi import Receive, Scope, Send, send_whole
from openehc.proxy.allow_list import AllowList
from openehc.proxy.answer_calls import AnswerCalls
from openehc.proxy.model import STATUS, Address, Denial, Reason
from openehc.proxy.open_session import OpenSession
from openehc.proxy.ports import RefusalRecorder
from openehc.proxy.telling import TroubleLines

PATHS: Final = frozenset({CALLS_PATH, SESSION_PATH})
READING_SECONDS: Final = 10.0
_LIMITS: Final = {CALLS_PATH: LARGEST_MESSAGE, SESSION_PATH: LARGEST_HELLO}
_TYPE: Final = (b"content-type", b"application/octet-stream")
_REFUSED: Final = 403


class _Gone(Exception):
    """The caller hung up, or took too long to send."""


@dataclass(frozen=True, slots=True)
class ProxyDoor:
    """The ASGI application for `PATHS`."""

    allow_list: AllowList
    open_session: OpenSession
    answer_calls: AnswerCalls
    refusals: RefusalRecorder
    fresh: Callable[[], bool]
    """Whether no change of the allow-list can be missed at the moment."""
    trouble: TroubleLines = field(default_factory=TroubleLines)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] != "POST":
            await send_whole(send, 405, b"", _TYPE, (b"allow", b"POST"))
            return
        source = _source(scope)
        try:
            answer = await self._answer(scope["path"], receive, source)
        except _Gone:
            return
        if isinstance(answer, bytes):
            await send_whole(send, 200, answer, _TYPE)
            return
        self.trouble.tell_denial(answer, source=source)
        self.refusals.note(answer, source=source)
        status = STATUS.get(answer.reason, _REFUSED)
        await send_whole(send, status, b"", _TYPE, (b"connection", b"close"))

    async def _answer(self, path: str, receive: Receive, source: Address | None) -> bytes | Denial:
        if not self.fresh():
            return Denial(Reason.NOT_READY)
        if source is None or not self.allow_list.expects(source):
            return Denial(Reason.SOURCE_WRONG)  # nothing of a stranger is read
        body = await _body(receive, limit=_LIMITS[path])
        if body is None:
            return Denial(Reason.TOO_LARGE)
        try:
            if path == SESSION_PATH:
                return await self.open_session(body, source=source)
            return await self.answer_calls(body, source=source)
        except Exception as error:  # noqa: BLE001 (the one catch-all)
            place = "".join(traceback.format_tb(error.__traceback__))
            self.trouble.tell(f"unexpected {type(error).__name__}\n{place}")
            return Denial(Reason.NOT_READY, detail="an unexpected error")


def _source(scope: Scope) -> Address | None:
    """The other end of the connection; headers are not believed."""
    client = scope.get("client")
    try:
        address = ip_address(client[0]) if client else None
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


async def _body(receive: Receive, *, limit: int) -> bytes | None:
    """The whole body, None when it is over the limit; raises `_Gone`."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READING_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    return None
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise _Gone from None
