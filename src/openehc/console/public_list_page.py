"""The pages /applications and /notices: what everybody may know of client software (材料二 2.4).

Plain HTML without script; shows what `api/public.py` and `api/notices.py` give. Keeps nothing.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from openehc.access.public_list import DEEPEST, PAGE_SIZE, SECONDS
from openehc.console.authorisation_page import HEADERS
from openehc.kernel.refusal import PlatformError

APPLICATIONS: Final = "/applications"
NOTICES: Final = "/notices"
_HEADERS: Final = {**HEADERS, "Cache-Control": f"public, max-age={SECONDS}"}
_FOLDER: Final = Path(__file__).parent / "templates"


class PublicListPage:
    """The ASGI application for one list: `page` gives its members, `template` shows them."""

    def __init__(self, page: Callable[[int], Awaitable[dict[str, Any]]], template: str) -> None:
        self._page = page
        self._template = template
        self._pages = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI)
        """Answer one HTTP request."""
        response = await self._response(Request(scope, receive))
        await response(scope, receive, send)

    async def _response(self, request: Request) -> HTMLResponse:
        if request.method not in {"GET", "HEAD"}:
            return self._message(405, "不支持该请求方式", "请直接打开本页。")
        text = request.query_params.get("page", "1")
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004 (of DEEPEST)
        if not 1 <= number <= DEEPEST:
            return self._message(404, "没有这一页", "请从第一页开始查看。")
        try:
            page = await self._page(number)
        except PlatformError:
            return self._message(503, "系统繁忙", "请稍后刷新本页重试。")
        last = max(1, -(-page["total"] // PAGE_SIZE))
        html = self._pages.get_template(self._template).render(**page, last=last)
        return HTMLResponse(html, headers=_HEADERS)

    def _message(self, status: int, title: str, text: str) -> HTMLResponse:
        html = self._pages.get_template("message.html").render(title=title, text=text)
        return HTMLResponse(html, status_code=status, headers=HEADERS)
