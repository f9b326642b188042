"""Findings about client software (材料二 3.2): found, notified, suspended, corrected, returned."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from openehc.access.traffic_store import TrafficStore
from openehc.kernel.refusal import Reason
from openehc.people.permissions import Role
from openehc.wiring.traffic_flushing import flush
from tests.support.entries import Desk, if_match


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def standing(desk: Desk, app: dict[str, Any]) -> str:
    return str((await desk.province.get(f"/api/applications/{app['id']}")).json()["standing"])


@pytest.mark.requirement("G2-3.2-2", "G2-3.2-5", "G1-7.2-4")
async def test_a_finding_suspends_the_software_until_it_was_put_right(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    finding = await desk.finding(app, "number_missing")

    seen = []
    for what in ("notify", "suspend", "correct", "close"):
        finding = await desk.step(finding, what)
        seen.append((finding["state"], await standing(desk, app)))

    assert seen == [
        ("notified", "active"), ("suspended", "suspended"), ("corrected", "suspended"),
        ("returned", "active"),
    ]  # fmt: skip


async def test_while_a_finding_holds_the_software_nobody_resumes_it(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    await desk.step(await desk.finding(app, "version_gap"), "suspend")
    shown = (await desk.province.get(f"/api/applications/{app['id']}")).json()

    answer = await desk.act("applications", shown, "resume")

    assert (answer.status_code, answer.json()["reason"]) == (409, "state_forbids")


async def test_software_comes_back_when_the_last_of_two_findings_is_closed(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    first = await desk.step(await desk.finding(app, "version_gap"), "suspend")
    second = await desk.step(await desk.finding(app, "incomplete"), "suspend")

    seen = []
    for finding in (first, second):
        await desk.step(await desk.step(finding, "correct"), "close")
        seen.append(await standing(desk, app))

    assert seen == ["suspended", "active"]


async def test_software_that_was_suspended_by_hand_stays_so_when_a_finding_is_closed(
    desk: Desk,
) -> None:
    await desk.hospital()
    app = await desk.done("applications", await desk.approved("applications"), "suspend")
    finding = await desk.step(await desk.finding(app, "incomplete"), "suspend")

    await desk.step(await desk.step(finding, "correct"), "close")

    assert await standing(desk, app) == "suspended"
    shown = (await desk.province.get(f"/api/applications/{app['id']}")).json()
    assert (await desk.act("applications", shown, "resume")).status_code == 200


async def test_software_that_is_not_connected_cannot_be_suspended_and_then_approved(
    desk: Desk,
) -> None:
    await desk.hospital()
    app = await desk.applied("applications")
    finding = await desk.finding(app, "incomplete")

    answer = await desk.province.post(
        f"/api/findings/{finding['id']}/suspend", json={"reason": "材料不全"},
        headers=if_match(finding["revision"]),
    )  # fmt: skip

    assert (answer.status_code, answer.json()["reason"]) == (409, "state_forbids")
    assert "尚未接入" in answer.json()["detail"]
    shown = (await desk.province.get(f"/api/findings/{finding['id']}")).json()
    assert (shown["state"], shown["holds_application"]) == ("found", False)


async def test_the_history_of_a_finding_tells_who_did_what_when_and_why(desk: Desk) -> None:
    own = await desk.hospital()
    app = await desk.approved("applications")
    finding = await desk.finding(app, "incomplete")
    desk.node.clock.advance(seconds=60)
    await desk.step(finding, "notify")
    operator = await desk.operator_of(own["id"])

    told = (await operator.get(f"/api/findings/{finding['id']}/history")).json()

    assert [(one["step"], one["step_name"], one["actor_id"], one["note"]) for one in told] == [
        ("notify", "通知运营机构", "province", "甲样本已答复"), ("record", "登记", "province", ""),
    ]  # fmt: skip
    assert told[0]["at"] > told[1]["at"]


async def test_a_finding_that_was_none_is_dismissed_and_the_software_returns(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    finding = await desk.step(await desk.finding(app, "incomplete"), "suspend")

    dismissed = await desk.step(finding, "dismiss")

    assert (dismissed["state"], await standing(desk, app)) == ("dismissed", "active")


@pytest.mark.requirement("G2-3.2-3")
@pytest.mark.parametrize(
    "situation",
    ["number_missing", "not_listed", "incomplete", "counterfeit", "version_gap", "low_security"],
)
async def test_each_of_the_six_situations_can_be_recorded_once(desk: Desk, situation: str) -> None:
    finding = await desk.finding(None, situation)
    again = await desk.province.post(
        "/api/findings",
        json={"subject": finding["subject"], "situation": situation, "evidence": "又一次"},
    )

    listed = (await desk.province.get("/api/findings", params={"situation": situation})).json()

    assert [item["id"] for item in listed["items"]] == [finding["id"]]
    assert (again.status_code, again.json()["reason"]) == (409, "record_exists")


async def test_each_step_is_audited_with_what_it_changed(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    await desk.step(await desk.step(await desk.finding(app, "not_listed"), "notify"), "suspend")

    rows = await desk.node.rows(
        "select action, after from audit_records where object_kind = 'finding' order by ctid"
    )

    assert [row["action"] for row in rows] == [
        "finding.record",
        "finding.notify",
        "finding.suspend",
    ]
    assert '"state":"suspended"' in rows[-1]["after"]


@pytest.mark.requirement("G2-3.2-7")
async def test_a_version_in_use_that_differs_in_x_or_y_is_a_finding(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")  # registered with 1.2
    at = f"/api/applications/{app['id']}/observed_version"

    same = await desk.province.post(at, json={"version": "1.2.7"})
    other = await desk.province.post(at, json={"version": "2.0.1"})

    assert same.json() is None
    assert other.json()["situation"] == "version_gap"
    assert "1.2" in other.json()["evidence"]


@pytest.mark.requirement("G2-3.2-1", "G2-3.2-3")
async def test_who_knocks_a_hundred_times_is_found(desk: Desk) -> None:
    parts = desk.node.parts
    for _ in range(100):
        parts.traffic.refused("fake-hospital", Reason.APP_UNKNOWN)
    parts.traffic.refused("a-slip", Reason.APP_UNKNOWN)
    await flush(parts.traffic, TrafficStore(parts.database), desk.node.clock)

    found = (await desk.province.post("/api/findings/sweep")).json()
    again = (await desk.province.post("/api/findings/sweep")).json()

    assert [(one["subject"], one["situation"]) for one in found] == [
        ("fake-hospital", "not_listed")
    ]
    assert again == []


async def test_a_finding_about_another_institution_is_not_seen(desk: Desk) -> None:
    own = await desk.hospital()
    other = await desk.approved("institutions", org_code="99019903000000000A1003")
    app = await desk.approved("applications", org_code=other["org_code"])
    finding = await desk.finding(app, "incomplete")
    operator = await desk.operator_of(own["id"])

    listed = (await operator.get("/api/findings")).json()
    shown = await operator.get(f"/api/findings/{finding['id']}")
    history = await operator.get(f"/api/findings/{finding['id']}/history")
    touched = await operator.post(
        f"/api/findings/{finding['id']}/dismiss", json={"reason": "x"}, headers=if_match(1)
    )

    assert (listed["items"], shown.status_code, touched.status_code) == ([], 404, 403)
    assert history.status_code == 404


async def test_someone_without_the_permission_records_nothing(desk: Desk) -> None:
    admin = await desk.console.as_(Role.SECURITY_ADMIN)

    answer = await admin.post("/api/findings/sweep")

    assert answer.status_code == 403
