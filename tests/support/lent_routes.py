"""The routes of the console, described once for all nodes that tests start in this process.

FastAPI takes a tenth of a second to read a hundred routes, far longer than a node takes to
start. Here they are described over `Lent` use cases: names that stand for the use cases of
whichever node is answering. Judges nothing.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, cast

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from openehc.console.api.application import build_api
from openehc.gateway.asgi import Receive, Scope, Send
from openehc.wiring.console import Console, ConsoleUse, build_console, console_routers

_ANSWERING: Final = ContextVar[ConsoleUse]("answering")


class Lent:
    """Something of the answering node; while routes are described, the promise of it."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    def __getattr__(self, name: str) -> Any:
        if _ANSWERING.get(None) is None:
            return Lent(lambda: getattr(self._find(), name))
        return getattr(self._find(), name)

    def __call__(self, *args: Any, **more: Any) -> Any:
        return self._find()(*args, **more)


class _AnswerWith:
    """ASGI: everything inside is answered with these use cases."""

    def __init__(self, app: Any, use: ConsoleUse) -> None:
        self._app = app
        self._use = use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = _ANSWERING.set(self._use)
        try:
            await self._app(scope, receive, send)
        finally:
            _ANSWERING.reset(before)


def lend_routes(console: Console) -> None:
    """Give a node the common routes instead of describing its own."""
    uses: list[ConsoleUse] = []

    def describe(use: ConsoleUse) -> list[APIRouter]:
        uses.append(use)
        return []

    api: FastAPI = build_console(console._parts, console.desk, describe=describe)
    api.router.routes[:0] = _common_routes()
    api.add_middleware(cast("Any", _AnswerWith), use=uses[0])
    console.api = api


@cache
def _common_routes() -> list[BaseRoute]:
    use = cast("ConsoleUse", Lent(_ANSWERING.get))
    api = build_api(sessions=use.people.sessions, routers=console_routers(use))
    return [route for route in api.routes if hasattr(route, "effective_route_contexts")]
