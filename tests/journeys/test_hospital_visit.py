"""A day at the hospital: window, phone, kiosk and pharmacy, each as its own client would call."""

from urllib.parse import urlsplit

import pytest

from tests.support.client import (
    ALTERLINK,
    AUTH_QUERY,
    AUTHURL,
    GENERATE,
    QUERYWITHREG,
    VERIFY,
    GatewayClient,
)
from tests.support.messages import Person, alteration, authorisation, registration, verification
from tests.support.node import Processes


async def _card_at_the_window(client: GatewayClient, person: Person, file_no: str) -> str:
    """The resident registers, and the hospital binds the number of its own file."""
    card_id = (await client.call(QUERYWITHREG, registration(person))).biz["ehealth_card_id"]
    cards = [{"card_type": "L3", "card_no": file_no, "is_default": "Y"}]
    await client.call(ALTERLINK, alteration(card_id, alter_type="bind", card_list=cards))
    return str(card_id)


async def _code_on_the_phone(client: GatewayClient, card_id: str) -> str:
    wish = {"ehealth_card_id": card_id, "generate_type": "dynamic"}
    return str((await client.call(GENERATE, wish)).biz["ehealth_code"])


@pytest.mark.requirement("G2-A-5.1-10")
async def test_the_code_on_the_phone_leads_every_counter_to_the_hospitals_file(
    demo: Processes,
) -> None:
    async with demo.http() as http:
        client = demo.client(http)
        card_id = await _card_at_the_window(client, Person.invented(), "F-2026-0001")
        code = await _code_on_the_phone(client, card_id)

        numbers = [
            (await client.call(VERIFY, verification(code, treatment_code=counter))).biz["card_no"]
            for counter in ("010101", "010102", "010105", "010103")
        ]

    assert numbers == ["F-2026-0001"] * 4


@pytest.mark.requirement("G2-A-5.1-10", "H-2.2-1")
async def test_a_kiosk_without_a_scanner_learns_who_stands_before_it(demo: Processes) -> None:
    async with demo.http() as http:
        client = demo.client(http)
        person = Person.invented()
        card_id = await _card_at_the_window(client, person, "F-2026-0002")
        asked = authorisation()
        link = (await client.call(AUTHURL, asked)).biz["ehealth_authurl"]

        form = {"decision": "confirm", "ehealth_code": await _code_on_the_phone(client, card_id)}
        await http.post(urlsplit(link).path, data=form)

        told = (await client.call(AUTH_QUERY, {"out_authorize_no": asked["out_authorize_no"]})).biz
    assert (told["auth_status"], told["user_name"], told["card_no"]) == (
        "succ", person.user_name, "F-2026-0002",
    )  # fmt: skip
