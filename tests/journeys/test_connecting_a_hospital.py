"""From an institution's application to its first verified card, its suspension and return."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from openehc.envelope.client_side import Credentials
from tests.support.client import GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.entries import APPLICATION, TERMINAL, Desk, if_match
from tests.support.messages import Person, registration, verification
from tests.support.waiting import until_told


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def _follows(client: GatewayClient, code: str) -> str:
    """The worker follows the console; gives the last message."""
    last = ""

    async def seen() -> bool:
        nonlocal last
        reply = await client.call(VERIFY, verification("x"))
        last = reply.message
        return reply.code == code

    await until_told(seen)
    return last


@pytest.mark.requirement(
    "G1-10.3-2", "G2-B-5.1-17", "G2-B-5.1-23", "G2-2.5-2", "G2-A-5.4-1", "G2-A-5.4-2", "G2-A-5.4-3"
)
async def test_a_hospital_is_connected_suspended_and_returns(desk: Desk) -> None:
    # the province registers the hospital; its operator applies for software and a terminal
    hospital = await desk.hospital()
    operator = await desk.operator_of(hospital["id"])
    software = (await operator.post("/api/applications", json=dict(APPLICATION))).json()
    window = (await operator.post("/api/terminals", json=dict(TERMINAL))).json()

    # the province approves both and grants what the hospital needs
    approved = await desk.done("applications", software, "approve")
    window = await desk.done("terminals", window, "approve")
    await desk.province.put(
        f"/api/applications/{approved['id']}/limits",
        json={"grants": [REGISTER, GENERATE, VERIFY], "rate_limit": 100},
        headers=if_match(approved["revision"]),
    )
    secret = approved["credentials"]["app_secret"]
    who = Credentials(approved["app_id"], secret, window["term_id"])
    client = GatewayClient(desk.node.http, who, desk.node.clock)
    await _follows(client, "2002")

    # the first card is registered, shown and verified
    person = Person.invented()
    card = (await client.call(REGISTER, registration(person))).biz["ehealth_card_id"]
    wish = {"ehealth_card_id": card, "generate_type": "dynamic"}
    code = (await client.call(GENERATE, wish)).biz["ehealth_code"]
    verified = (await client.call(VERIFY, verification(code))).biz
    assert verified["user_name"] == person.user_name

    # a finding suspends the software; corrected, it returns
    finding = await desk.finding(approved, "number_missing")
    for step in ("notify", "suspend"):
        finding = await desk.step(finding, step)
    assert "已停用" in await _follows(client, "1010")
    for step in ("correct", "close"):
        finding = await desk.step(finding, step)
    await _follows(client, "2002")
    assert finding["state"] == "returned"
