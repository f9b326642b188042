"""Changing, binding, black-listing and closing cards."""

from typing import Any

import pytest

from openehc.access.registry import Admission
from openehc.cards.change_card import ChangeCommand, Step, blacklisting, restoring
from openehc.cards.model import Change
from openehc.wiring.demo import APP_ID, TERM_ID
from tests.support.client import (
    ALTERINFO,
    ALTERLINK,
    CLOSE,
    GENERATE,
    REGISTER,
    REGQUERY,
    VERIFY,
    GatewayClient,
)
from tests.support.messages import Person, alteration, closing, registration, verification
from tests.support.node import RunningNode


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident."""
    return await client.register(registration(Person.invented()))


@pytest.mark.requirement("G1-6.1-4", "G2-B-5.1-4", "H-7-2")
async def test_a_new_phone_is_seen_at_the_next_verification(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    change = alteration(card["ehealth_card_id"], mobile_phone="19900009999", address="示例路2号")
    assert (await client.call(ALTERINFO, change)).code == "0000"

    verified = (await client.call(VERIFY, verification(card["ehealth_code"]))).biz

    assert (verified["mobile_phone"], verified["address"]) == ("19900009999", "示例路2号")


@pytest.mark.requirement("H-7-2")
async def test_a_change_is_answered_with_both_serial_numbers(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    change = alteration(card["ehealth_card_id"], mobile_phone="19900009998")

    reply = (await client.call(ALTERINFO, change)).biz

    assert (reply["out_alter_no"], len(reply["alter_no"])) == (change["out_alter_no"], 32)


async def test_name_and_document_do_not_change(client: GatewayClient, card: dict[str, Any]) -> None:
    other = Person.invented()
    change = alteration(
        card["ehealth_card_id"], user_name=other.user_name + "改", id_no=other.id_no,
        id_type="03", mobile_phone="19900009997",
    )  # fmt: skip
    await client.call(ALTERINFO, change)

    verified = (await client.call(VERIFY, verification(card["ehealth_code"]))).biz

    kept = ("user_name", "id_no", "id_type", "mindex_id")
    assert {name: verified[name] for name in kept} == {name: card[name] for name in kept}


async def test_a_change_of_nothing_is_refused(client: GatewayClient, card: dict[str, Any]) -> None:
    reply = await client.call(ALTERINFO, alteration(card["ehealth_card_id"]))

    assert (reply.code, reply.message) == ("9001", "请求参数有误：没有要修改的内容")


async def test_a_sex_that_the_identity_number_contradicts_is_refused(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    reply = await client.call(ALTERINFO, alteration(card["ehealth_card_id"], user_sex="2"))

    assert reply.code == "9001"
    assert "user_sex" in reply.message


async def test_the_history_names_the_changed_fields_and_seals_what_was_before(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    change = alteration(card["ehealth_card_id"], mobile_phone="19900009996")
    reply = (await client.call(ALTERINFO, change)).biz

    rows = await node.rows(
        """select change, app_id, term_id, platform_serial, external_serial, changed_fields,
                  sealed_before from card_history where ehcid = $1 and revision = 2""",
        bytes.fromhex(card["ehealth_card_id"]),
    )

    before = rows[0].pop("sealed_before")
    assert rows == [{
        "change": "altered", "app_id": APP_ID, "term_id": TERM_ID,
        "platform_serial": reply["alter_no"], "external_serial": change["out_alter_no"],
        "changed_fields": ["mobile_phone"],
    }]  # fmt: skip
    assert card["mobile_phone"].encode() not in before


@pytest.mark.parametrize("card_id", ["F" * 64, "0" * 64], ids=["unknown", "all zeros"])
async def test_an_unknown_card_cannot_be_changed(client: GatewayClient, card_id: str) -> None:
    reply = await client.call(ALTERINFO, alteration(card_id, mobile_phone="19900009995"))

    assert reply.code == "3001"


# ---------------------------------------------------------------- bound cards


def _link(card: dict[str, Any], way: str, *cards: dict[str, str]) -> dict[str, Any]:
    return alteration(card["ehealth_card_id"], alter_type=way, card_list=list(cards))


def _numbers(reply: dict[str, Any]) -> dict[str, str]:
    return {bound["card_no"]: bound["is_default"] for bound in reply["card_list"]}


@pytest.mark.requirement("G1-6.1-5", "G2-B-5.1-5")
async def test_a_bound_card_is_kept_with_type_number_and_time(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    body = _link(card, "bind", {"card_type": "L3", "card_no": "A-1"})

    reply = (await client.call(ALTERLINK, body)).biz

    assert reply["card_list"] == [
        {"card_type": "L3", "card_no": "A-1", "bound_at": "20260302083000", "is_default": "Y"}
    ]


@pytest.mark.requirement("G2-B-5.1-5")
async def test_verification_gives_the_number_of_the_default_card(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    first = {"card_type": "L3", "card_no": "A-1"}
    second = {"card_type": "L1", "card_no": "B-2", "is_default": "Y"}
    await client.call(ALTERLINK, _link(card, "bind", first, second))

    verified = (await client.call(VERIFY, verification(card["ehealth_code"]))).biz

    assert (verified["card_type"], verified["card_no"]) == ("L1", "B-2")


async def test_a_later_default_takes_the_place_of_the_earlier(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    await client.call(ALTERLINK, _link(card, "bind", {"card_type": "L3", "card_no": "A-1"}))
    later = {"card_type": "L3", "card_no": "A-2", "is_default": "Y"}

    reply = (await client.call(ALTERLINK, _link(card, "bind", later))).biz

    assert _numbers(reply) == {"A-1": "N", "A-2": "Y"}


async def test_a_card_bound_earlier_can_be_made_the_default_again(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    first = {"card_type": "L3", "card_no": "A-1", "is_default": "Y"}
    second = {"card_type": "L3", "card_no": "A-2", "is_default": "Y"}
    for each in (first, second):
        await client.call(ALTERLINK, _link(card, "bind", each))

    reply = (await client.call(ALTERLINK, _link(card, "bind", first))).biz

    assert _numbers(reply) == {"A-1": "Y", "A-2": "N"}


async def test_unbinding_the_default_makes_another_card_the_default(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    first, second = {"card_type": "L3", "card_no": "A-1"}, {"card_type": "L3", "card_no": "A-2"}
    await client.call(ALTERLINK, _link(card, "bind", first, second))

    reply = (await client.call(ALTERLINK, _link(card, "unbind", first))).biz

    assert _numbers(reply) == {"A-2": "Y"}


async def test_a_card_that_is_not_bound_cannot_be_unbound(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    body = _link(card, "unbind", {"card_type": "L3", "card_no": "never"})

    assert (await client.call(ALTERLINK, body)).code == "3001"


async def test_replacing_leaves_only_the_new_cards(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    await client.call(ALTERLINK, _link(card, "bind", {"card_type": "L3", "card_no": "A-1"}))

    body = _link(card, "replace", {"card_type": "L1", "card_no": "B-1"})
    reply = (await client.call(ALTERLINK, body)).biz

    assert _numbers(reply) == {"B-1": "Y"}


# ---------------------------------------------------------------- the end, and the black list


@pytest.mark.requirement("H-7-6", "G2-B-5.1-7", "G1-6.1-4")
async def test_a_closed_card_is_refused_at_the_window(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    assert (await client.call(CLOSE, closing(card["ehealth_card_id"]))).code == "0000"

    reply = await client.call(VERIFY, verification(card["ehealth_code"]))

    assert (reply.code, reply.message) == ("9998", "交易失败：电子健康卡已注销")


async def test_a_closed_card_gets_no_code(client: GatewayClient, card: dict[str, Any]) -> None:
    await client.call(CLOSE, closing(card["ehealth_card_id"]))

    reply = await client.call(GENERATE, {"ehealth_card_id": card["ehealth_card_id"]})

    assert reply.code == "9998"


async def test_a_card_cannot_be_closed_twice(client: GatewayClient, card: dict[str, Any]) -> None:
    await client.call(CLOSE, closing(card["ehealth_card_id"]))

    assert (await client.call(CLOSE, closing(card["ehealth_card_id"]))).code == "9998"


async def test_a_closed_card_is_not_found_by_a_query(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    await client.call(CLOSE, closing(card["ehealth_card_id"]))

    reply = await client.call(REGQUERY, {"id_type": "01", "id_no": card["id_no"]})

    assert reply.code == "3001"


async def test_who_registers_again_after_closing_gets_the_same_card_id(
    client: GatewayClient,
) -> None:
    person = Person.invented()
    first = await client.register(registration(person))
    await client.call(CLOSE, closing(first["ehealth_card_id"]))

    again = await client.register(registration(person))

    assert again["ehealth_card_id"] == first["ehealth_card_id"]


async def test_after_closing_the_document_may_get_a_card_under_a_new_name(
    client: GatewayClient,
) -> None:
    person = Person.invented()
    first = await client.register(registration(person))
    await client.call(CLOSE, closing(first["ehealth_card_id"]))

    renamed = await client.register(registration(person.named("甄新名")))

    verified = (await client.call(VERIFY, verification(renamed["ehealth_code"]))).biz
    assert verified["user_name"] == "甄新名"
    assert renamed["ehealth_card_id"] != first["ehealth_card_id"]


async def _change(node: RunningNode, card: dict[str, Any], change: Change, step: Step) -> None:
    admission = node.parts.registry.admit(APP_ID, term_id=TERM_ID, method=REGISTER)
    assert isinstance(admission, Admission)
    command = ChangeCommand(
        admission=admission, ehcid=bytes.fromhex(card["ehealth_card_id"]), change=change,
        serial=None, external_serial="", now=node.clock.now(), reason="测试",
    )  # fmt: skip
    await node.parts.change_card(command, step)


@pytest.mark.requirement("G2-B-5.1-6", "G1-6.1-4")
async def test_a_black_listed_card_is_refused_at_the_window(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    await _change(node, card, Change.BLACKLISTED, blacklisting)

    reply = await client.call(VERIFY, verification(card["ehealth_code"]))

    assert (reply.code, reply.message) == ("9998", "交易失败：电子健康卡已列入黑名单")


async def test_closing_a_black_listed_card_keeps_when_and_why_it_was_listed(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    listed_at = node.clock.now()
    await _change(node, card, Change.BLACKLISTED, blacklisting)
    node.clock.advance(seconds=60)
    await client.call(CLOSE, closing(card["ehealth_card_id"]))

    rows = await node.rows(
        "select blacklisted_at, blacklist_reason from cards where ehcid = $1",
        bytes.fromhex(card["ehealth_card_id"]),
    )

    assert rows == [{"blacklisted_at": listed_at, "blacklist_reason": "测试"}]


async def test_a_black_listed_person_cannot_register_anew(
    node: RunningNode, client: GatewayClient
) -> None:
    person = Person.invented()
    await _change(
        node, await client.register(registration(person)), Change.BLACKLISTED, blacklisting
    )

    assert (await client.call(REGISTER, registration(person))).code == "9998"


async def test_a_card_that_left_the_black_list_works_again(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    await _change(node, card, Change.BLACKLISTED, blacklisting)
    await _change(node, card, Change.RESTORED, restoring)

    assert (await client.call(VERIFY, verification(card["ehealth_code"]))).code == "0000"
