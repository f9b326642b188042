"""Client software at the gateway: its secrets, grants and limits, and what stops it."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from openehc.access.traffic_store import TrafficStore
from openehc.wiring.traffic_flushing import flush
from tests.support.client import REGQUERY, VERIFY
from tests.support.entries import APPLICATION, Desk, if_match
from tests.support.messages import verification
from tests.support.software import client_of, code_of, limits, settles

REGISTERED: Final = "2002"
"""What a verification of nonsense is answered once the application is let in."""

GRANTS: Final = [VERIFY]


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


@pytest.fixture
async def app(desk: Desk) -> dict[str, Any]:
    """An approved application with a grant, known to the worker; its terminal is the demo's."""
    await desk.hospital()
    approved = await desk.approved("applications")
    credentials = approved["credentials"]
    limited = await limits(desk, approved, grants=GRANTS)
    client = client_of(desk, credentials)
    await settles(client, REGISTERED)
    return {**limited, "credentials": credentials}


@pytest.mark.requirement("G1-7.3-5", "G1-7.3-11", "G1-9.4-9", "G2-A-5.1-9")
async def test_approved_software_calls_what_it_was_granted_and_nothing_else(
    desk: Desk, app: dict[str, Any]
) -> None:
    client = client_of(desk, app["credentials"])

    codes = [await code_of(client), await code_of(client, REGQUERY)]

    assert codes == [REGISTERED, "1010"]


async def test_during_the_overlap_both_secrets_work_and_get_answers_of_their_own(
    desk: Desk, app: dict[str, Any]
) -> None:
    old = client_of(desk, app["credentials"])
    rotated = await rotate(desk, app, hours=24)
    new = client_of(desk, rotated["credentials"])
    await settles(new, REGISTERED)

    replies = [await client.call(VERIFY, verification("x")) for client in (old, new)]

    assert [(reply.code, reply.authentic) for reply in replies] == [(REGISTERED, True)] * 2


async def test_after_the_overlap_the_old_secret_is_wrong(desk: Desk, app: dict[str, Any]) -> None:
    old = client_of(desk, app["credentials"])
    new = client_of(desk, (await rotate(desk, app, hours=24))["credentials"])
    await settles(new, REGISTERED)

    desk.node.clock.advance(seconds=timedelta(hours=24).total_seconds())

    assert [await code_of(old), await code_of(new)] == ["9003", REGISTERED]


async def test_a_rotation_without_overlap_ends_the_old_secret_at_once(
    desk: Desk, app: dict[str, Any]
) -> None:
    old = client_of(desk, app["credentials"])

    new = client_of(desk, (await rotate(desk, app, hours=0))["credentials"])

    await settles(new, REGISTERED)
    assert await code_of(old) == "9003"


async def test_an_overlap_can_be_ended_early(desk: Desk, app: dict[str, Any]) -> None:
    old = client_of(desk, app["credentials"])
    rotated = await rotate(desk, app, hours=24)

    ended = await desk.province.request(
        "DELETE", f"/api/applications/{app['id']}/secret/previous", json={"reason": "已更换"},
        headers=if_match(rotated["revision"]),
    )  # fmt: skip

    assert ended.json()["previous_until"] is None
    await settles(old, "9003")
    assert await code_of(client_of(desk, rotated["credentials"])) == REGISTERED


async def test_a_revoked_secret_works_no_more_and_a_new_one_can_be_made(
    desk: Desk, app: dict[str, Any]
) -> None:
    client = client_of(desk, app["credentials"])

    revoked = await desk.province.request(
        "DELETE", f"/api/applications/{app['id']}/secret", json={"reason": "密钥泄露"},
        headers=if_match(app["revision"]),
    )  # fmt: skip

    assert revoked.json()["has_secret"] is False
    await settles(client, "1008")
    again = await rotate(desk, revoked.json(), hours=24)
    assert again["previous_until"] is None
    await settles(client_of(desk, again["credentials"]), REGISTERED)


async def rotate(desk: Desk, app: dict[str, Any], *, hours: int) -> dict[str, Any]:
    answer = await desk.province.post(
        f"/api/applications/{app['id']}/secret", json={"overlap_hours": hours},
        headers=if_match(app["revision"]),
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.requirement("G1-9.4-7")
async def test_software_outside_its_networks_is_refused(desk: Desk, app: dict[str, Any]) -> None:
    client = client_of(desk, app["credentials"])

    narrowed = await limits(desk, app, grants=GRANTS, allowed_networks=["10.0.0.0/8"])
    await settles(client, "1010")
    await limits(desk, narrowed, grants=GRANTS, allowed_networks=["127.0.0.0/8"])

    await settles(client, REGISTERED)


async def test_software_over_its_rate_is_told_to_wait(desk: Desk, app: dict[str, Any]) -> None:
    client = client_of(desk, app["credentials"])
    await limits(desk, app, grants=GRANTS, rate_limit=2)
    await settles(client, "3003")

    desk.node.clock.advance(seconds=1)

    codes = [await code_of(client) for _ in range(3)]
    assert codes == [REGISTERED, REGISTERED, "3003"]


async def test_software_over_its_daily_quota_is_refused_until_the_next_day(
    desk: Desk, app: dict[str, Any]
) -> None:
    client = client_of(desk, app["credentials"])
    await limits(desk, app, grants=GRANTS, daily_quota=20)
    await settles(client, "3003")
    message = (await client.call(VERIFY, verification("x"))).message

    parts = desk.node.parts
    await flush(parts.traffic, TrafficStore(parts.database), desk.node.clock)
    desk.node.clock.advance(seconds=24 * 3600)

    assert "配额" in message
    assert await code_of(client) == REGISTERED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grants", ["no.such.method"]), ("rate_limit", 0), ("daily_quota", -1),
        ("allowed_networks", ["10.0.0.1/8"]), ("allowed_networks", ["all"]),
        ("allowed_networks", ["10.0.0.0/8"] * 51),
    ],
)  # fmt: skip
async def test_wrong_limits_are_named(
    desk: Desk, app: dict[str, Any], field: str, value: Any
) -> None:
    answer = await desk.province.put(
        f"/api/applications/{app['id']}/limits", json={"grants": GRANTS, field: value},
        headers=if_match(app["revision"]),
    )  # fmt: skip

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


@pytest.mark.requirement("G1-7.2-12")
async def test_the_online_status_follows_the_traffic(desk: Desk, app: dict[str, Any]) -> None:
    seen = [await status(desk, app)]
    parts = desk.node.parts
    parts.traffic.succeeded(app["app_id"], desk.node.clock.now())
    await flush(parts.traffic, TrafficStore(parts.database), desk.node.clock)
    seen.append(await status(desk, app))
    desk.node.clock.advance(seconds=timedelta(hours=25).total_seconds())
    seen.append(await status(desk, app))
    await desk.done("applications", app, "suspend")
    seen.append(await status(desk, app))

    assert seen == ["2", "1", "2", "3"]


async def status(desk: Desk, app: dict[str, Any]) -> str:
    shown = await desk.province.get(f"/api/applications/{app['id']}")
    return str(shown.json()["online_statuses"])


@pytest.mark.requirement("G2-2.4-3")
async def test_a_changed_x_or_y_of_the_version_has_to_be_reported(
    desk: Desk, app: dict[str, Any]
) -> None:
    due = []
    for version in ("1.2.9", "1.3.0"):
        changed = await desk.province.put(
            f"/api/applications/{app['id']}", json={**APPLICATION, "app_version": version},
            headers=if_match(app["revision"]),
        )  # fmt: skip
        app = changed.json()
        due.append(app["report_due_since"] is not None)
    accepted = await desk.done("applications", app, "accept_report", reason="评估报告2026-03")

    assert due == [False, True]
    assert accepted["report_due_since"] is None


@pytest.mark.requirement("G1-7.2-4", "G2-B-5.1-21")
@pytest.mark.parametrize(("act", "back"), [("suspend", "resume"), ("blacklist", "restore")])
async def test_stopped_software_is_refused_until_it_goes_on(
    desk: Desk, app: dict[str, Any], act: str, back: str
) -> None:
    client = client_of(desk, app["credentials"])

    stopped = await desk.done("applications", app, act)
    await settles(client, "1010")

    await desk.done("applications", stopped, back)
    await settles(client, REGISTERED)


async def test_software_that_left_is_nobody_any_more(desk: Desk, app: dict[str, Any]) -> None:
    await desk.done("applications", app, "exit")

    await settles(client_of(desk, app["credentials"]), "1008")


@pytest.mark.requirement("G2-B-5.1-22", "G2-B-5.1-26")
@pytest.mark.parametrize(
    ("stop", "back"), [("suspend", "resume"), ("blacklist", "restore"), ("exit", None)]
)
async def test_a_stopped_terminal_is_refused(
    desk: Desk, app: dict[str, Any], stop: str, back: str | None
) -> None:
    terminal = await desk.approved("terminals")
    client = client_of(desk, app["credentials"], term_id=terminal["term_id"])
    await settles(client, REGISTERED)

    stopped = await desk.done("terminals", terminal, stop)
    await settles(client, "1009")

    if back:
        await desk.done("terminals", stopped, back)
        await settles(client, REGISTERED)


async def test_software_of_a_suspended_institution_is_refused_and_comes_back(
    desk: Desk, app: dict[str, Any]
) -> None:
    client = client_of(desk, app["credentials"])
    hospital = (await desk.province.get(f"/api/institutions/{app['institution_id']}")).json()

    stopped = await desk.done("institutions", hospital, "suspend")
    await settles(client, "1010")
    shown = (await desk.province.get(f"/api/applications/{app['id']}")).json()
    await desk.done("institutions", stopped, "resume")

    await settles(client, REGISTERED)
    assert (shown["standing"], shown["works"], shown["online_statuses"]) == ("active", False, "3")


async def test_nobody_chooses_the_app_id_of_an_application(desk: Desk) -> None:
    await desk.hospital()
    form = dict(APPLICATION)

    chosen = await desk.province.post("/api/applications", json={**form, "app_id": "console"})
    made = await desk.applied("applications")

    assert (chosen.status_code, chosen.json()["errors"][0]["field"]) == (422, "app_id")
    assert re.fullmatch("[a-z2-9]{18}", made["app_id"])
