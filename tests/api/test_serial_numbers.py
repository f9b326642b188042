"""Serial numbers of applications: each works once; a refused request leaves it free."""

import asyncio
from typing import Any

import pytest

from tests.support.client import ALTERINFO, REGISTER, VERIFY, GatewayClient
from tests.support.messages import Person, alteration, new_number, registration, verification
from tests.support.node import RunningNode
from tests.support.waiting import until_told


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident."""
    return await client.register(registration(Person.invented()))


async def test_a_repeated_registration_number_is_refused(client: GatewayClient) -> None:
    body = registration(Person.invented())
    await client.register(body)

    assert (await client.call(REGISTER, body)).code == "3002"


async def test_a_repeated_verification_number_is_refused(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    body = verification(card["ehealth_code"])
    await client.call(VERIFY, body)

    assert (await client.call(VERIFY, body)).code == "3002"


async def test_a_repeated_number_registers_nobody_else(
    node: RunningNode, client: GatewayClient
) -> None:
    body = registration(Person.invented())
    await client.register(body)
    before = await node.rows("select count(*) from cards")

    other = registration(Person.invented(), out_register_no=body["out_register_no"])
    assert (await client.call(REGISTER, other)).code == "3002"

    assert await node.rows("select count(*) from cards") == before


async def test_a_repeated_number_changes_nothing(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    change = alteration(card["ehealth_card_id"], mobile_phone="19900001111")
    await client.call(ALTERINFO, change)
    assert (await client.call(ALTERINFO, {**change, "mobile_phone": "19900002222"})).code == "3002"

    verified = (await client.call(VERIFY, verification(card["ehealth_code"]))).biz

    assert verified["mobile_phone"] == "19900001111"


async def test_a_refused_request_may_be_corrected_under_its_number(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    body = verification("not a code")
    await client.call(VERIFY, body)

    again = await client.call(VERIFY, {**body, "ehealth_code": card["ehealth_code"]})

    assert again.code == "0000"


async def test_two_methods_may_use_the_same_number(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    number = new_number()
    first = await client.call(REGISTER, registration(Person.invented(), out_register_no=number))
    second = await client.call(VERIFY, verification(card["ehealth_code"], out_verify_no=number))

    assert [first.code, second.code] == ["0000", "0000"]


async def test_a_repetition_while_the_first_still_runs_is_told_to_wait(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    change = alteration(card["ehealth_card_id"], mobile_phone="19900003333")
    ehcid = bytes.fromhex(card["ehealth_card_id"])
    async with node.parts.database.transaction() as held:
        await held.fetch("select 1 from cards where ehcid = $1 for update", ehcid)
        first = asyncio.create_task(client.call(ALTERINFO, change))
        await _waits_for_a_lock(node)
        second = await client.call(ALTERINFO, change)

    assert [second.code, (await first).code] == ["3003", "0000"]


async def _waits_for_a_lock(node: RunningNode) -> None:
    waiting = """select 1 from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock'"""

    async def waits() -> bool:
        return bool(await node.rows(waiting))

    await until_told(waits)


async def test_of_twenty_requests_under_one_number_one_is_carried_out(
    client: GatewayClient,
) -> None:
    body = registration(Person.invented())

    replies = await client.all_at_once(REGISTER, [body] * 20)

    codes = sorted(reply.code for reply in replies)
    assert codes[0] == "0000"
    assert set(codes[1:]) <= {"3002", "3003"}
