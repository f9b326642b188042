"""Who may call what: every route of the console API under every role, made from data.

Each route is called for real, with an empty body, as each role: 401 and 403 come just
where `roles.csv` says so. A route without a permission has to stand in `PUBLIC` or `OWN`.
"""

from typing import Any, Final

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from openehc.console.api.application import build_api
from openehc.console.api.guards import CSRF_HEADER, SIGNED_IN
from openehc.people.model import Account
from openehc.people.permissions import Role
from tests.support.people import PeopleAtNode
from tests.support.routes import Route, routes_of

PUBLIC: Final = frozenset({
    "POST /api/session", "POST /api/session/challenge", "POST /api/session/certificate",
    "POST /api/session/gateway", "GET /api/captcha", "GET /api/captcha/{captcha_id}/audio",
    "GET /api/public/applications", "GET /api/public/notices",
})  # fmt: skip
"""Open to everybody."""

OWN: Final = frozenset({
    "GET /api/session", "DELETE /api/session", "POST /api/session/proof",
    "PUT /api/session/password", "POST /api/session/totp", "PUT /api/session/totp",
    "POST /api/approvals", "DELETE /api/approvals/{approval_id}",
})  # fmt: skip
"""For everybody who is signed in: their own session and what they asked for themselves."""


@pytest.fixture
async def accounts(people: PeopleAtNode) -> dict[Role, Account]:
    return {role: await people.user(role) for role in Role}


@pytest.fixture
async def routes(people: PeopleAtNode) -> list[Route]:
    found = routes_of(people.node.parts.console.api)
    assert len(found) > 20
    return found


def refused_for_rights(answer: httpx.Response) -> bool:
    """401 or 403, but for an act that only wants a fresher proof or another reach."""
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return True
    return answer.status_code == httpx.codes.FORBIDDEN and "permission" in answer.json()


@pytest.mark.requirement(
    "G1-9.4-1", "G1-9.4-7", "G2-B-5.3-11", "G2-B-5.3-15", "G2-B-5.3-16", "G1-10.2.2-1",
    "G2-A-5.1-2",
)  # fmt: skip
@pytest.mark.parametrize("role", list(Role))
async def test_a_role_reaches_just_the_routes_that_the_table_gives_it(
    people: PeopleAtNode, accounts: dict[Role, Account], routes: list[Route], role: Role
) -> None:
    wrong = []
    for route in routes:
        people.node.clock.advance(seconds=2)  # who is turned away too fast is told to wait
        client = await people.session(accounts[role])
        answer = await client.request(route.method, route.path, json={})
        if route.name not in PUBLIC and refused_for_rights(answer) == route.admits(role):
            wrong.append((route.name, answer.status_code))

    assert wrong == []


@pytest.mark.requirement("G2-A-5.6.5-4")
async def test_nobody_reaches_anything_but_the_doors(
    people: PeopleAtNode, routes: list[Route]
) -> None:
    client = await people.client()

    answers = {
        route.name: (await client.request(route.method, route.path, json={})).status_code
        for route in routes
        if route.name not in PUBLIC
    }

    assert set(answers.values()) == {401}


async def test_a_session_without_the_csrf_value_changes_nothing(
    people: PeopleAtNode, accounts: dict[Role, Account], routes: list[Route]
) -> None:
    client = await people.session(accounts[Role.PROVINCE_OPERATOR])
    client.headers[CSRF_HEADER] = "0" * 32

    answers = {
        route.name: (await client.request(route.method, route.path, json={})).status_code
        for route in routes
        if route.name not in PUBLIC and route.method != "GET"
    }

    assert set(answers.values()) == {403}


def unmarked(app: FastAPI) -> dict[str, list[str]]:
    """Routes that nothing guards, or a session alone, and that are not on the lists above."""
    found = routes_of(app)
    return {
        "public": [r.name for r in found if not r.demanded and r.name not in PUBLIC],
        "own": [r.name for r in found if r.demanded == {SIGNED_IN} and r.name not in OWN],
    }


async def test_every_route_is_guarded_or_on_a_list(people: PeopleAtNode) -> None:
    assert unmarked(people.node.parts.console.api) == {"public": [], "own": []}


async def test_a_new_route_without_a_mark_is_noticed(people: PeopleAtNode) -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> dict[str, Any]:
        return {}

    app = build_api(sessions=people.node.parts.console.state.sessions, routers=[router])

    assert unmarked(app)["public"] == ["GET /api/forgotten"]


async def test_the_lists_hold_no_route_that_is_gone(routes: list[Route]) -> None:
    assert {route.name for route in routes} >= PUBLIC | OWN
