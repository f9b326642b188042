"""Institutions and client software are ended by two people, never by one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from openehc.access.end_connection import exit_faults
from openehc.people.model import UserState
from openehc.people.permissions import Role
from tests.support.console import Console, FixedSessions
from tests.support.entries import INSTITUTION, Desk, if_match
from tests.support.messages import Person
from tests.support.people import PeopleAtNode

REASON = "机构撤销"


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


@dataclass(frozen=True, slots=True)
class Ending:
    """An approved entry, and two operators who signed in with their passwords."""

    people: PeopleAtNode
    register: str
    entry: dict[str, Any]
    first: httpx.AsyncClient
    second: httpx.AsyncClient

    async def alone(self) -> httpx.Response:
        """The first operator's own attempt."""
        return await self.first.post(
            f"/api/{self.register}/{self.entry['id']}/exit", json={"reason": REASON},
            headers=if_match(self.entry["revision"]),
        )  # fmt: skip

    async def asked(self) -> int:
        """The number of the request, made of what the first attempt was told."""
        wish = (await self.alone()).json()["approval"]
        asked = await self.first.post("/api/approvals", json={**wish, "reason": REASON})
        assert asked.status_code == 201, asked.text
        return int(asked.json()["approval_id"])

    async def approved(self, number: int) -> dict[str, Any]:
        """What came of the second operator's approval."""
        answer = await self.second.post(
            f"/api/approvals/{number}/approve", json={"reason": "已核对"}
        )
        return dict(answer.json())

    async def standing(self) -> str:
        shown = await self.first.get(f"/api/{self.register}/{self.entry['id']}")
        return str(shown.json()["standing"])


@pytest.fixture(params=["institutions", "applications"])
async def ending(people: PeopleAtNode, request: pytest.FixtureRequest) -> Ending:
    register = str(request.param)
    first = await people.signed_in(Role.PROVINCE_OPERATOR, login="first")
    second = await people.signed_in(Role.PROVINCE_OPERATOR, login="second")
    desk = Desk(people.node, Console(people.node, FixedSessions(), people.stack), first)
    entry = await desk.hospital()
    if register == "applications":
        entry = await desk.approved(register)
    return Ending(people, register, entry, first, second)


@pytest.mark.requirement("G2-B-5.1-15", "G2-B-5.3-15")
async def test_a_second_operator_ends_what_the_first_asked_to_end(ending: Ending) -> None:
    number = await ending.asked()
    before = await ending.standing()

    decided = await ending.approved(number)
    path = f"/api/{ending.register}/{ending.entry['id']}/history"
    last = (await ending.first.get(path)).json()[0]
    [record] = [
        row for row in await ending.people.records(f"{ending.register[:-1]}.exit")
        if row["result"] == "ok"
    ]  # fmt: skip

    assert (before, decided["state"], await ending.standing()) == ("active", "done", "exited")
    assert (last["act"], last["actor_id"], last["reason"]) == ("exit", "first", REASON)
    assert last["after"]["approved_by"] == "second"
    assert (record["actor_id"], '"approved_by"' in record["after"]) == ("first", True)


async def test_one_operator_alone_ends_nothing_and_is_told_how_to(ending: Ending) -> None:
    answer = await ending.alone()
    own = await ending.asked()
    by_oneself = await ending.first.post(f"/api/approvals/{own}/approve", json={"reason": REASON})

    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (403, "approval_needed")
    assert problem["approval"]["kind"] == f"{ending.register}.exit"
    assert by_oneself.status_code == 409
    assert await ending.standing() == "active"


async def test_what_was_changed_since_is_not_ended(ending: Ending) -> None:
    number = await ending.asked()
    await ending.first.post(
        f"/api/{ending.register}/{ending.entry['id']}/suspend", json={"reason": "先行停用"},
        headers=if_match(ending.entry["revision"]),
    )  # fmt: skip

    decided = await ending.approved(number)

    assert decided["state"] == "failed"
    assert "已被他人修改" in decided["outcome"]
    assert await ending.standing() == "suspended"


@pytest.mark.requirement("G2-B-5.1-15")
async def test_the_people_of_an_institution_leave_with_it_and_do_not_return(
    people: PeopleAtNode,
) -> None:
    province = await people.signed_in(Role.PROVINCE_OPERATOR, login="province")
    window = await people.signed_in(Role.WINDOW_OPERATOR, login="window")
    desk = Desk(people.node, Console(people.node, FixedSessions(), people.stack), province)
    before = await window.get("/api/session")

    entry = (await province.get(f"/api/institutions/{await people.institution()}")).json()
    for act in ("exit", "reapply", "approve"):
        entry = await desk.done("institutions", {**INSTITUTION, **entry}, act)

    after = await window.get("/api/session")
    user = (await people.account("window")).user
    [record] = await people.records("user.disable")
    assert (before.status_code, after.status_code, user.state) == (200, 401, UserState.DISABLED)
    assert (record["object_ref"], record["reason"]) == ("window", "随机构退出接入：测试")


@pytest.mark.requirement("G2-B-5.1-14", "G1-9.4-1")
@pytest.mark.parametrize(("stop", "back"), [("suspend", "resume"), ("blacklist", "restore")])
async def test_while_an_institution_is_stopped_its_windows_see_no_resident(
    people: PeopleAtNode, stop: str, back: str
) -> None:
    province = await people.signed_in(Role.PROVINCE_OPERATOR)
    window = await people.signed_in(Role.WINDOW_OPERATOR)
    operator = await people.signed_in(Role.INSTITUTION_OPERATOR)
    desk = Desk(people.node, Console(people.node, FixedSessions(), people.stack), province)
    entry = (await province.get(f"/api/institutions/{await people.institution()}")).json()

    async def statuses() -> list[int]:
        asked = {"by": "document", "value": Person.invented().id_no, "kind": "01"}
        searched = await window.post("/api/residents/search", json=asked)
        return [searched.status_code, (await operator.get("/api/terminals")).status_code]

    before = await statuses()
    stopped = await desk.done("institutions", entry, stop)
    meanwhile = await statuses()
    await desk.done("institutions", stopped, back)

    assert [before, meanwhile, await statuses()] == [[200, 200], [403, 200], [200, 200]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": 0}, "id"), ({"id": "1"}, "id"), ({"id": True}, "id"), ({"id": 2**31}, "id"),
        ({"revision": None}, "revision"), ({"reason": " "}, "reason"), ({"reason": 7}, "reason"),
        ({"reason": "a\x00b"}, "reason"), ({"reason": "长" * 201}, "reason"),
        ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_wrong_request_names_its_fault(changes: dict[str, Any], field: str) -> None:
    faults = exit_faults({"id": 1, "revision": 1, "reason": REASON, **changes})

    assert [fault.field for fault in faults] == [field]
