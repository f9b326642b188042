"""Every act of people leaves a record: each changing route of the console API, made from data.

Each route is called for real, once so that it succeeds and once by somebody without the right.
A route that is neither in a table nor in `UNRECORDED` fails the test.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx
import pytest
from fastapi import APIRouter

from openehc.audit.model import Category
from openehc.console.api.application import build_api
from openehc.console.api.guards import SIGNED_IN
from openehc.people.permissions import Role, role_table
from tests.support import acts_of_people, acts_on_registers, acts_on_residents
from tests.support.people import PASSWORD, PeopleAtNode
from tests.support.routes import Route, routes_of
from tests.support.stage import Call, Row, Stage, Tells

ROWS: Final[Mapping[str, Row]] = {
    **acts_of_people.ROWS, **acts_on_registers.ROWS, **acts_on_residents.ROWS,
}  # fmt: skip

UNRECORDED: Final[Mapping[str, str]] = {
    "POST /api/session/challenge": (
        "hands a random value to nobody in particular; what is done with it is recorded"
    ),
}
"""Changing routes that leave no record, and why they need none."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def changing(routes: list[Route]) -> dict[str, Route]:
    """The routes that are not merely looked at, by name."""
    return {route.name: route for route in routes if route.method not in SAFE}


@pytest.fixture
async def routes(people: PeopleAtNode) -> list[Route]:
    return routes_of(people.node.parts.console.api)


async def left_by(stage: Stage, login: str, action: str) -> list[dict[str, Any]]:
    """The records of what this person did."""
    return await stage.people.node.rows(
        "select * from audit_records where actor_kind = 'user' and actor_id = $1 and action = $2",
        login, action,
    )  # fmt: skip


def lacking(record: Mapping[str, Any], row: Row, call: Call, *, now: datetime) -> list[str]:
    """What a record does not say although it should."""
    named = bool(record["object_ref"]) or row.about == "audit"  # they have no single one
    said = {
        "at": record["at"] == now,
        "category": record["category"] in set(Category),
        "result": record["result"] == row.result,
        "object_kind": record["object_kind"] == row.about,
        "object_ref": named and record["object_ref"].startswith(call.about),
        "address": record["address"] != "",
        "before": bool(record["before"]) is (row.tells is Tells.CHANGE),
        "after": bool(record["after"]) is (row.tells is not Tells.NEITHER),
    }
    return [f"{name}: {record.get(name)}" for name, right in said.items() if not right]


def telling(record: Mapping[str, Any], answer: httpx.Response) -> list[str]:
    """Secrets that the record repeats: the test's password, and whatever the answer shows once."""
    told = answer.json() if answer.headers.get("content-type") == "application/json" else {}
    shown = told if isinstance(told, dict) else {}
    once = [
        PASSWORD, shown.get("initial_password"), shown.get("secret"),
        shown.get("credentials", {}).get("app_secret"), *shown.get("recovery_codes", ()),
    ]  # fmt: skip
    return [f"a secret: {record['action']}" for one in once if one and one in str(record)]


async def faults_of(stage: Stage, route: str, row: Row) -> list[str]:
    """What is wrong with a route's answer or record."""
    call = await row.prepare(stage)
    answer = await call.made(route)
    good = answer.is_success if row.result == "ok" else answer.status_code == row.status
    if not good:
        return [f"answered {answer.status_code} {answer.text}"]
    records = await left_by(stage, call.login, row.action)
    if len(records) != 1:
        return [f"{len(records)} records of {row.action}"]
    now = stage.people.node.clock.now()
    return lacking(records[0], row, call, now=now) + telling(records[0], answer)


@pytest.mark.requirement("G1-9.4-4", "G1-9.4-3", "G2-B-5.3-17", "G2-B-5.3-20", "G2-B-5.3-22")
async def test_every_act_leaves_one_record_of_who_did_what_to_what(stage: Stage) -> None:
    wrong = {route: await faults_of(stage, route, row) for route, row in ROWS.items()}

    assert {route: faults for route, faults in wrong.items() if faults} == {}


async def test_every_changing_route_is_in_a_table_or_says_why_not(routes: list[Route]) -> None:
    assert set(changing(routes)) == set(ROWS) | set(UNRECORDED)


async def test_a_new_changing_route_without_a_row_is_noticed(people: PeopleAtNode) -> None:
    router = APIRouter()

    @router.patch("/forgotten")
    async def forgotten() -> dict[str, Any]:
        return {}

    app = build_api(sessions=people.node.parts.console.state.sessions, routers=[router])

    assert set(changing(routes_of(app))) - set(ROWS) - set(UNRECORDED) == {"PATCH /api/forgotten"}


def without(permission: str) -> Role:
    """A role that lacks the permission."""
    return next(role for role in Role if role not in role_table().holders[permission])


@pytest.mark.requirement("G1-9.4-4", "G2-B-5.3-20")
async def test_whoever_asks_for_what_their_roles_do_not_hold_is_recorded(
    people: PeopleAtNode, routes: list[Route]
) -> None:
    wrong = {}
    for name, route in changing(routes).items():
        named = sorted(route.demanded - {SIGNED_IN})
        if not named:
            continue
        account = await people.user(without(named[0]))
        client = await people.session(account)
        answer = await client.request(route.method, route.path, json={})
        records = await people.records("permission.deny")
        told = [
            (record["object_ref"], record["result"], f'"route":"{name}"' in record["after"])
            for record in records
            if record["actor_id"] == account.user.login
        ]
        if answer.status_code != httpx.codes.FORBIDDEN or told != [(named[0], "not_granted", True)]:
            wrong[name] = (answer.status_code, told)

    assert wrong == {}
