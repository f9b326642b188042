"""Somebody who asks again and again for what their roles do not hold fills no audit trail."""

from openehc.people.permissions import Role
from openehc.people.record_denial import MOST, WINDOW
from tests.support.people import PeopleAtNode

DENIED = "/api/users"


async def test_after_sixty_denials_in_a_minute_the_next_are_told_to_wait(
    people: PeopleAtNode,
) -> None:
    client = await people.signed_in(Role.WINDOW_OPERATOR)

    statuses = [(await client.get(DENIED)).status_code for _ in range(MOST + 3)]
    last = await client.get(DENIED)

    assert statuses == [403] * MOST + [429] * 3
    assert last.headers["retry-after"] == "60"
    problem = last.json()
    assert (problem["reason"], problem["permission"]) == ("too_many_tries", "users.read")
    assert "安全管理员" in problem["detail"]
    assert "security administrator" in problem["detail_en"]


async def test_one_record_says_that_there_were_more(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.WINDOW_OPERATOR)

    for _ in range(MOST + 5):
        await client.get(DENIED)

    results = [record["result"] for record in await people.records("permission.deny")]
    assert results == ["not_granted"] * MOST + ["too_many_tries"]


async def test_when_the_minute_is_over_tries_are_recorded_again(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.WINDOW_OPERATOR)
    for _ in range(MOST + 1):
        await client.get(DENIED)
    people.node.clock.advance(seconds=WINDOW.total_seconds() - 0.5)
    still = await client.get(DENIED)

    people.node.clock.advance(seconds=0.5)
    again = await client.get(DENIED)

    assert (still.status_code, still.headers["retry-after"]) == (429, "1")
    assert again.status_code == 403
    assert len(await people.records("permission.deny")) == MOST + 2


async def test_what_the_roles_hold_and_other_people_are_not_held_up(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.SECURITY_ADMIN)
    for _ in range(MOST + 2):
        await client.post("/api/users", json={})
    other = await people.signed_in(Role.WINDOW_OPERATOR)

    allowed = await client.get("/api/users")
    denied = await other.get(DENIED)

    assert (allowed.status_code, denied.status_code) == (200, 403)
