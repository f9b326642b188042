"""Registering residents: once, for good, and always answered with the full code."""

import pytest

from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from tests.support.client import CLOSE, QUERYWITHREG, REGISTER, REGQUERY, VERIFY, GatewayClient
from tests.support.crypto_oracle import oracle_ehcid, oracle_mindex_id
from tests.support.messages import Person, closing, registration, verification
from tests.support.node import RunningNode

BOTH = pytest.mark.parametrize("method", [QUERYWITHREG, REGISTER])


@BOTH
@pytest.mark.requirement("G1-5.2.1-1", "G1-5.2.1-2", "G1-6.1-1", "G2-B-5.1-2")
async def test_the_person_who_has_a_card_gets_the_same_one_again(
    client: GatewayClient, method: str
) -> None:
    person = Person.invented()

    first = (await client.call(method, registration(person))).biz
    again = (await client.call(method, registration(person))).biz

    ids = ("ehealth_card_id", "mindex_id", "ehealth_code")
    assert [again[name] for name in ids] == [first[name] for name in ids]


@pytest.mark.requirement("G1-6.1-3", "G2-A-5.4-5", "H-7-7")
async def test_the_ids_are_those_that_another_implementation_computes(
    client: GatewayClient,
) -> None:
    person = Person.invented()

    reply = await client.register(registration(person))

    mindex_id = oracle_mindex_id("01", person.id_no, person.user_name)
    ehcid = oracle_ehcid(
        "01", person.id_no, mindex_id=mindex_id, safe_key=PUBLIC_TEST_KEYS.safe_key
    )
    assert (reply["mindex_id"], reply["ehealth_card_id"]) == (mindex_id, ehcid)


@BOTH
@pytest.mark.requirement("H-7-1", "H-7-9", "G1-5.2.2-3")
async def test_a_registration_is_answered_with_the_full_static_code(
    client: GatewayClient, method: str
) -> None:
    reply = (await client.call(method, registration(Person.invented()))).biz

    assert reply["ehealth_code"] == f"{reply['ehealth_card_id']}:1::9901A0001XXTB0001"


@pytest.mark.requirement("H-7-9", "G1-5.2.2-2")
async def test_a_registration_that_wants_a_dynamic_code_gets_one_that_verifies(
    client: GatewayClient,
) -> None:
    wish = {"generate_type": "dynamic", "time_expire": "120"}

    reply = (await client.call(QUERYWITHREG, registration(Person.invented(), **wish))).biz

    verified = (await client.call(VERIFY, verification(reply["ehealth_code"]))).biz
    assert verified["ehealth_card_id"] == reply["ehealth_card_id"]


@pytest.mark.requirement("H-7-8", "G2-B-5.1-3")
async def test_a_query_by_document_finds_the_card(client: GatewayClient) -> None:
    person = Person.invented()
    card_id = (await client.register(registration(person)))["ehealth_card_id"]

    found = (await client.call(REGQUERY, {"id_type": "01", "id_no": person.id_no})).biz

    assert (found["ehealth_card_id"], found["mobile_phone"]) == (card_id, person.mobile_phone)


async def test_a_query_by_card_id_finds_the_person(client: GatewayClient) -> None:
    person = Person.invented()
    card_id = (await client.register(registration(person)))["ehealth_card_id"]

    found = (await client.call(REGQUERY, {"ehealth_card_id": card_id.lower()})).biz

    assert found["id_no"] == person.id_no


async def test_a_query_for_nobody_says_so(client: GatewayClient) -> None:
    reply = await client.call(REGQUERY, {"id_type": "01", "id_no": Person.invented().id_no})

    assert reply.code == "3001"


async def test_a_query_under_a_wrong_name_does_not_tell_that_the_document_is_known(
    client: GatewayClient,
) -> None:
    person = Person.invented()
    await client.register(registration(person))
    asked = {"id_type": "01", "id_no": person.id_no, "user_name": "另一人"}

    wrong_name = await client.call(REGQUERY, asked)
    nobody = await client.call(REGQUERY, {"id_type": "01", "id_no": Person.invented().id_no})

    assert (wrong_name.code, wrong_name.message) == (nobody.code, nobody.message)


@pytest.mark.requirement("H-7-8")
async def test_a_query_with_the_whole_form_registers(client: GatewayClient) -> None:
    person = Person.invented()

    registered = (await client.call(REGQUERY, registration(person))).biz

    again = await client.register(registration(person))
    assert again["ehealth_card_id"] == registered["ehealth_card_id"]


async def test_the_same_document_under_another_name_is_refused(client: GatewayClient) -> None:
    person = Person.invented()
    await client.register(registration(person))

    reply = await client.call(REGISTER, registration(person.named("冒名者")))

    assert reply.code == "9001"


async def test_a_refused_registration_overwrites_nothing(client: GatewayClient) -> None:
    person = Person.invented()
    first = await client.register(registration(person))
    await client.call(REGISTER, registration(person.named("冒名者"), mobile_phone="19911112222"))

    found = (await client.call(REGQUERY, {"id_type": "01", "id_no": person.id_no})).biz

    assert found == first


@pytest.mark.requirement("G1-6.1-2")
async def test_tags_are_shown_when_the_card_is_verified(client: GatewayClient) -> None:
    body = registration(Person.invented(), user_tags=["签约居民", "慢病管理"])
    code = (await client.register(body))["ehealth_code"]

    verified = (await client.call(VERIFY, verification(code))).biz

    assert verified["user_tags"] == ["签约居民", "慢病管理"]


@pytest.mark.requirement("G2-B-5.1-1")
async def test_what_was_registered_comes_back_at_verification(client: GatewayClient) -> None:
    person = Person.invented()
    details = {"telephone": "0990-8888888", "address": "示例路1号", "work_unit": "示例工厂"}
    code = (await client.register(registration(person, **details)))["ehealth_code"]

    verified = (await client.call(VERIFY, verification(code))).biz

    assert {name: verified[name] for name in details} == details


@pytest.mark.parametrize("name", ["䶮示例", "𠮷示例", "阿卜杜·示例", "O'Sample -- ;"])
async def test_rare_names_come_back_as_they_were_given(client: GatewayClient, name: str) -> None:
    person = Person.invented().named(name)
    code = (await client.register(registration(person)))["ehealth_code"]

    verified = (await client.call(VERIFY, verification(code))).biz

    assert verified["user_name"] == name


async def test_a_prepared_card_has_no_code(client: GatewayClient) -> None:
    reply = await client.register(registration(Person.invented(), apply_method="4"))

    assert reply["ehealth_code"] == ""


async def test_a_prepared_card_may_not_be_used(client: GatewayClient) -> None:
    card_id = (await client.register(registration(Person.invented(), apply_method="4")))[
        "ehealth_card_id"
    ]

    reply = await client.call(VERIFY, verification(f"{card_id}:1::9901A0001XXTB0001"))

    assert (reply.code, reply.message) == ("9998", "交易失败：电子健康卡尚未激活")


async def test_a_prepared_card_becomes_active_when_its_owner_asks_for_it(
    client: GatewayClient,
) -> None:
    person = Person.invented()
    prepared = await client.register(registration(person, apply_method="4"))

    asked = await client.register(registration(person, apply_method="1"))

    verified = (await client.call(VERIFY, verification(asked["ehealth_code"]))).biz
    assert verified["ehealth_card_id"] == prepared["ehealth_card_id"]


async def test_twenty_clients_registering_one_person_at_once_get_one_card(
    node: RunningNode, client: GatewayClient
) -> None:
    person = Person.invented()

    replies = await client.all_at_once(REGISTER, [registration(person) for _ in range(20)])

    card_ids = {reply.biz["ehealth_card_id"] for reply in replies}
    history = await node.rows(
        "select change from card_history where ehcid = $1", bytes.fromhex(card_ids.pop())
    )
    assert (len(card_ids), history) == (0, [{"change": "registered"}])


async def test_an_account_whose_document_was_released_is_opened_again(
    node: RunningNode, client: GatewayClient
) -> None:
    person = Person.invented()
    card = await client.register(registration(person))
    await client.call(CLOSE, closing(card["ehealth_card_id"]))
    # a node that stopped right after it had released the document leaves this behind
    ehcid = bytes.fromhex(card["ehealth_card_id"])
    await node.rows("delete from card_documents where ehcid = $1", ehcid)

    again = await client.register(registration(person))

    assert again["ehealth_card_id"] == card["ehealth_card_id"]
    rows = await node.rows(
        "select change from card_history where ehcid = $1 order by revision", ehcid
    )
    assert [row["change"] for row in rows] == ["registered", "closed", "reopened"]
