"""Double accounts from proposal to merge and back: two operators, a hospital, the records."""

from typing import Any

import httpx
import pytest

from openehc.people.permissions import Role
from tests.support.client import VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.people import PeopleAtNode

REASON = "同一居民以两种证件注册"


async def ask(client: httpx.AsyncClient, wish: dict[str, Any]) -> int:
    """Hand a judged wish in for a second person's decision."""
    answer = await client.post("/api/approvals", json={**wish, "reason": REASON})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["approval_id"])


async def approve(client: httpx.AsyncClient, number: int) -> dict[str, Any]:
    answer = await client.post(f"/api/approvals/{number}/approve", json={"reason": "已核对证件"})
    return dict(answer.json())


@pytest.mark.slow
async def test_two_operators_merge_two_accounts_and_take_them_apart(
    people: PeopleAtNode, client: GatewayClient
) -> None:
    person = Person.invented()
    passport = Person("ZZ5550001", person.user_name, person.user_sex, person.mobile_phone, "03")
    kept = await client.register(registration(person))
    gone = await client.register(registration(passport, birthday=person.id_no[6:14]))
    first = await people.signed_in(Role.PROVINCE_OPERATOR, login="first")
    second = await people.signed_in(Role.PROVINCE_OPERATOR, login="second")
    path = f"/api/residents/{gone['ehealth_card_id']}"

    [pair] = (await first.get(f"{path}/doubles")).json()["items"]
    survivor = pair["survivor"]["ehealth_card_id"]
    checked = await first.post(
        f"/api/residents/{survivor}/merge-check",
        json={"merged": gone["ehealth_card_id"], "reason": REASON},
    )
    number = await ask(first, checked.json())
    alone = await first.post(f"/api/approvals/{number}/approve", json={"reason": "自己批准"})
    done = await approve(second, number)

    assert (survivor, alone.status_code, done["state"]) == (kept["ehealth_card_id"], 409, "done")
    refused = await client.call(VERIFY, verification(gone["ehealth_code"]))
    assert (refused.code, "已并入" in refused.message) == ("9998", True)
    [record] = await people.records("residents.merge")
    assert (record["actor_id"], '"second"' in record["after"]) == ("first", True)

    back = await second.post(f"{path}/separate-check", json={"reason": "两位居民误合并"})
    apart = await approve(first, await ask(second, back.json()))

    assert apart["state"] == "done"
    assert (await client.call(VERIFY, verification(gone["ehealth_code"]))).code == "0000"


async def test_a_wish_without_sense_waits_for_nobody(people: PeopleAtNode) -> None:
    operator = await people.signed_in(Role.PROVINCE_OPERATOR)

    answer = await operator.post(
        "/api/approvals",
        json={"kind": "residents.merge", "parameters": {"survivor": "x"}, "reason": REASON},
    )

    assert answer.status_code == 422
    assert "survivor" in {fault["field"].split(".")[-1] for fault in answer.json()["errors"]}
