"""Registering residents: once, for good, and always answered with the full code."""

import asyncio

import pytest

from tests.support.client import QUERYWITHREG, REGISTER, REGQUERY, VERIFY, GatewayClient
from tests.support.node import RunningNode
from tests.support.residents import Person, registration, verification


@pytest.mark.requirement("G1-5.2.1-1", "G1-5.2.1-2", "G2-A-5.4-5", "G2-B-5.1-2", "H-7-1")
async def test_the_person_who_has_a_card_gets_the_same_one_again(client: GatewayClient) -> None:
    person = Person.invented()

    first = (await client.call(QUERYWITHREG, registration(person))).biz
    again = (await client.call(QUERYWITHREG, registration(person))).biz

    assert len(first["ehealth_card_id"]) == len(first["mindex_id"]) == 64
    assert (again["ehealth_card_id"], again["mindex_id"]) == (
        first["ehealth_card_id"], first["mindex_id"],
    )  # fmt: skip
