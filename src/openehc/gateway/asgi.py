"""What both doors know of ASGI: its three parts, and a whole reply. Reads no body."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]


async def send_whole(send: Send, status: int, body: bytes, *headers: Header) -> None:
    """A reply with its length and these headers, its content type among them."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
