"""Acts that need two people: asked for by one, decided by another, done once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from openehc.audit.model import Actor
from openehc.kernel.refusal import DatabaseDown, Fault, Reason, Refusal
from openehc.people.approval_kinds import ApprovalKind
from openehc.people.permissions import Role
from tests.support.people import PeopleAtNode

REASON = "同一人重复建档"


@dataclass(slots=True)
class Merging:
    """An executor that remembers what it did; `answer` is what it says."""

    done: list[tuple[Mapping[str, Any], str, str]] = field(default_factory=list)
    answer: Refusal | None = None
    trouble: Exception | None = None

    async def __call__(
        self, parameters: Mapping[str, Any], *, by: Actor, approved_by: Actor
    ) -> Refusal | None:
        await asyncio.sleep(0)
        if self.trouble:
            raise self.trouble
        self.done.append((parameters, by.id, approved_by.id))
        return self.answer


def _check(parameters: Mapping[str, Any]) -> tuple[Fault, ...]:
    return () if "kept" in parameters else (Fault("kept", "缺少", "missing"),)


@pytest.fixture
async def merging(people: PeopleAtNode) -> Merging:
    merging = Merging()
    kind = ApprovalKind(
        "test.merge", "residents.merge", "合并重复账户", "merge double accounts", merging,
        _check,
    )  # fmt: skip
    people.node.parts.console.state.approval_kinds.add(kind)
    return merging


async def ask(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    """Ask for a merger."""
    form = {"kind": "test.merge", "parameters": {"kept": "A", "gone": "B"}, "reason": REASON}
    return await client.post("/api/approvals", json={**form, **changes})


async def decide(client: httpx.AsyncClient, number: int, what: str = "approve") -> httpx.Response:
    """Approve or refuse."""
    return await client.post(f"/api/approvals/{number}/{what}", json={"reason": "已核对"})


@pytest.mark.requirement("G2-B-5.3-15", "G2-B-5.3-18", "G2-B-5.4-6")
async def test_a_second_person_approves_and_it_is_done_once(
    people: PeopleAtNode, merging: Merging
) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR, login="first")
    two = await people.signed_in(Role.PROVINCE_OPERATOR, login="second")
    number = (await ask(one)).json()["approval_id"]

    listed = (await two.get("/api/approvals", params={"state": "waiting"})).json()["items"]
    approved = await decide(two, number)
    again = await decide(two, number)

    assert [(row["requester"], row["act"]) for row in listed] == [("first", "合并重复账户")]
    assert (approved.json()["state"], again.status_code) == ("done", 409)
    assert merging.done == [({"kept": "A", "gone": "B"}, "first", "second")]
    actions = [
        (await people.records(f"approval.{what}"))[0] for what in ("ask", "decide", "finish")
    ]
    assert [record["actor_id"] for record in actions] == ["first", "second", "second"]


async def test_nobody_approves_their_own_request(people: PeopleAtNode, merging: Merging) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    number = (await ask(one)).json()["approval_id"]

    assert [(await decide(one, number, what)).status_code for what in ("approve", "refuse")] == [
        409, 409,
    ]  # fmt: skip
    assert merging.done == []


async def test_who_lacks_the_acts_own_permission_neither_asks_nor_decides(
    people: PeopleAtNode, merging: Merging
) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    security = await people.signed_in(Role.SECURITY_ADMIN)
    number = (await ask(one)).json()["approval_id"]

    statuses = [
        (await ask(security)).status_code,
        (await decide(security, number)).status_code,
        (await security.get(f"/api/approvals/{number}")).status_code,
    ]

    assert statuses == [403, 403, 404]
    assert (await security.get("/api/approvals")).json()["total"] == 0
    assert merging.done == []


async def test_two_who_approve_at_once_do_it_once(people: PeopleAtNode, merging: Merging) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    others = [await people.signed_in(Role.PROVINCE_OPERATOR) for _ in range(3)]
    number = (await ask(one)).json()["approval_id"]

    answers = await people.at_once(decide(other, number) for other in others)

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert len(merging.done) == 1


async def test_a_refused_or_withdrawn_act_is_never_done(
    people: PeopleAtNode, merging: Merging
) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    two = await people.signed_in(Role.PROVINCE_OPERATOR)
    refused, withdrawn = [(await ask(one)).json()["approval_id"] for _ in range(2)]

    said_no = await decide(two, refused, "refuse")
    foreign = await two.delete(f"/api/approvals/{withdrawn}")
    back = await one.delete(f"/api/approvals/{withdrawn}")
    late = [(await decide(two, number)).status_code for number in (refused, withdrawn)]

    assert (said_no.json()["state"], foreign.status_code, back.status_code) == ("refused", 404, 204)
    assert (late, merging.done) == ([409, 409], [])


async def test_a_request_waits_three_days(people: PeopleAtNode, merging: Merging) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    number = (await ask(one)).json()["approval_id"]
    people.node.clock.advance(seconds=3 * 24 * 3600)
    two = await people.signed_in(Role.PROVINCE_OPERATOR)

    shown = (await two.get(f"/api/approvals/{number}")).json()

    assert (shown["over"], (await decide(two, number)).status_code) == (True, 409)
    assert merging.done == []


async def test_what_the_act_refuses_is_told_and_not_tried_again(
    people: PeopleAtNode, merging: Merging
) -> None:
    merging.answer = Refusal(Reason.CARD_CLOSED, "账户已注销")
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    two = await people.signed_in(Role.PROVINCE_OPERATOR)
    number = (await ask(one)).json()["approval_id"]

    failed = (await decide(two, number)).json()

    assert (failed["state"], failed["outcome"]) == ("failed", "账户已注销")
    assert (await decide(two, number)).status_code == 409


async def test_an_act_whose_end_is_not_known_says_so(
    people: PeopleAtNode, merging: Merging
) -> None:
    merging.trouble = DatabaseDown("gone")
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    two = await people.signed_in(Role.PROVINCE_OPERATOR)

    failed = (await decide(two, (await ask(one)).json()["approval_id"])).json()

    assert (failed["state"], failed["outcome"]) == ("failed", "执行结果不明，请核对。")


async def test_a_requester_who_lost_the_right_has_nothing_done(
    people: PeopleAtNode, merging: Merging
) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR, login="first")
    two = await people.signed_in(Role.PROVINCE_OPERATOR)
    number = (await ask(one)).json()["approval_id"]
    await people.node.parts.database.execute("update users set roles = '{}' where login = 'first'")

    assert (await decide(two, number)).json()["state"] == "failed"
    assert merging.done == []


async def test_approving_wants_a_fresh_proof(people: PeopleAtNode, merging: Merging) -> None:
    one = await people.signed_in(Role.PROVINCE_OPERATOR)
    two = await people.signed_in(Role.PROVINCE_OPERATOR)
    number = (await ask(one)).json()["approval_id"]
    people.node.clock.advance(seconds=301)

    assert (await decide(two, number)).json()["reason"] == "proof_needed"
    assert merging.done == []


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "unknown"}, {"parameters": {}}, {"parameters": {"kept": "x" * 9000}},
        {"reason": ""}, {"reason": "a\u0000b"}, {"kind": "Residents'--"}, {"parameters": []},
    ],
)  # fmt: skip
async def test_a_request_that_cannot_be_decided_on_is_refused(
    people: PeopleAtNode, merging: Merging, form: dict[str, Any]
) -> None:
    del merging
    one = await people.signed_in(Role.PROVINCE_OPERATOR)

    assert (await ask(one, **form)).status_code == 422


async def test_nobody_fills_the_table_with_requests(people: PeopleAtNode, merging: Merging) -> None:
    del merging
    one = await people.signed_in(Role.PROVINCE_OPERATOR)

    statuses = [(await ask(one)).status_code for _ in range(51)]

    assert statuses == [201] * 50 + [409]
