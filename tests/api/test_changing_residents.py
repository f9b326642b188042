"""Changes at the console: tags, bound cards, black list, end; with revision, history and record."""

import json
from typing import Any

import httpx
import pytest

from openehc.people.permissions import Role
from tests.support.client import REGQUERY, VERIFY, GatewayClient
from tests.support.console import Console
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

REASON = "居民本人到窗口申请"


@pytest.fixture
def person() -> Person:
    return Person.invented()


@pytest.fixture
async def card(client: GatewayClient, person: Person) -> dict[str, Any]:
    cards = [{"card_type": "L3", "card_no": "MZ-100001"}, {"card_type": "L1", "card_no": "SB-2"}]
    return await client.register(registration(person, card_list=cards))


@pytest.fixture
async def operator(console: Console) -> httpx.AsyncClient:
    return await console.as_(Role.PROVINCE_OPERATOR, login="operator")


class Account:
    """One account at the console, as an operator sees and changes it."""

    def __init__(self, client: httpx.AsyncClient, card_id: str) -> None:
        self.client = client
        self.path = f"/api/residents/{card_id}"

    async def seen(self) -> dict[str, Any]:
        answer = await self.client.get(self.path)
        return dict(answer.json())

    async def change(
        self, method: str, path: str, body: Any = None, *, revision: str | None = '"1"'
    ) -> httpx.Response:
        headers = {} if revision is None else {"If-Match": revision}
        return await self.client.request(method, f"{self.path}{path}", json=body, headers=headers)


@pytest.fixture
def account(operator: httpx.AsyncClient, card: dict[str, Any]) -> Account:
    return Account(operator, card["ehealth_card_id"])


CHANGES: dict[str, tuple[str, str, Any]] = {
    "tags": ("PUT", "/tags", {"tags": ["健康帮扶对象"]}),
    "bind": ("POST", "/cards", {"card_type": "L4", "card_no": "SM-3"}),
    "unbind": ("DELETE", "/cards/0", None),
    "default": ("PUT", "/cards/1/default", None),
    "blacklist": ("POST", "/blacklist", {"reason": REASON}),
    "close": ("POST", "/close", {"reason": REASON}),
}


# ---------------------------------------------------------------- what changes


@pytest.mark.requirement("G1-6.1-2", "G2-B-5.1-1")
async def test_tags_are_set_and_read_back(account: Account, client: GatewayClient,
                                          person: Person) -> None:  # fmt: skip
    answer = await account.change(
        "PUT", "/tags", {"tags": ["健康帮扶对象", "慢病管理", "慢病管理"]}
    )

    assert answer.headers["etag"] == '"2"'
    assert (await account.seen())["tags"] == ["健康帮扶对象", "慢病管理"]
    asked = {"id_type": "01", "id_no": person.id_no, "user_name": person.user_name}
    assert (await client.call(REGQUERY, asked)).biz["user_tags"] == ["健康帮扶对象", "慢病管理"]


@pytest.mark.requirement("G2-B-5.1-5")
async def test_cards_are_bound_unbound_and_made_the_default(
    account: Account, client: GatewayClient, card: dict[str, Any]
) -> None:
    bound = await account.change("POST", "/cards", {"card_type": "L4", "card_no": "SM-3"})
    chosen = await account.change("PUT", "/cards/2/default", revision='"2"')
    await account.change("DELETE", "/cards/0", revision='"3"')

    assert (bound.status_code, chosen.status_code) == (201, 200)
    verified = (await client.call(VERIFY, verification(card["ehealth_code"]))).biz
    assert (verified["card_type"], verified["card_no"]) == ("L4", "SM-3")
    assert [one["card_type"] for one in (await account.seen())["cards"]] == ["L1", "L4"]


@pytest.mark.requirement("G1-6.1-4", "G2-B-5.1-6")
async def test_a_black_listed_resident_is_refused_until_restored(
    account: Account, client: GatewayClient, card: dict[str, Any]
) -> None:
    await account.change("POST", "/blacklist", {"reason": REASON})
    listed = await account.seen()
    refused = await client.call(VERIFY, verification(card["ehealth_code"]))

    await account.change("POST", "/restore", {"reason": REASON}, revision='"2"')
    verified = await client.call(VERIFY, verification(card["ehealth_code"]))

    assert (listed["blacklisted"], listed["life"]["blacklist_reason"]) == (True, REASON)
    assert (refused.code, verified.code) == ("9998", "0000")


@pytest.mark.requirement("G1-6.1-4", "G2-B-5.1-7")
async def test_a_closed_account_serves_no_more(
    account: Account, client: GatewayClient, card: dict[str, Any]
) -> None:
    answer = await account.change("POST", "/close", {"reason": REASON})

    assert answer.json()["state"] == "closed"
    assert (await client.call(VERIFY, verification(card["ehealth_code"]))).code == "9998"


async def test_closing_asks_for_a_fresh_proof(console: Console, card: dict[str, Any]) -> None:
    stale = await console.as_(Role.PROVINCE_OPERATOR, login="long-signed-in", fresh=False)
    account = Account(stale, card["ehealth_card_id"])

    answer = await account.change("POST", "/close", {"reason": REASON})

    assert (answer.status_code, answer.json()["reason"]) == (403, "proof_needed")
    assert (await account.seen())["state"] == "active"


# ---------------------------------------------------------------- history and record


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_a_change_leaves_history_and_a_record_together(
    account: Account, node: RunningNode, card: dict[str, Any], person: Person, name: str
) -> None:
    answer = await account.change(*CHANGES[name])

    assert answer.status_code in {200, 201}, answer.text
    ehcid = bytes.fromhex(card["ehealth_card_id"])
    [row] = await node.rows(
        "select app_id, term_id, sealed_before is not null as sealed, platform_serial"
        " from card_history where ehcid = $1 and revision = 2",
        ehcid,
    )
    assert (row["app_id"], row["term_id"], row["sealed"]) == ("console", "operator", True)
    [record] = await node.rows(
        "select category, result, before, after, audit_records::text as whole from audit_records"
        " where object_ref = $1 and category = 'administration'",
        card["ehealth_card_id"],
    )
    assert record["result"] == "ok"
    assert json.loads(record["before"])["revision"] == 1
    assert json.loads(record["after"])["revision"] == 2
    for clear in (person.id_no, person.user_name, person.mobile_phone, "MZ-100001", "SM-3"):
        assert clear not in record["whole"]


async def test_a_change_whose_record_cannot_be_kept_does_not_happen(
    account: Account, node: RunningNode
) -> None:
    await node.parts.database.execute(
        "alter table audit_records add constraint away check (category <> 'administration')"
        " not valid"
    )
    try:
        answer = await account.change(*CHANGES["close"])
    finally:
        await node.parts.database.execute("alter table audit_records drop constraint away")

    assert answer.status_code == 503
    seen = await account.seen()
    assert (seen["state"], seen["revision"], len(seen["history"])) == ("active", 1, 1)


async def test_a_refused_change_is_recorded_as_refused(
    account: Account, node: RunningNode, card: dict[str, Any]
) -> None:
    answer = await account.change("POST", "/restore", {"reason": REASON})

    assert answer.status_code == 404
    [record] = await node.rows(
        "select action, result from audit_records where object_ref = $1"
        " and category = 'administration'",
        card["ehealth_card_id"],
    )
    assert record == {"action": "residents.restore", "result": "card_unknown"}


# ---------------------------------------------------------------- revisions


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_a_change_names_the_revision_that_was_seen(account: Account, name: str) -> None:
    method, path, body = CHANGES[name]

    missing = await account.change(method, path, body, revision=None)
    unreadable = await account.change(method, path, body, revision="*")
    stale = await account.change(method, path, body, revision='"7"')

    assert [answer.status_code for answer in (missing, unreadable, stale)] == [428, 400, 412]
    assert (await account.seen())["revision"] == 1


async def test_of_two_who_saw_the_same_only_one_changes_it(account: Account) -> None:
    first = await account.change(*CHANGES["tags"])
    second = await account.change(*CHANGES["unbind"])

    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["reason"] == "record_changed"


# ---------------------------------------------------------------- wrong input, wrong person


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/tags", {"tags": [" "]}), ("PUT", "/tags", {"tags": ["x" * 33]}),
        ("PUT", "/tags", {"tags": ["a\x00b"]}), ("PUT", "/tags", {"tags": ["x"] * 21}),
        ("POST", "/cards", {"card_type": "99", "card_no": "1"}),
        ("POST", "/cards", {"card_type": "L3", "card_no": ""}),
        ("POST", "/cards", {"card_type": "L3", "card_no": "x" * 33}),
        ("POST", "/cards", {"card_type": "L3", "card_no": "卡号"}),
        ("DELETE", "/cards/20", None), ("DELETE", "/cards/-1", None), ("DELETE", "/cards/x", None),
        ("POST", "/blacklist", {"reason": "短"}), ("POST", "/close", {}),
        ("POST", "/close", {"reason": "电话19900001234要求"}),
    ],
)  # fmt: skip
async def test_wrong_input_changes_nothing(
    account: Account, method: str, path: str, body: Any
) -> None:
    answer = await account.change(method, path, body)

    assert answer.status_code == 422
    assert (await account.seen())["revision"] == 1


async def test_a_place_without_a_card_is_not_found(account: Account) -> None:
    assert (await account.change("DELETE", "/cards/5")).status_code == 404
    assert (await account.change("PUT", "/cards/5/default")).status_code == 404


@pytest.mark.requirement("G1-9.4-1")
@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_a_window_changes_nothing(console: Console, card: dict[str, Any], name: str) -> None:
    window = await console.as_(Role.WINDOW_OPERATOR, login="window", institution_id=1)

    answer = await Account(window, card["ehealth_card_id"]).change(*CHANGES[name])

    assert answer.status_code == 403


async def test_a_change_without_the_csrf_value_is_refused(account: Account) -> None:
    account.client.headers.pop("x-csrf-token")

    assert (await account.change(*CHANGES["close"])).status_code == 403
