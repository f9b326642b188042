"""The ASGI application of one worker: the door for machines, the console API, the pages.

Made anew in every worker process by an `ApplicationFactory` (worker.py).
"""

import gc
import logging
import logging.handlers
from contextlib import ExitStack
from typing import Any

from openehc.crypto.keyfile_use import serving
from openehc.gateway.asgi import Receive, Scope, Send
from openehc.gateway.door import PATH, Door
from openehc.gateway.proxy_door import PATHS as PROXY_PATHS
from openehc.wiring.node import Node, start_node
from openehc.wiring.proxy_node import ProxyNode, start_proxy
from openehc.wiring.request_logs import CURRENT, log_folder
from openehc.wiring.settings import Settings
from openehc.wiring.worker import ApplicationFactory


class Application:
    """Dispatches by path; starts and stops the node with the server's lifespan."""

    def __init__(self, factory: ApplicationFactory) -> None:
        self._factory = factory
        self._node: Node | None = None
        self._proxy: ProxyNode | None = None
        self._in_use = ExitStack()

    @property
    def door(self) -> Door | None:
        """The door, for the short way to it (gateway/direct_http.py); None while starting."""
        return self._node.door if self._node else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "http":
            node = self._node
            if self._proxy is not None and (node is None or scope["path"] in PROXY_PATHS):
                await self._proxied(self._proxy, scope, receive, send)
            elif node is None:
                await _plain(send, 503, b"starting")
            else:
                await self._served(node, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _served(self, node: Node, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == PATH:
            await node.door(scope, receive, send)
        elif scope["path"].startswith("/api/"):
            await node.console(scope, receive, send)  # type: ignore[arg-type] # MutableMapping for dict
        elif scope["path"].startswith("/health/"):
            await self._health(scope["path"], send)
        elif public := node.public_pages.get(scope["path"]):
            await public(scope, receive, send)
        else:
            await node.page(scope, receive, send)

    async def _proxied(self, proxy: ProxyNode, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROXY_PATHS:
            await proxy.door(scope, receive, send)
        else:
            await self._health(scope["path"], send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
                settle_garbage_collector()
                await send({"type": "lifespan.startup.complete"})
            else:
                for part in (self._proxy, self._node):
                    if part:
                        await part.stop()
                self._in_use.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        factory = self._factory
        settings, passphrase, dsn = factory.settings, factory.passphrase, factory.dsn
        # workers may outlive whoever started them
        self._in_use.enter_context(serving(settings.key_file))
        if set(settings.roles) != {"crypto"}:
            self._node = await start_node(settings, passphrase, dsn)
            _ = self._node.console.api  # made now, not while the first person waits
        if "crypto" in settings.roles:
            module = self._node.module if self._node else None
            self._proxy = await start_proxy(settings, passphrase, dsn, module=module)

    async def _health(self, path: str, send: Send) -> None:
        if path == "/health/live":
            await _plain(send, 200, b"alive")
        elif path == "/health/ready":
            parts = [part for part in (self._node, self._proxy) if part]
            ready = all([await part.ready() for part in parts])
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
    folder = log_folder(settings)
    folder.mkdir(mode=0o750, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    requests = logging.getLogger("openehc.requests")
    requests.propagate = False
    if not requests.handlers:
        requests.addHandler(logging.handlers.WatchedFileHandler(folder / CURRENT, encoding="utf-8"))
