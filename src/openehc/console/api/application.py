"""The FastAPI application of the console: routers, problems, documentation.

The documentation needs no outside address. Builds no use case; wiring hands them in.
"""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.formparsers import MultiPartParser
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from openehc import __version__
from openehc.console.api.guards import PREFIX, permission_of
from openehc.console.api.problems import Problem, described, install
from openehc.console.api.summaries import named
from openehc.console.ports import Sessions

BODY_LIMIT: Final = 16 << 20
"""The largest upload: a workbook of 10,000 rows has about one megabyte."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}


def build_api(*, sessions: Sessions, routers: Iterable[APIRouter]) -> FastAPI:
    """The application; its paths begin with /api."""
    app = FastAPI(
        title="OpenEHC console API", version=__version__, docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json", swagger_ui_oauth2_redirect_url=None,
        responses=described(), max_body_size=BODY_LIMIT,
    )  # fmt: skip
    # Uploads stay in memory: no rest of them is left on a disk (材料二 附录B 5.3 no 42).
    MultiPartParser.spool_max_size = BODY_LIMIT + 1
    app.state.sessions = sessions
    install(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_guarded)
    for router in routers:
        app.include_router(named(router), prefix=PREFIX)
    app.mount(f"{PREFIX}/docs/assets", StaticFiles(directory=swagger_ui_path), name="docs-assets")
    app.add_route(f"{PREFIX}/docs", _documentation, include_in_schema=False)
    return app


async def _documentation(_request: Request) -> HTMLResponse:
    assets = f"{PREFIX}/docs/assets"
    page = get_swagger_ui_html(
        openapi_url=f"{PREFIX}/openapi.json", title="OpenEHC console API",
        swagger_js_url=f"{assets}/swagger-ui-bundle.js",
        swagger_css_url=f"{assets}/swagger-ui.css",
        swagger_favicon_url=f"{assets}/favicon-32x32.png",
    )  # fmt: skip
    # this page alone starts itself with a script inside it
    page.headers["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    )
    return page


async def _guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Refuse what is announced as too large; no answer is cached or framed."""
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_LIMIT:
        return Problem(413, zh="上传内容不得超过16MiB。", en="At most 16 MiB.").response()
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def permissions_of(app: FastAPI) -> list[tuple[str, str, frozenset[str]]]:
    """Every route as (method, path, permissions it demands), for the matrix of rights."""
    found: list[tuple[str, str, frozenset[str]]] = []
    for route in _api_routes(app):
        demanded = frozenset(
            name
            for dependant in _dependants(route.dependant)
            if (name := permission_of(dependant.call))
        )
        found += [(method, route.path, demanded) for method in sorted(route.methods)]
    return found


def _api_routes(app: FastAPI) -> list[Any]:
    """The routes themselves, also those that FastAPI keeps inside an included router."""
    found: list[Any] = []
    for route in app.routes:
        included = getattr(route, "effective_route_contexts", None)
        found += included() if included else [route]
    return [route for route in found if getattr(route, "dependant", None) is not None]


def _dependants(dependant: Any) -> list[Any]:  # noqa: ANN401 (FastAPI's own tree)
    below = [found for one in dependant.dependencies for found in _dependants(one)]
    return [*dependant.dependencies, *below]
