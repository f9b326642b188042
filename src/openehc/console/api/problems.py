"""Problem details (RFC 9457) in Chinese and English.

The one place where a `Refusal` becomes an HTTP status. A problem says what was wrong and
what to do, and never holds personal data or secrets.
"""

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from openehc.console.api.input_texts import said
from openehc.kernel.refusal import Fault, PlatformError, Reason, Refusal

MEDIA_TYPE: Final = "application/problem+json"
_log: Final = logging.getLogger("openehc.console")

_STATUS: Final = {
    Reason.RECORD_UNKNOWN: 404,
    Reason.CARD_UNKNOWN: 404,
    Reason.RECORD_EXISTS: 409,
    Reason.RECORD_CHANGED: 412,
    Reason.STATE_FORBIDS: 409,
    Reason.CARD_CLOSED: 409,
    Reason.CARD_BLACKLISTED: 409,
    Reason.CARD_NOT_ACTIVE: 409,
    Reason.CARD_MERGED: 409,
    Reason.NAME_CONFLICT: 409,
    Reason.INPUT_WRONG: 422,
    Reason.IDENTITY_WRONG: 422,
    Reason.FIELDS_WRONG: 422,
    Reason.OUT_OF_SCOPE: 403,
    Reason.NOT_GRANTED: 403,
    Reason.APPROVAL_NEEDED: 403,
    Reason.SIGN_IN_REFUSED: 401,
    Reason.CAPTCHA_NEEDED: 401,
    Reason.TOTP_NEEDED: 401,
    Reason.TOO_MANY_TRIES: 429,
    Reason.LOOKS_TOO_MANY: 429,
    Reason.CODE_MALFORMED: 422,
    Reason.CODE_NOT_ISSUED: 422,
    Reason.CODE_EXPIRED: 422,
    Reason.VALID_MISSING: 422,
    Reason.VALID_WRONG: 422,
    Reason.FOREIGN_CODE: 422,
    Reason.OVERLOADED: 503,
}
"""Reasons that a person can meet; any other is a defect and becomes 500."""

_TRY_LATER: Final = frozenset({429, 503})
_LATER: Final = {"Retry-After": "60"}

_TITLES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("请求无法理解", "The request cannot be understood"),
    401: ("未登录或登录已失效", "Not signed in, or the session ended"),
    403: ("无权进行此操作", "You may not do this"),
    404: ("没有找到", "Not found"),
    405: ("不支持该请求方式", "Method not allowed"),
    409: ("当前状态不允许此操作", "The present state does not allow this"),
    412: ("数据已被他人修改，请刷新后重试", "Somebody changed it meanwhile; reload and try again"),
    413: ("提交的内容过大", "Too much was sent"),
    415: ("不支持该内容类型", "Unsupported content type"),
    422: ("提交的内容有误", "What was sent is wrong"),
    428: ("缺少版本号", "The revision is missing"),
    429: ("操作过于频繁，请稍后再试", "Too many requests; try again later"),
    500: ("系统内部错误", "Internal error"),
    503: ("系统繁忙，请稍后重试", "Busy; try again later"),
}


class Problem(Exception):
    """A request cannot be answered as asked; becomes a problem document."""

    def __init__(
        self, status: int, *, zh: str = "", en: str = "", faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None, **more: Any,  # noqa: ANN401 (extension members)
    ) -> None:  # fmt: skip
        super().__init__(status)
        self.status = status
        self.zh = zh
        self.en = en
        self.faults = tuple(faults)
        self.headers = headers
        self.more = more

    def document(self) -> dict[str, Any]:
        """The JSON members of the problem."""
        title, title_en = _TITLES.get(self.status, _TITLES[500])
        told: dict[str, Any] = {
            "type": "about:blank", "status": self.status, "title": title, "title_en": title_en,
        }  # fmt: skip
        if self.zh:
            told |= {"detail": self.zh, "detail_en": self.en or title_en}
        if self.faults:
            told["errors"] = [
                {"field": fault.field, "message": fault.zh, "message_en": fault.en}
                for fault in self.faults
            ]
        return told | self.more

    def response(self) -> JSONResponse:
        """The document with its status."""
        return JSONResponse(
            self.document(), status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers
        )


def problem_of(refusal: Refusal) -> Problem:
    """A decided no as a problem."""
    status = _STATUS.get(refusal.reason, 500)
    return Problem(
        status, zh=refusal.detail, en=refusal.detail_en, faults=refusal.faults,
        headers=_LATER if status in _TRY_LATER else None, reason=refusal.reason.name.lower(),
    )  # fmt: skip


_TEXT: Final = {"type": "string"}
_SCHEMA: Final = {
    "title": "Problem",
    "description": "RFC 9457, in Chinese and English; `reason` names it for programs.",
    "type": "object",
    "required": ["type", "status", "title", "title_en"],
    "properties": {
        "type": _TEXT, "status": {"type": "integer"}, "title": _TEXT, "title_en": _TEXT,
        "detail": _TEXT, "detail_en": _TEXT, "reason": _TEXT, "permission": _TEXT,
        "approval": {
            "description": "What to hand in under /api/approvals, beside a reason",
            "type": "object", "required": ["kind", "parameters"],
            "properties": {"kind": _TEXT, "parameters": {"type": "object"}},
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message", "message_en"],
                "properties": {"field": _TEXT, "message": _TEXT, "message_en": _TEXT},
            },
        },
    },
}  # fmt: skip


def described() -> dict[int | str, dict[str, Any]]:
    """How every route describes its problems."""
    content = {MEDIA_TYPE: {"schema": _SCHEMA}}
    return {
        status: {"description": "What went wrong, and what to do", "content": content}
        for status in ("4XX", "422", "503")
    }


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem document."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(PlatformError, _unavailable)
    app.add_exception_handler(Exception, _unexpected)


async def _told(_request: Request, error: Exception) -> JSONResponse:
    return error.response() if isinstance(error, Problem) else Problem(500).response()


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [_fault(found) for found in errors[:50]]
    return Problem(422, faults=faults).response()


def _fault(found: Mapping[str, Any]) -> Fault:
    """Where and why; never what was sent, which may be personal."""
    place = ".".join(str(part) for part in found["loc"][1:]) or str(found["loc"][0])
    return Fault(place[:80], said(found), str(found["msg"])[:200])


async def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return Problem(500).response()
    return Problem(error.status_code, headers=error.headers).response()


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    _log.error("console: %s", type(error).__name__)
    return Problem(503, headers={"Retry-After": "5"}).response()


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    place = "".join(traceback.format_tb(error.__traceback__))
    _log.error("console: unexpected %s\n%s", type(error).__name__, place)
    return Problem(500).response()
