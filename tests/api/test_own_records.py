"""The resident's own list: who used my card, when, where and for what."""

from dataclasses import replace
from typing import Any

import pytest

from openehc.audit.model import RESIDENT_OBJECT, Category
from openehc.storage.pool import Database
from tests.support.audit import EVENT
from tests.support.client import VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

RECORDS = "ehc.ehealthcard.records"
PERSON = Person.invented()


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own."""
    del database


@pytest.fixture
async def card(node: RunningNode, client: GatewayClient) -> dict[str, Any]:
    """A card that was registered, and verified a minute later."""
    registered = await client.register(registration(PERSON))
    node.clock.advance(seconds=60)
    await client.call(VERIFY, verification(registered["ehealth_code"]))
    node.clock.advance(seconds=60)
    return registered


async def test_a_resident_sees_who_verified_the_card(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    told = (await client.call(RECORDS, {"ehealth_card_id": card["ehealth_card_id"]})).biz

    assert (told["total"], told["page_no"], told["page_size"]) == (3, 1, 20)
    looked, verified, registered = told["record_list"]
    assert (looked["use_type"], registered["use_type"]) == ("query", "register")
    assert verified == {
        "use_time": "20260302083100", "use_type": "verify", "use_result": "ok",
        "org_name": "示例市第一医院", "app_name": "示例医院信息系统",
        "term_name": "门诊收费窗口1", "treatment_code": "010105",
    }  # fmt: skip


async def test_looks_by_people_on_the_platform_are_told_without_their_names(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    await node.parts.trail.record(
        replace(EVENT, at=node.clock.now(), category=Category.PERSONAL_DATA,
                action="resident.reveal", object_kind=RESIDENT_OBJECT,
                object_ref=card["ehealth_card_id"])
    )  # fmt: skip
    node.clock.advance(seconds=1)

    told = (await client.call(RECORDS, {"id_type": "01", "id_no": PERSON.id_no})).biz

    look = told["record_list"][1]
    assert (look["use_type"], look["app_name"]) == ("console", "平台工作人员")
    assert "tester" not in str(told)


async def test_the_list_comes_in_pages(client: GatewayClient, card: dict[str, Any]) -> None:
    asked = {"ehealth_card_id": card["ehealth_card_id"], "page_size": "1", "page_no": "2"}

    told = (await client.call(RECORDS, asked)).biz

    assert [record["use_type"] for record in told["record_list"]] == ["verify"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"begin_date": "20240101"}, "9001"), ({"end_date": "99991231"}, "9001"),
     ({"end_date": "00010101"}, "9001"), ({"begin_date": "00010101"}, "9001"),
     ({"begin_date": "20260303"}, "9001"), ({"page_size": "101"}, "9001"),
     ({"page_no": "0"}, "9001"), ({"user_name": "另一个人"}, "3001"),
     ({"ehealth_card_id": "F" * 64}, "3001")],
    ids=str,
)  # fmt: skip
async def test_a_question_that_cannot_be_answered_is_refused(
    client: GatewayClient, card: dict[str, Any], asked: dict[str, str], code: str
) -> None:
    refused = await client.call(RECORDS, {"ehealth_card_id": card["ehealth_card_id"], **asked})

    assert refused.code == code


async def test_an_application_without_the_grant_sees_nothing(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    await node.parts.database.execute("delete from application_grants where method = $1", RECORDS)
    known = node.parts.registry.application
    await node.registry_knows(
        lambda: RECORDS not in getattr(known(client.who.app_id), "grants", ())
    )

    refused = await client.call(RECORDS, {"ehealth_card_id": card["ehealth_card_id"]})

    assert refused.code == "1010"
