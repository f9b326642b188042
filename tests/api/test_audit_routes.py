"""The auditor's routes: search, statistics, export, check, checkpoints; each look is recorded."""

import json
from typing import Any

import httpx
import pytest

from openehc.people.permissions import Role
from openehc.storage.pool import Database
from tests.support.audit import EVENT
from tests.support.client import VERIFY, GatewayClient
from tests.support.console import Console
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

LOOKS = "select action, object_ref from audit_records where actor_id = 'tester' order by at, ctid"


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own."""
    del database


@pytest.fixture
async def auditor(console: Console) -> httpx.AsyncClient:
    return await console.as_(Role.AUDIT_ADMIN)


async def _get(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _looks(node: RunningNode) -> list[str]:
    return [row["action"] for row in await node.rows(LOOKS)]


@pytest.mark.requirement("G2-B-5.3-17", "G2-B-5.3-21", "G2-B-5.3-22", "G2-B-5.3-25")
async def test_an_auditor_finds_who_did_what_to_whom_from_where(
    node: RunningNode, auditor: httpx.AsyncClient
) -> None:
    await node.parts.trail.record(EVENT)

    page = await _get(auditor, "/api/audit/records", action="institution.approve", object="7")

    assert page["total"] == 1
    found = page["items"][0]
    assert {name: found[name] for name in ("actor", "address", "category", "object_kind",
                                           "result", "after")} == {
        "actor": "tester", "address": "127.0.0.1", "category": "administration",
        "object_kind": "institution", "result": "ok", "after": '{"standing":"active"}',
    }  # fmt: skip
    assert "audit.search" in await _looks(node)


async def test_records_are_counted(node: RunningNode, auditor: httpx.AsyncClient) -> None:
    for _ in range(2):
        await node.parts.trail.record(EVENT)

    counts = await _get(
        auditor, "/api/audit/statistics", by="action,result", category="administration"
    )

    assert counts == [{"key": {"action": "institution.approve", "result": "ok"}, "records": 2}]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
async def test_an_export_holds_the_record_of_itself(auditor: httpx.AsyncClient, kind: str) -> None:
    answer = await auditor.post("/api/audit/exports", json={"format": kind})

    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'.{kind}"')
    assert "audit.export" in answer.text.splitlines()[-1]


async def test_an_export_asks_for_a_fresh_proof(console: Console) -> None:
    stale = await console.as_(Role.AUDIT_ADMIN, fresh=False)

    answer = await stale.post("/api/audit/exports", json={})

    assert (answer.status_code, answer.json()["reason"]) == (403, "proof_needed")


async def test_a_check_finds_what_was_changed(
    node: RunningNode, auditor: httpx.AsyncClient
) -> None:
    await node.parts.trail.record(EVENT)
    sound = (await auditor.post("/api/audit/verifications", json={})).json()
    async with node.parts.database.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update audit_records set reason = 'x' where action like 'inst%'")

    changed = (await auditor.post("/api/audit/verifications", json={})).json()

    assert (sound["sound"], sound["complete"]) == (True, True)
    assert changed["sound"] is False
    assert changed["findings"][0]["table"] == "audit_records"
    results = await node.rows("select result from audit_records where action = 'audit.verify'")
    assert sorted(row["result"] for row in results) == ["changed", "ok"]


async def test_checkpoints_are_listed_newest_first(
    node: RunningNode, auditor: httpx.AsyncClient
) -> None:
    assert node.parts.checkpoints
    for _ in range(3):
        await node.parts.trail.record(EVENT)
        await node.parts.checkpoints()

    first = await _get(auditor, "/api/audit/checkpoints", size=2)
    second = await _get(auditor, "/api/audit/checkpoints", size=2, page=2)

    assert [one["number"] for one in first["items"]] == [3, 2]
    assert [one["number"] for one in second["items"]] == [1]
    assert (first["total"], first["items"][0]["heads"]) == (3, 1)


@pytest.mark.parametrize(
    ("path", "asked"),
    [("records", {"sort": "hash"}), ("records", {"since": "yesterday"}),
     ("records", {"since": "0001-01-01T00:00:00+14:00"}), ("records", {"actor": "a\0b"}),
     ("records", {"size": 1000}), ("records", {"actor": "x" * 1000}),
     ("statistics", {"by": "hash"}), ("records", {"category": "'; drop table audit_records"})],
    ids=str,
)  # fmt: skip
async def test_a_foolish_question_is_told_what_is_wrong(
    auditor: httpx.AsyncClient, path: str, asked: dict[str, Any]
) -> None:
    answer = await auditor.get(f"/api/audit/{path}", params=asked)

    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDIT_ADMIN])
async def test_nobody_else_sees_the_records(console: Console, role: Role) -> None:
    client = await console.as_(role, institution_id=1)

    answers = [
        await client.get("/api/audit/records"), await client.get("/api/audit/statistics"),
        await client.get("/api/audit/checkpoints"),
        await client.post("/api/audit/exports", json={}),
        await client.post("/api/audit/verifications", json={}),
    ]  # fmt: skip

    assert [answer.status_code for answer in answers] == [403] * 5


# ---------------------------------------------------------------- card use


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """A card that was registered and verified twice."""
    registered = await client.register(registration(Person.invented()))
    for _ in range(2):
        await client.call(VERIFY, verification(registered["ehealth_code"]))
    return registered


@pytest.mark.requirement("G1-6.7-2", "G2-B-5.1-36", "G2-B-5.1-37")
async def test_uses_and_issues_of_a_card_are_looked_up(
    node: RunningNode, console: Console, card: dict[str, Any]
) -> None:
    province = await console.as_(Role.PROVINCE_OPERATOR)
    ehcid = card["ehealth_card_id"]

    used = await _get(province, "/api/usage", ehcid=ehcid, kind="verify")
    issued = await _get(province, "/api/usage", ehcid=ehcid, kind="register")

    assert (used["total"], issued["total"]) == (2, 1)
    assert (used["items"][0]["org_name"], used["items"][0]["term_name"]) == (
        "示例市第一医院", "门诊收费窗口1",
    )  # fmt: skip
    looks = await node.rows(LOOKS)
    assert [(look["action"], look["object_ref"]) for look in looks] == [("usage.search", ehcid)] * 2


async def test_the_records_of_one_resident_hold_looks_by_people_too(
    console: Console, card: dict[str, Any]
) -> None:
    province = await console.as_(Role.PROVINCE_OPERATOR)
    path = f"/api/residents/{card['ehealth_card_id']}/records"

    await _get(province, path)
    second = await _get(province, path)

    kinds = sorted((item["kind"], item["action"]) for item in second["items"])
    assert kinds == [
        ("console", "resident.records"), ("console", "resident.records"),
        ("register", ""), ("verify", ""), ("verify", ""),
    ]  # fmt: skip


@pytest.mark.requirement("G1-6.7-1", "G2-B-5.1-34", "G2-B-5.1-35")
async def test_use_and_issue_are_counted_as_they_are_now(
    console: Console, client: GatewayClient, card: dict[str, Any]
) -> None:
    province = await console.as_(Role.PROVINCE_OPERATOR)
    await client.call(VERIFY, verification(card["ehealth_code"]))

    counts = await _get(province, "/api/usage/statistics", by="day,kind")

    assert counts == [
        {"key": {"day": "2026-03-02", "kind": "verify"}, "uses": 3, "residents": 1},
        {"key": {"day": "2026-03-02", "kind": "register"}, "uses": 1, "residents": 1},
    ]


@pytest.mark.parametrize(
    "asked",
    [{"ehcid": "xyz"}, {"first_day": "2020-01-01"}, {"first_day": "9999-12-31"},
     {"kind": "console"}, {"app_id": "a\0"}, {"institution_id": 2**40}, {"sort": "ehcid"}],
    ids=str,
)  # fmt: skip
async def test_a_foolish_question_about_use_is_told_what_is_wrong(
    console: Console, asked: dict[str, Any]
) -> None:
    province = await console.as_(Role.PROVINCE_OPERATOR)

    answer = await province.get("/api/usage", params=asked)

    assert answer.status_code == 422
    assert json.loads(answer.text)["errors"]
