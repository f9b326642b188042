"""The ASGI application of one worker: the door for machines, the console API, the pages.

Made anew in every worker process from a picklable `ApplicationFactory`.
"""

import gc
import logging
import logging.handlers
from dataclasses import dataclass, field
from typing import Any

from openehc.gateway.door import PATH, Receive, Scope, Send
from openehc.wiring.node import Node, start_node
from openehc.wiring.settings import Settings


@dataclass(frozen=True, slots=True)
class ApplicationFactory:
    """Travels to the worker processes through a pipe, never through the environment."""

    settings: Settings
    dsn: str
    passphrase: str = field(repr=False)

    def __call__(self) -> "Application":
        """The application; called once in each worker."""
        configure_logging(self.settings)
        return Application(self)


class Application:
    """Dispatches by path; starts and stops the node with the server's lifespan."""

    def __init__(self, factory: ApplicationFactory) -> None:
        self._factory = factory
        self._node: Node | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "http":
            node = self._node
            if node is None:
                await _plain(send, 503, b"starting")
            elif scope["path"] == PATH:
                await node.door(scope, receive, send)
            elif scope["path"].startswith("/api/"):
                await node.console(scope, receive, send)  # type: ignore[arg-type] # MutableMapping for dict
            elif scope["path"].startswith("/health/"):
                await self._health(scope["path"], node, send)
            else:
                await node.page(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                factory = self._factory
                self._node = await start_node(factory.settings, factory.passphrase, factory.dsn)
                settle_garbage_collector()
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._node:
                    await self._node.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _health(self, path: str, node: Node, send: Send) -> None:
        if path == "/health/live":
            await _plain(send, 200, b"alive")
        elif path == "/health/ready":
            ready = await node.ready()
            await _plain(send, 200 if ready else 503, b"ready" if ready else b"not ready")
        else:
            await _plain(send, 404, b"not found")


async def _plain(send: Send, status: int, text: bytes) -> None:
    headers: list[Any] = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def settle_garbage_collector() -> None:
    """Look for cycles seldom, and never among what was loaded at the start.

    Requests make few cycles and many short-lived objects; the defaults spend a fifth
    of a request's CPU on walking them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def configure_logging(settings: Settings) -> None:
    """Requests to a file that log rotation may move away, everything else to stderr."""
    folder = settings.data / "logs"
    folder.mkdir(mode=0o750, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    requests = logging.getLogger("openehc.requests")
    requests.propagate = False
    if not requests.handlers:
        requests.addHandler(
            logging.handlers.WatchedFileHandler(folder / "requests.jsonl", encoding="utf-8")
        )
