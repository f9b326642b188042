"""Whoever sees personal data at the console leaves a record: each GET route, made from data.

Recognisable people are planted in the node; every route is called as every role that it
admits. What it shows of them in clear has to be recorded first. A route that stands in no
table fails the test.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from fastapi import APIRouter

from openehc.console.api.application import build_api
from openehc.people.permissions import OF_ONE_INSTITUTION, Role
from openehc.storage.pool import Database
from tests.support.people import PeopleAtNode
from tests.support.routes import Route, routes_of
from tests.support.sights import PLAIN, SIGHTS, Planted, Sight, planted
from tests.support.stage import Stage

OK, NOT_FOUND = httpx.codes.OK, httpx.codes.NOT_FOUND
CONTACTS_OF_SOFTWARE: Final = (
    "GET /api/applications/{record_id}", "GET /api/applications/{record_id}/history",
)  # fmt: skip
MOVE: Final = "update users set institution_id = $2 where user_id = $1"
RECORDED: Final = "select * from audit_records where actor_id = $1"
NOW_NO_RECORD: Final = """
create function refuse_records() returns trigger language plpgsql as $$
begin raise exception using errcode = '53100', message = 'disk full'; end $$;
create trigger no_record before insert on audit_records
    for each row execute function refuse_records()
"""


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own."""
    del database


@dataclass(slots=True)
class Looking:
    """Somebody of each role before the planted people."""

    stage: Stage
    planted: Planted
    routes: list[Route]
    _people: dict[Role, tuple[str, httpx.AsyncClient]] = field(default_factory=dict)

    async def someone(self, role: Role) -> tuple[str, httpx.AsyncClient]:
        """Login and client of a person with this role, always the same."""
        if role not in self._people:
            account = await self.stage.people.user(role)
            if role in OF_ONE_INSTITUTION:
                await self.stage.people.node.parts.database.execute(
                    MOVE, account.user.user_id, self.planted.institution_id
                )
            client = await self.stage.people.session(account)
            self._people[role] = account.user.login, client
        return self._people[role]

    async def records_of(self, login: str) -> list[dict[str, Any]]:
        return await self.stage.people.node.rows(RECORDED, login)

    async def look(self, route: str, role: Role) -> tuple[httpx.Response, list[dict[str, Any]]]:
        """The answer to the look, and the records that it left."""
        login, client = await self.someone(role)
        before = {_place(record) for record in await self.records_of(login)}
        answer = await self.planted.looked(client, route)
        after = await self.records_of(login)
        return answer, [record for record in after if _place(record) not in before]


def _place(record: dict[str, Any]) -> tuple[int, int, int]:
    return record["stream"], record["seq"], record["place"]


def looks(routes: Sequence[Route]) -> dict[str, Route]:
    """The routes that only look, by name."""
    return {route.name: route for route in routes if route.method == "GET"}


@pytest.fixture
async def looking(stage: Stage) -> Looking:
    routes = routes_of(stage.people.node.parts.console.api)
    return Looking(stage, await planted(stage), routes)


async def test_every_look_is_in_one_table(people: PeopleAtNode) -> None:
    routes = routes_of(people.node.parts.console.api)

    assert set(looks(routes)) == set(SIGHTS) | PLAIN
    assert not set(SIGHTS) & PLAIN


async def test_a_new_look_without_a_row_is_noticed(people: PeopleAtNode) -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> dict[str, Any]:
        return {}

    app = build_api(sessions=people.node.parts.console.state.sessions, routers=[router])

    assert set(looks(routes_of(app))) - set(SIGHTS) - PLAIN == {"GET /api/forgotten"}


@pytest.mark.requirement("G1-9.4-5")
async def test_whatever_any_role_sees_in_clear_is_recorded_without_its_values(
    looking: Looking,
) -> None:
    wrong: dict[tuple[str, str], object] = {}
    for name, route in looks(looking.routes).items():
        statuses = []
        for role in filter(route.admits, Role):
            answer, records = await looking.look(name, role)
            statuses.append(answer.status_code)
            shown = looking.planted.shown_in(answer)
            told = [value for value in looking.planted.values if value in str(records)]
            if told or (shown and (name in PLAIN or not records)):
                wrong[name, role.value] = (sorted(shown), told)
        # what a role may not reach it does not find; somebody has to find it
        if OK not in statuses or set(statuses) > {OK, NOT_FOUND}:
            wrong[name, ""] = (statuses, [])

    assert wrong == {}


def faults_of(sight: Sight, shown: set[str], records: list[dict[str, Any]]) -> list[str]:
    """What is wrong with what a look showed, or with its records."""
    faults = []
    if shown != set(sight.shows):
        faults.append(f"shows {sorted(shown)}")
    if {(record["action"], record["result"]) for record in records} != {(sight.action, "ok")}:
        faults.append(f"recorded as {[record['action'] for record in records]}")
    if not sight.shows:
        return faults
    whom = [record["object_ref"] or '"logins":[' in record["after"] for record in records]
    many = ['"shown":' in record["after"] for record in records]
    kinds = [record["category"] for record in records]
    if (len(records), all(whom), all(many), set(kinds)) != (1, True, True, {"personal-data"}):
        faults.append(f"{records}")
    return faults


@pytest.mark.requirement("G1-9.4-5")
async def test_a_sight_leaves_a_record_of_who_saw_which_entries(looking: Looking) -> None:
    wrong = {}
    for route, sight in SIGHTS.items():
        answer, records = await looking.look(route, sight.by)
        wrong[route] = faults_of(sight, looking.planted.shown_in(answer), records)

    assert {route: faults for route, faults in wrong.items() if faults} == {}


@pytest.mark.requirement("G2-B-5.3-23")
async def test_when_the_record_cannot_be_kept_nothing_is_shown(looking: Looking) -> None:
    people = {sight.by: await looking.someone(sight.by) for sight in SIGHTS.values()}
    await looking.stage.people.node.parts.database.execute(NOW_NO_RECORD)

    answers = {
        route: await looking.planted.looked(people[sight.by][1], route)
        for route, sight in SIGHTS.items()
    }

    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(
        SIGHTS, httpx.codes.SERVICE_UNAVAILABLE
    )
    assert [route for route, answer in answers.items() if looking.planted.shown_in(answer)] == []


async def test_who_sees_contact_persons_masked_leaves_no_record(looking: Looking) -> None:
    for route in CONTACTS_OF_SOFTWARE:
        answer, records = await looking.look(route, Role.SYSTEM_ADMIN)

        assert answer.status_code == OK
        assert (looking.planted.shown_in(answer), records) == (set(), [])
