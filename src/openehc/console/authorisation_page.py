"""The page behind a kiosk's authorisation link (主扫, 004 4.4).

The resident sees who asks and for what, presents the card and confirms or cancels.
A plain page without script, so that it works in every phone's browser; decides nothing
itself. The token in the address is the only credential: the page is never cached and
sends no referrer.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from openehc.access.registry import Admission, Registry
from openehc.codes.authorise import DecideConsent, status_at
from openehc.codes.model import AuthorisationStatus
from openehc.codes.store import Authorisation
from openehc.console.texts import for_resident
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import PlatformError, Reason, Refusal
from openehc.spec import Spec

METHOD: Final = "ehc.ehealthcard.authurl"
FORM_LIMIT: Final = 4096
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
}
_FOLDER: Final = Path(__file__).parent
_RESULT: Final = {
    AuthorisationStatus.GRANTED: ("授权成功", "已将您的身份出示给机构，请返回自助终端继续办理。"),
    AuthorisationStatus.CANCELLED: ("已取消授权", "本次未出示任何信息。"),
    AuthorisationStatus.FAILED: ("授权已过期", "请在自助终端上重新发起。"),
}


class AuthorisationPage:
    """The ASGI application for /a/TOKEN and the start page."""

    def __init__(
        self, consent: DecideConsent, registry: Registry, spec: Spec, clock: Clock
    ) -> None:
        self._consent = consent
        self._registry = registry
        self._spec = spec
        self._clock = clock
        self._pages = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True,
            undefined=StrictUndefined,
        )  # fmt: skip
        self._routes = Starlette(
            routes=[
                Route("/", self._start),
                Route("/plain.css", self._style),
                Route("/a/{token:str}", self._show, methods=["GET"]),
                Route("/a/{token:str}", self._decide, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI)
        """Answer one HTTP request."""
        await self._routes(scope, receive, send)

    async def _start(self, _request: Request) -> Response:
        return self._page("start.html", 200)

    async def _style(self, _request: Request) -> Response:
        return FileResponse(_FOLDER / "plain.css", media_type="text/css")

    async def _show(self, request: Request) -> Response:
        try:
            found = await self._consent.find(request.path_params["token"])
        except PlatformError:
            return self._unavailable()
        return self._state(found, self._clock.now())

    async def _decide(self, request: Request) -> Response:
        token = request.path_params["token"]
        form = await _form(request)
        if form is None:
            return self._message(413, "提交的内容过长", "请返回重试。")
        try:
            found = await self._consent.find(token)
            refusal = await self._carry_out(token, form, found)
        except PlatformError:
            return self._unavailable()
        if refusal is None:
            return RedirectResponse(request.url.path, status_code=303, headers=HEADERS)
        now = self._clock.now()
        if found is None or status_at(found, now) is not AuthorisationStatus.WAITING:
            return self._state(found, now)
        return self._question(found, now, problem=for_resident(refusal), status=422)

    async def _carry_out(
        self, token: str, form: dict[str, str], found: Authorisation | None
    ) -> Refusal | None:
        if found is None:
            return Refusal(Reason.AUTHORISATION_UNKNOWN)
        now = self._clock.now()
        if form.get("decision") == "cancel":
            return await self._consent.cancel(token, now=now)
        admission = self._admission(found)
        if isinstance(admission, Refusal):
            return admission
        code = form.get("ehealth_code", "")
        return await self._consent.confirm(token, code, admission=admission, now=now)

    def _admission(self, found: Authorisation) -> Admission | Refusal:
        return self._registry.admit(found.app_id, term_id=found.term_id, method=METHOD)

    def _state(self, found: Authorisation | None, now: datetime) -> Response:
        if found is None:
            return self._message(404, "授权链接无效", "请在自助终端上重新发起。")
        status = status_at(found, now)
        if status is AuthorisationStatus.WAITING:
            return self._question(found, now, problem="", status=200)
        return self._message(200, *_RESULT[status])

    def _question(
        self, found: Authorisation, now: datetime, *, problem: str, status: int
    ) -> Response:
        admission = self._admission(found)
        treatment = self._spec.dictionary("treatment")
        code = found.purpose.treatment_code or ""
        return self._page(
            "authorise.html",
            status,
            institution="" if isinstance(admission, Refusal) else admission.org_name,
            treatment=treatment.require(code).name if treatment.has(code) else "就诊",
            seconds=max(int((found.expires_at - now).total_seconds()), 0),
            problem=problem,
        )

    def _message(self, status: int, title: str, text: str) -> Response:
        return self._page("message.html", status, title=title, text=text)

    def _unavailable(self) -> Response:
        return self._message(503, "系统繁忙", "请稍后刷新本页重试。")

    def _page(self, template: str, status: int, **values: Any) -> Response:  # noqa: ANN401
        html = self._pages.get_template(template).render(**values)
        return HTMLResponse(html, status_code=status, headers=HEADERS)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of an urlencoded form; None when it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}
