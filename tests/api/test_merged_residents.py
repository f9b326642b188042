"""Double accounts: proposed to operators, and what hospitals meet after they were merged."""

import secrets
from typing import Any

import httpx
import pytest

from openehc.audit.model import Actor, ActorKind
from openehc.cards.merge_accounts import MergeAccounts
from openehc.kernel.ids import SystemEntropy
from openehc.people.permissions import Role
from tests.support.client import (
    ALTERINFO,
    CLOSE,
    GENERATE,
    REGISTER,
    REGQUERY,
    VERIFY,
    GatewayClient,
)
from tests.support.console import Console
from tests.support.messages import (
    Person,
    alteration,
    closing,
    new_number,
    registration,
    verification,
)
from tests.support.node import RunningNode

REASON = "同一居民以两种证件注册"


@pytest.fixture
def person() -> Person:
    return Person.invented()


@pytest.fixture
def passport(person: Person) -> Person:
    """The same person with a passport."""
    number = f"ZZ{secrets.randbelow(10**7):07d}"
    return Person(number, person.user_name, person.user_sex, person.mobile_phone, id_type="03")


@pytest.fixture
async def cards(
    client: GatewayClient, person: Person, passport: Person
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The account of the identity card, and the one of the passport."""
    birthday = person.id_no[6:14]
    return (
        await client.register(registration(person)),
        await client.register(registration(passport, birthday=birthday)),
    )


@pytest.fixture
async def operator(console: Console) -> httpx.AsyncClient:
    return await console.as_(Role.PROVINCE_OPERATOR, login=f"operator-{secrets.token_hex(4)}")


async def merge(node: RunningNode, kept: dict[str, Any], gone: dict[str, Any]) -> None:
    """Merge as the approval of a second person does."""
    parts = node.parts
    merging = MergeAccounts(parts.cards, parts.trail, SystemEntropy(), node.clock)
    wish = {
        "survivor": kept["ehealth_card_id"], "merged": gone["ehealth_card_id"], "reason": REASON,
    }  # fmt: skip
    asker, approver = (Actor(ActorKind.USER, login) for login in ("asker", "approver"))
    assert await merging(wish, by=asker, approved_by=approver) is None


@pytest.fixture
async def merged(
    node: RunningNode, cards: tuple[dict[str, Any], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both registrations, after the passport's went into the identity card's."""
    await merge(node, *cards)
    return cards


# ---------------------------------------------------------------- proposals


async def test_two_accounts_of_one_person_are_proposed(
    operator: httpx.AsyncClient, cards: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    kept, gone = (card["ehealth_card_id"] for card in cards)
    wanted = (kept, gone)

    pairs: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        answer = await operator.get(
            "/api/residents/doubles", params={"after": after} if after else {}
        )
        page = answer.json()
        pairs += [
            (pair["survivor"]["ehealth_card_id"], pair["merged"]["ehealth_card_id"])
            for pair in page["items"]
        ]
        after = page["after"]

    assert wanted in pairs


async def test_the_doubles_of_one_resident_are_proposed_from_both_sides(
    operator: httpx.AsyncClient, cards: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    kept, gone = (card["ehealth_card_id"] for card in cards)

    for card_id in (kept, gone):
        [pair] = (await operator.get(f"/api/residents/{card_id}/doubles")).json()["items"]
        assert pair["survivor"]["ehealth_card_id"] == kept
        assert pair["merged"]["ehealth_card_id"] == gone


async def test_who_shares_only_a_phone_is_not_proposed(
    operator: httpx.AsyncClient, client: GatewayClient, person: Person
) -> None:
    mother = await client.register(registration(person))
    other = Person.invented(sex="2")
    await client.register(registration(other, mobile_phone=person.mobile_phone))

    answer = await operator.get(f"/api/residents/{mother['ehealth_card_id']}/doubles")

    assert answer.json()["items"] == []


async def test_merged_accounts_are_proposed_no_more(
    operator: httpx.AsyncClient, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    answer = await operator.get(f"/api/residents/{merged[0]['ehealth_card_id']}/doubles")

    assert answer.json()["items"] == []


async def test_a_window_is_shown_no_doubles(console: Console) -> None:
    window = await console.as_(Role.WINDOW_OPERATOR, login="window", institution_id=1)

    assert (await window.get("/api/residents/doubles")).status_code == 403


async def test_a_merge_is_judged_before_it_is_asked_for(
    operator: httpx.AsyncClient, cards: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    kept, gone = (card["ehealth_card_id"] for card in cards)

    good = await operator.post(
        f"/api/residents/{kept}/merge-check", json={"merged": gone, "reason": REASON}
    )
    wrong = await operator.post(
        f"/api/residents/{gone}/merge-check", json={"merged": kept, "reason": REASON}
    )
    nothing = await operator.post(f"/api/residents/{gone}/separate-check", json={"reason": REASON})

    assert good.json() == {
        "kind": "residents.merge",
        "parameters": {"survivor": kept, "merged": gone, "reason": REASON},
    }
    assert (wrong.status_code, wrong.json()["reason"]) == (409, "state_forbids")
    assert "身份证" in wrong.json()["detail"]
    assert nothing.status_code == 409
    assert (await operator.get(f"/api/residents/{gone}")).json()["state"] == "active"


async def test_a_merge_can_be_taken_apart_and_says_so(
    operator: httpx.AsyncClient, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    gone = merged[1]["ehealth_card_id"]

    answer = await operator.post(f"/api/residents/{gone}/separate-check", json={"reason": REASON})

    assert answer.json() == {
        "kind": "residents.separate", "parameters": {"merged": gone, "reason": REASON},
    }  # fmt: skip


# ---------------------------------------------------------------- after the merge


async def test_codes_of_the_merged_account_are_refused_and_say_why(
    client: GatewayClient, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    kept, gone = merged

    refused = await client.call(VERIFY, verification(gone["ehealth_code"]))
    verified = await client.call(VERIFY, verification(kept["ehealth_code"]))

    assert (refused.code, verified.code) == ("9998", "0000")
    assert "已并入本人的另一张卡" in refused.message


async def test_the_refusal_is_a_fact_that_names_its_reason(
    client: GatewayClient, node: RunningNode, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    await client.call(VERIFY, verification(merged[1]["ehealth_code"]))

    facts = await node.rows(
        "select result from usage_facts where kind = 'verify' and ehcid = $1",
        bytes.fromhex(merged[1]["ehealth_card_id"]),
    )
    assert facts == [{"result": "card_merged"}]


async def test_registering_with_the_old_document_gives_the_account_that_survived(
    client: GatewayClient, passport: Person, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    again = await client.register(registration(passport))

    assert again["ehealth_card_id"] == merged[0]["ehealth_card_id"]
    assert (await client.call(VERIFY, verification(again["ehealth_code"]))).code == "0000"


async def test_the_old_document_under_another_name_is_refused(
    client: GatewayClient, passport: Person, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    assert merged

    reply = await client.call(REGISTER, registration(passport.named("贾样本")))

    assert reply.code == "9001"


async def test_the_old_document_opens_nothing_once_the_survivor_is_closed(
    client: GatewayClient, passport: Person, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    await client.call(CLOSE, closing(merged[0]["ehealth_card_id"]))

    assert (await client.call(REGISTER, registration(passport))).code == "9998"


@pytest.mark.parametrize("method", [GENERATE, ALTERINFO, CLOSE])
async def test_nothing_is_done_with_a_merged_account(
    client: GatewayClient, merged: tuple[dict[str, Any], dict[str, Any]], method: str
) -> None:
    card_id = merged[1]["ehealth_card_id"]
    bodies = {
        GENERATE: {"ehealth_card_id": card_id, "out_generate_no": new_number(),
                   "generate_type": "dynamic"},
        ALTERINFO: alteration(card_id, work_unit="虚构单位"),
        CLOSE: closing(card_id),
    }  # fmt: skip

    reply = await client.call(method, bodies[method])

    assert reply.code == "9998"
    assert "已并入" in reply.message


async def test_the_merged_card_is_no_longer_known_to_a_query(
    client: GatewayClient, passport: Person, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    assert merged
    asked = {"id_type": passport.id_type, "id_no": passport.id_no}

    assert (await client.call(REGQUERY, asked)).code == "3001"


async def test_an_operator_finds_both_by_the_old_document(
    operator: httpx.AsyncClient, passport: Person, merged: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    kept, gone = (card["ehealth_card_id"] for card in merged)

    asked = {"by": "document", "value": passport.id_no, "kind": "03"}
    lines = (await operator.post("/api/residents/search", json=asked)).json()["items"]
    view = (await operator.get(f"/api/residents/{kept}")).json()

    assert [line["ehealth_card_id"] for line in lines] == [gone, kept]
    assert [line["merged_into"] for line in lines] == [kept, None]
    assert view["life"]["absorbed"] == [gone]


@pytest.mark.parametrize("path", ["blacklist", "close"])
async def test_a_merged_account_is_not_changed_at_the_console(
    operator: httpx.AsyncClient, merged: tuple[dict[str, Any], dict[str, Any]], path: str
) -> None:
    answer = await operator.post(
        f"/api/residents/{merged[1]['ehealth_card_id']}/{path}",
        json={"reason": REASON}, headers={"If-Match": '"2"'},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["reason"]) == (409, "card_merged")
