"""Routes of one's own session: sign in, look, prove again, sign out.

Decides nothing: cookie, status and wording of the answers are all that is here.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from openehc.console.api.guards import COOKIE, SECURE_COOKIE, address_of, signed_in, token_of
from openehc.console.api.problems import Problem, problem_of
from openehc.kernel.refusal import Refusal
from openehc.people.captcha import Answer
from openehc.people.model import Principal, Proof, SignedIn, Visit
from openehc.people.permissions import Role
from openehc.people.policy import Policy
from openehc.people.rules import LONGEST_PASSWORD, days_left
from openehc.people.sign_in import SignInCommand
from openehc.people.use_cases import People

LONGEST_LOGIN: Final = 64
LONGEST_CODE: Final = 40
_CROSS_SITE: Final = frozenset({"cross-site", "same-site"})


class CaptchaAnswer(BaseModel):
    """What was read or heard."""

    captcha_id: Annotated[str, Field(max_length=64)]
    answer: Annotated[str, Field(max_length=16)]


class SignInForm(BaseModel):
    """Login and password; `totp` takes the code of the authenticator or a recovery code."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]
    totp: Annotated[str, Field(max_length=LONGEST_CODE)] = ""
    captcha: CaptchaAnswer | None = None


class Warning_(BaseModel):  # noqa: N801 (the name Warning is taken)
    """Something that the person should do soon."""

    code: str
    message: str
    message_en: str


class UserAnswer(BaseModel):
    """Who is signed in."""

    user_id: int
    login: str
    display_name: str
    institution_id: int | None


class SessionAnswer(BaseModel):
    """The session: what to send with changes, what may be done, until when."""

    csrf: str
    user: UserAnswer
    roles: list[Role]
    permissions: list[str]
    proved_by: Proof
    fresh: bool
    must_change_password: bool
    must_enrol: bool
    expires_at: datetime
    idle_seconds: int
    warnings: list[Warning_]


def visit_of(request: Request, people: People) -> Visit:
    """Where the request comes from, and when."""
    return Visit(address_of(request), people.clock.now())


def session_router(people: People) -> APIRouter:
    """POST, GET and DELETE /api/session."""
    router = APIRouter(tags=["session"])

    @router.post("/session", status_code=201, response_model=SessionAnswer)
    async def sign_in(form: SignInForm, request: Request) -> Response:
        """Sign in with login and password; the session ID is new each time."""
        same_site(request)
        captcha = form.captcha
        command = SignInCommand(
            form.login, form.password, form.totp.strip(),
            Answer(captcha.captcha_id, captcha.answer) if captcha else None,
        )  # fmt: skip
        return await signed_in_answer(
            people, request, await people.ways.password(command, visit_of(request, people))
        )

    @router.get("/session", response_model=SessionAnswer)
    async def look(request: Request, _: Annotated[Principal, Depends(signed_in)]) -> Any:  # noqa: ANN401 (members of the answer)
        """Who is signed in, and what they may do."""
        return await session_answer(people, request, token_of(request))

    @router.delete("/session", status_code=204)
    async def sign_out(
        request: Request, principal: Annotated[Principal, Depends(signed_in)]
    ) -> Response:
        """End the session; the browser forgets what it kept."""
        await people.end_session.own(principal, visit_of(request, people))
        response = Response(status_code=204, headers={"Clear-Site-Data": '"cache", "storage"'})
        response.delete_cookie(_cookie(request), **_flags(request))
        return response

    return router


def same_site(request: Request) -> None:
    """Nobody is signed in by a page of another site (sign-in CSRF)."""
    if request.headers.get("sec-fetch-site") in _CROSS_SITE:
        raise Problem(403, zh="不允许从其他网站登录。", en="Not from a page of another site.")


async def signed_in_answer(
    people: People, request: Request, signed: SignedIn | Refusal
) -> JSONResponse:
    """The session with its cookie, or the problem."""
    if isinstance(signed, Refusal):
        raise problem_of(signed)
    told = await session_answer(people, request, signed.token)
    if signed.recovery_left is not None:
        told.warnings.append(_recovery_warning(signed.recovery_left))
    response = JSONResponse(told.model_dump(mode="json"), status_code=201)
    response.set_cookie(_cookie(request), signed.token, **_flags(request))
    return response


async def session_answer(people: People, request: Request, token: str) -> SessionAnswer:
    """The session of a token as it is now."""
    address = address_of(request)
    found = await people.sessions.find(token, address=address)
    if found is None:
        raise Problem(401, zh="请登录后再试。", en="Sign in and try again.")
    principal = people.sessions.principal_of(found, token, address=address)
    return SessionAnswer(
        csrf=principal.csrf,
        user=UserAnswer(
            user_id=principal.user_id, login=principal.actor.id,
            display_name=principal.display_name, institution_id=principal.actor.institution_id,
        ),
        roles=sorted(principal.roles), permissions=sorted(principal.permissions),
        proved_by=found.session.proved_by, fresh=principal.fresh,
        must_change_password=principal.must_change_password, must_enrol=principal.must_enrol,
        expires_at=found.session.created_at + found.policy.longest,
        idle_seconds=int(found.policy.idle.total_seconds()),
        warnings=_warnings(
            days_left(found.user, policy=found.policy, now=people.clock.now()), found.policy
        ),
    )  # fmt: skip


def _warnings(days: int, policy: Policy) -> list[Warning_]:
    if days > policy.reminder_days:
        return []
    left = max(days, 0)
    return [
        Warning_(
            code="password_expires", message=f"密码将在{left}天后过期，请及时修改。",
            message_en=f"The password expires in {left} days; change it.",
        )
    ]  # fmt: skip


def _recovery_warning(left: int) -> Warning_:
    return Warning_(
        code="recovery_code_used",
        message=f"您使用了一个恢复码，还剩{left}个。手机遗失的，请重新绑定动态口令。",
        message_en=f"You used a recovery code; {left} are left. If your phone is lost, enrol an"
        " authenticator anew.",
    )  # fmt: skip


def _cookie(request: Request) -> str:
    return str(getattr(request.app.state, "cookie", COOKIE))


def _flags(request: Request) -> dict[str, Any]:
    secure = _cookie(request) == SECURE_COOKIE
    return {"httponly": True, "samesite": "strict", "path": "/", "secure": secure}
