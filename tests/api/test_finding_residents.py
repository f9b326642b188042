"""Finding residents at the console: exactly, masked, bounded, and on the record."""

import json
import secrets
from typing import Any

import httpx
import pytest

from openehc.cards.watch_looks import MOST_A_MINUTE, Look
from openehc.people.permissions import Role
from tests.support.client import ALTERLINK, GENERATE, GatewayClient
from tests.support.console import Console
from tests.support.messages import Person, alteration, new_number, registration
from tests.support.node import RunningNode

SEARCH = "/api/residents/search"
HOSTILE = (
    "' or '1'='1", "'; drop table cards; --", "x' union select sealed_profile from cards --",
    "$1", "%", "_", "\\", "{0}", "a\x00b", "../../etc/passwd", "=1+1", "<script>alert(1)</script>",
)  # fmt: skip


@pytest.fixture
def person() -> Person:
    return Person.invented()


@pytest.fixture
async def card(client: GatewayClient, person: Person) -> dict[str, Any]:
    """The reply to a registration with one bound card."""
    bound = [{"card_type": "L3", "card_no": f"MZ-{person.id_no[-6:]}"}]
    return await client.register(registration(person, card_list=bound))


@pytest.fixture
async def operator(console: Console) -> httpx.AsyncClient:
    return await console.as_(Role.PROVINCE_OPERATOR, login=f"operator-{secrets.token_hex(4)}")


@pytest.fixture
async def window(console: Console) -> httpx.AsyncClient:
    login = f"window-{secrets.token_hex(4)}"
    return await console.as_(Role.WINDOW_OPERATOR, login=login, institution_id=1)


async def found(client: httpx.AsyncClient, by: str, value: str, kind: str = "") -> list[Any]:
    answer = await client.post(SEARCH, json={"by": by, "value": value, "kind": kind})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def questions(person: Person, card: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Every way to ask for `person`: value and kind."""
    return {
        "document": (person.id_no, person.id_type),
        "phone": (person.mobile_phone, ""),
        "name": (person.user_name, ""),
        "card": (card["card_no"], card["card_type"]),
        "ehealth_card_id": (card["ehealth_card_id"], ""),
        "code": (card["ehealth_code"], ""),
    }


# ---------------------------------------------------------------- what is found


@pytest.mark.requirement("G2-B-5.1-3")
@pytest.mark.parametrize("by", ["document", "phone", "name", "card", "ehealth_card_id", "code"])
async def test_a_resident_is_found_by_every_exact_value(
    operator: httpx.AsyncClient, person: Person, card: dict[str, Any], by: str
) -> None:
    value, kind = questions(person, card)[by]

    ids = [line["ehealth_card_id"] for line in await found(operator, by, value, kind)]

    assert card["ehealth_card_id"] in ids


async def test_a_lower_case_number_and_a_name_with_blanks_are_found_too(
    operator: httpx.AsyncClient, client: GatewayClient
) -> None:
    await client.register(
        registration(Person("ZZ7700001", "甄 样本", "1", "19977000001", id_type="03"))
    )

    assert len(await found(operator, "document", " zz7700001 ", "03")) == 1
    assert len(await found(operator, "name", "甄 样 本")) >= 1


async def test_half_a_value_finds_nobody(
    operator: httpx.AsyncClient, person: Person, card: dict[str, Any]
) -> None:
    assert card
    assert await found(operator, "document", person.id_no[:-1], "01") == []
    assert await found(operator, "phone", person.mobile_phone[:7]) == []


@pytest.mark.requirement("G2-B-5.3-32")
async def test_a_found_resident_is_masked(
    operator: httpx.AsyncClient, person: Person, card: dict[str, Any]
) -> None:
    [line] = await found(operator, "document", person.id_no, "01")

    assert line["user_name"] == f"{person.user_name[0]}*{person.user_name[2:]}"
    assert line["id_no"] == f"9901{'*' * 10}{person.id_no[-4:]}"
    assert line["mobile_phone"] == f"199****{person.mobile_phone[-4:]}"
    assert line["default_card"]["card_no"].endswith(card["card_no"][-4:])
    text = json.dumps(line, ensure_ascii=False)
    for clear in (person.id_no, person.user_name, person.mobile_phone, card["card_no"]):
        assert clear not in text


async def test_a_phone_of_many_shows_fifty_and_says_that_there_are_more(
    operator: httpx.AsyncClient, client: GatewayClient
) -> None:
    family = [registration(Person.invented(), mobile_phone="19955500000") for _ in range(52)]
    for body in family:
        await client.register(body)

    asked = {"by": "phone", "value": "19955500000", "size": 50}
    first = (await operator.post(SEARCH, json=asked)).json()
    second = (await operator.post(SEARCH, json={**asked, "size": 20, "page": 3})).json()
    beyond = (await operator.post(SEARCH, json={**asked, "size": 50, "page": 2})).json()

    assert (len(first["items"]), first["total"], first["more"]) == (50, 50, True)
    assert [line["ehealth_card_id"] for line in second["items"]] == [
        line["ehealth_card_id"] for line in first["items"][40:]
    ]
    assert beyond["items"] == []


async def test_an_expired_code_finds_nobody(
    operator: httpx.AsyncClient, client: GatewayClient, node: RunningNode, card: dict[str, Any]
) -> None:
    asked = {
        "ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic",
        "out_generate_no": new_number(),
    }  # fmt: skip
    code = (await client.call(GENERATE, asked)).biz["ehealth_code"]
    assert len(await found(operator, "code", code)) == 1

    node.clock.advance(seconds=61)
    answer = await operator.post(SEARCH, json={"by": "code", "value": code})

    assert (answer.status_code, answer.json()["reason"]) == (422, "code_expired")
    assert answer.json()["detail"]


# ---------------------------------------------------------------- who may look


@pytest.mark.requirement("G1-9.4-1")
@pytest.mark.parametrize("by", ["phone", "name", "ehealth_card_id"])
async def test_a_window_does_not_browse(
    window: httpx.AsyncClient, person: Person, card: dict[str, Any], by: str
) -> None:
    value, kind = questions(person, card)[by]

    answer = await window.post(SEARCH, json={"by": by, "value": value, "kind": kind})

    assert answer.status_code == 403


@pytest.mark.requirement("G1-9.4-1")
@pytest.mark.parametrize("by", ["document", "card", "code"])
async def test_a_window_finds_who_stands_before_it(
    window: httpx.AsyncClient, person: Person, card: dict[str, Any], by: str
) -> None:
    value, kind = questions(person, card)[by]

    [line] = await found(window, by, value, kind)

    assert line["ehealth_card_id"] == card["ehealth_card_id"]


@pytest.mark.requirement("G2-B-5.3-46")
@pytest.mark.parametrize(
    "role",
    [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN, Role.INSTITUTION_OPERATOR],
)
async def test_administrators_have_no_business_with_residents(
    console: Console, person: Person, role: Role
) -> None:
    of = 1 if role is Role.INSTITUTION_OPERATOR else None
    client = await console.as_(role, institution_id=of)

    answer = await client.post(SEARCH, json={"by": "document", "value": person.id_no, "kind": "01"})

    assert answer.status_code == 403


async def test_nobody_finds_residents_without_a_session(console: Console) -> None:
    client = await console.client()

    assert (await client.post(SEARCH, json={"by": "name", "value": "甄样本"})).status_code == 401


# ---------------------------------------------------------------- what stays behind


@pytest.mark.requirement("G1-9.4-5", "G2-B-5.3-18")
@pytest.mark.parametrize("by", ["document", "phone", "name", "card", "ehealth_card_id", "code"])
async def test_a_search_is_recorded_without_what_was_typed(
    operator: httpx.AsyncClient, node: RunningNode, person: Person, card: dict[str, Any], by: str
) -> None:
    value, kind = questions(person, card)[by]
    await found(operator, by, value, kind)

    [record] = await node.rows(
        "select category, actor_id, audit_records::text as whole"
        " from audit_records where action = 'residents.search' and after::jsonb ->> 'by' = $1"
        " and object_kind = 'resident' and object_ref = $2",
        by, card["ehealth_card_id"],
    )  # fmt: skip

    assert record["category"] == "personal-data"
    assert record["actor_id"].startswith("operator-")
    for clear in (person.id_no, person.user_name, person.mobile_phone, card["card_no"],
                  card["ehealth_code"]):  # fmt: skip
        assert clear not in record["whole"]


async def test_who_finds_nobody_is_recorded_too(console: Console, node: RunningNode) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR, login="unlucky")

    assert await found(client, "phone", "19911110000") == []

    [record] = await node.rows(
        "select object_kind, object_ref, after from audit_records where actor_id = 'unlucky'"
    )
    assert record["object_kind"] == "search"
    assert record["object_ref"].startswith("phone:")
    assert json.loads(record["after"])["shown"] == 0


@pytest.mark.requirement("G1-9.4-5")
async def test_each_resident_of_a_list_is_recorded_as_seen(
    console: Console, client: GatewayClient, node: RunningNode
) -> None:
    family = [registration(Person.invented(), mobile_phone="19955510000") for _ in range(4)]
    ids = {(await client.register(body))["ehealth_card_id"] for body in family}
    operator = await console.as_(Role.PROVINCE_OPERATOR, login="of-the-family")

    first = await operator.post(SEARCH, json={"by": "phone", "value": "19955510000", "size": 3})

    seen = await node.rows("select object_ref from audit_records where actor_id = 'of-the-family'")
    shown = {line["ehealth_card_id"] for line in first.json()["items"]}
    assert {row["object_ref"] for row in seen} == shown
    assert len(shown & ids) == 3


@pytest.mark.requirement("G2-B-5.3-46")
async def test_who_searches_too_often_is_stopped_and_reported_once(
    console: Console, node: RunningNode
) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR, login="hasty")
    asked = {"by": "phone", "value": "19911110000"}
    most = MOST_A_MINUTE[Look.SEARCH]

    codes = [(await client.post(SEARCH, json=asked)).status_code for _ in range(most + 3)]

    assert codes == [200] * most + [429] * 3
    events = await node.rows(
        "select category, object_ref from audit_records where action = 'residents.search-too-often'"
    )
    assert events == [{"category": "security", "object_ref": "hasty"}]


async def test_after_a_minute_the_search_goes_on(console: Console, node: RunningNode) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR, login="patient")
    asked = {"by": "phone", "value": "19911110000"}
    codes = [
        (await client.post(SEARCH, json=asked)).status_code
        for _ in range(MOST_A_MINUTE[Look.SEARCH] + 1)
    ]
    assert codes[-1] == 429

    node.clock.advance(seconds=60)

    assert (await client.post(SEARCH, json=asked)).status_code == 200


# ---------------------------------------------------------------- hostile input


@pytest.mark.requirement("G1-9.4-8", "G2-B-5.3-38")
@pytest.mark.parametrize("by", ["document", "phone", "name", "card", "ehealth_card_id", "code"])
@pytest.mark.parametrize("field", ["value", "kind"])
async def test_a_search_field_is_never_part_of_a_statement(
    console: Console, node: RunningNode, by: str, field: str
) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR, login=f"{by}-{field}")
    before = await node.rows("select count(*) as n from cards")

    for text in HOSTILE:
        asked = {"by": by, "value": "A1", "kind": "01", field: text}
        answer = await client.post(SEARCH, json=asked)
        assert answer.status_code in {200, 404, 422}, answer.text
        assert not answer.json().get("items")
        assert len(text) < 3 or text not in answer.text

    assert await node.rows("select count(*) as n from cards") == before


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"by": "name"}, {"by": "address", "value": "x"}, {"by": "name", "value": 7},
        {"by": "name", "value": ""}, {"by": "name", "value": "甄" * 257},
        {"by": "document", "value": "x"}, {"by": "name", "value": "甄", "size": 51},
        {"by": "name", "value": "甄", "page": 0}, {"by": "name", "value": "甄", "more": 1},
        {"by": "ehealth_card_id", "value": "G" * 64},
    ],
)  # fmt: skip
async def test_a_wrong_search_is_told_what_is_wrong(operator: httpx.AsyncClient, body: Any) -> None:
    answer = await operator.post(SEARCH, json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_lone_surrogate_is_refused(operator: httpx.AsyncClient) -> None:
    answer = await operator.post(
        SEARCH, content=b'{"by": "name", "value": "\\ud800"}',
        headers={"content-type": "application/json"},
    )  # fmt: skip

    assert answer.status_code == 422


async def test_an_error_does_not_repeat_what_was_sent(
    operator: httpx.AsyncClient, person: Person
) -> None:
    answer = await operator.post(SEARCH, json={"by": person.id_no, "value": person.id_no * 20})

    assert answer.status_code == 422
    assert person.id_no not in answer.text


async def test_a_bound_card_is_found_after_it_moved_to_another_number(
    operator: httpx.AsyncClient, client: GatewayClient, card: dict[str, Any]
) -> None:
    body = alteration(
        card["ehealth_card_id"], alter_type="replace",
        card_list=[{"card_type": "L1", "card_no": "NEW-1"}],
    )  # fmt: skip
    await client.call(ALTERLINK, body)

    assert await found(operator, "card", card["card_no"], card["card_type"]) == []
    assert len(await found(operator, "card", "NEW-1", "L1")) == 1
