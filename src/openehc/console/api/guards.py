"""Who may call a route: session cookie, CSRF value, permission.

1. the cookie names a live session            else 401
2. a changing request repeats the CSRF value  else 403
3. no password or second factor is overdue    else 403
4. a role holds the route's permission        else 403 and a record of the try; 429 when there
                                              were too many (people/record_denial.py)
5. no parameter stands in the address that the route does not know: a list would come back
   as if it had been filtered             else 422

`needs(...)` marks the route, so that the matrix of routes and roles can be read from the
application itself. Signs nobody in.
"""

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from math import ceil
from typing import Annotated, Any, Final, NoReturn

from fastapi import Depends, Request
from pydantic import BaseModel

from openehc.console.api.problems import Problem
from openehc.kernel.refusal import Fault
from openehc.people.model import Principal
from openehc.people.permissions import role_table

PREFIX: Final = "/api"
"""With this every path of the console API begins."""
COOKIE: Final = "ehc_session"
"""The session cookie where there is no TLS: the demo on this machine."""
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""The same where there is: browsers take it over TLS only, and from no other host."""
CSRF_HEADER: Final = "x-csrf-token"
SIGNED_IN: Final = "signed-in"
"""The mark of routes that need a session and no permission."""

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_TOKEN: Final = 100


def address_of(request: Request) -> str:
    """Where a request came from, as an IP address.

    Of what configured proxies forward, the last address that is none of theirs counts:
    whatever stands before it was written by the caller.
    """
    peer = request.client.host if request.client else ""
    proxies: frozenset[str] = getattr(request.app.state, "proxies", frozenset())
    if peer not in proxies:
        return peer
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for part in reversed(forwarded):
        address = _address(part.strip())
        if address is None or address not in proxies:
            return address or peer
    return peer


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def token_of(request: Request) -> str:
    """The session token that a request carries; empty when it carries none."""
    token = request.cookies.get(getattr(request.app.state, "cookie", COOKIE), "")
    return token if len(token) <= _LONGEST_TOKEN else ""


async def signed_in(request: Request) -> Principal:
    """Steps 1 and 2: the person behind the session."""
    token = token_of(request)
    sessions = request.app.state.sessions
    principal: Principal | None = None
    if token:
        principal = await sessions.principal(token, address=address_of(request))
    if principal is None:
        raise Problem(401, zh="请登录后再试。", en="Sign in and try again.")
    if request.method not in _SAFE:
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), principal.csrf.encode()):
            raise Problem(
                403, zh="缺少或错误的X-CSRF-Token。", en="X-CSRF-Token is missing or wrong."
            )
    return principal


async def signed_in_and_settled(
    principal: Annotated[Principal, Depends(signed_in)],
) -> Principal:
    """Step 3: for acts of everybody that are more than looking after one's own credentials."""
    if principal.must_change_password:
        raise Problem(403, zh="请先修改密码。", en="Change your password first.",
                      reason="password_expired")  # fmt: skip
    if principal.must_enrol:
        raise Problem(403, zh="请先绑定动态口令。", en="Enrol a second factor first.",
                      reason="second_factor_needed")  # fmt: skip
    return principal


def needs(permission: str) -> Any:  # noqa: ANN401 (what Depends gives)
    """A dependency that gives the `Principal` when it holds the permission (steps 1 to 5)."""
    if permission not in role_table().permissions:
        raise ValueError(f"no such permission: {permission}")

    async def allowed(
        request: Request, principal: Annotated[Principal, Depends(signed_in_and_settled)]
    ) -> Principal:
        if not principal.may(permission):
            await deny(request, principal, permission)
        only_known_parameters(request)
        return principal

    allowed.permission = permission  # type: ignore[attr-defined] # read by `permission_of`
    return Depends(allowed)


async def deny(request: Request, principal: Principal, permission: str) -> NoReturn:
    """Turn somebody away who lacks the permission; the try is recorded first."""
    path = getattr(request.scope.get("route"), "path", "")
    route = f"{request.method} {PREFIX}{path}"
    wait = await request.app.state.record_denial(principal, permission=permission, route=route)
    if wait is not None:
        raise Problem(
            429, zh="您多次请求无权进行的操作，请稍后再试；如需此权限，请与安全管理员联系。",
            en="You asked too often for what your roles do not hold; try again later, or ask the"
            " security administrator for the role.",
            headers={"Retry-After": str(max(1, ceil(wait.total_seconds())))},
            reason="too_many_tries", permission=permission,
        )  # fmt: skip
    raise Problem(403, zh="您的角色没有此权限。", en="Your roles lack this permission.",
                  permission=permission)  # fmt: skip


def only_known_parameters(request: Request) -> None:
    """Step 5: refuse a parameter of the address that is none of the route's."""
    if not request.query_params:
        return
    known = parameters_of(request.scope["route"].dependant)
    faults = [
        Fault(
            name[:64], f"没有此查询参数；可用：{'、'.join(known) or '无'}",
            f"no such parameter; known: {', '.join(known) or 'none'}",
        )
        for name in dict.fromkeys(request.query_params)
        if name not in known
    ]  # fmt: skip
    if faults:
        raise Problem(422, faults=faults[:50])


def parameters_of(dependant: Any) -> list[str]:  # noqa: ANN401 (FastAPI's own tree)
    """The names of the parameters that a route and its dependencies take from the address."""
    names: list[str] = []
    for field in dependant.query_params:
        kind = field.field_info.annotation
        of_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        names += list(kind.model_fields) if of_model else [field.alias]
    below = [name for one in dependant.dependencies for name in parameters_of(one)]
    return [*names, *below]


def freshly_proved(principal: Principal) -> None:
    """Dangerous acts: the person must have proved themselves again just now."""
    if not principal.fresh:
        raise Problem(403, zh="请重新验证身份后再进行此操作。",
                      en="Prove your identity again before this act.",
                      reason="proof_needed")  # fmt: skip


def permission_of(dependency: Callable[..., Any] | None) -> str | None:
    """The permission that a dependency of a route demands, None for any other dependency."""
    if dependency is signed_in:
        return SIGNED_IN
    return getattr(dependency, "permission", None)
