"""Public notices about client software that had to stop: as JSON, and as a page."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from openehc.access.public_list import SECONDS
from tests.support.entries import Desk
from tests.support.node import RunningNode


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def asked(desk: Desk, path: str, **query: str) -> httpx.Response:
    """The answer to anybody, after what was kept has grown old."""
    desk.node.clock.advance(seconds=SECONDS)
    nobody = await desk.console.client()
    answer = await nobody.get(path, params=query)
    assert answer.status_code == 200
    return answer


async def noticed(desk: Desk) -> list[tuple[str, str, str, str]]:
    """Measure, situation, outcome and name of each notice."""
    items = (await asked(desk, "/api/public/notices")).json()["items"]
    return [
        (one["measure"], one["situation"] or "", one["outcome"] or "", one["app_name"])
        for one in items
    ]


async def valid(desk: Desk) -> list[str]:
    """The numbers on the list of valid software."""
    items = (await asked(desk, "/api/public/applications")).json()["items"]
    return [one["record_num"] for one in items]


@pytest.mark.requirement("G2-3.2-4")
async def test_software_is_registered_before_watched_during_and_announced_after(
    desk: Desk,
) -> None:
    # before: without a number it is not valid software, and nothing is announced
    await desk.hospital()
    app = await desk.applied("applications")
    before = (len(await valid(desk)), await noticed(desk))
    app = await desk.done("applications", app, "approve")
    assert app["record_num"] in await valid(desk)

    # during: what is seen becomes a finding, which alone is no public matter yet
    seen = await desk.province.post(
        f"/api/applications/{app['id']}/observed_version", json={"version": "2.0"}
    )
    watched = await noticed(desk)

    # after: that it had to stop is announced, and that it was put right as well
    finding = await desk.step(seen.json(), "suspend")
    stopped, listed = await noticed(desk), await valid(desk)
    await desk.step(await desk.step(finding, "correct"), "close")

    assert before == (1, [])
    assert watched == []
    assert stopped == [("suspended", "version_gap", "", app["app_name"])]
    assert app["record_num"] not in listed
    assert await noticed(desk) == [("suspended", "version_gap", "corrected", app["app_name"])]
    assert app["record_num"] in await valid(desk)


async def test_a_notice_names_the_software_and_repeats_nothing_that_people_wrote(
    desk: Desk,
) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    await desk.step(await desk.finding(app, "number_missing"), "suspend")

    answer = await asked(desk, "/api/public/notices")

    item = answer.json()["items"][0]
    assert (item["record_num"], item["use_unit"]) == (app["record_num"], app["use_unit"])
    assert (item["measure_name"], item["situation_name"]) == ("暂停接入", "登记编号未标识")
    assert item["ended_on"] is None
    assert "甲样本" not in answer.text
    assert answer.headers["cache-control"] == f"public, max-age={SECONDS}"


async def test_black_listing_and_the_end_are_announced_the_newest_first(desk: Desk) -> None:
    await desk.hospital()
    one = await desk.approved("applications", app_name="甲应用")
    other = await desk.approved("applications", app_name="乙应用", app_channel="102")
    await desk.finding(one, "counterfeit")
    one = await desk.done("applications", one, "blacklist")
    desk.node.clock.advance(seconds=60)
    await desk.done("applications", other, "exit")
    first = await noticed(desk)
    for finding in (await desk.province.get("/api/findings")).json()["items"]:
        await desk.step(finding, "dismiss")
    await desk.done("applications", one, "restore")

    assert first == [
        ("ended", "", "", "乙应用"), ("blacklisted", "counterfeit", "", "甲应用"),
    ]  # fmt: skip
    assert (await noticed(desk))[1] == ("blacklisted", "counterfeit", "restored", "甲应用")


async def test_a_finding_that_was_none_is_taken_back_in_public(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    finding = await desk.step(await desk.finding(app, "incomplete"), "suspend")

    await desk.step(finding, "dismiss")

    assert [outcome for _, _, outcome, _ in await noticed(desk)] == ["dismissed"]


async def test_a_suspension_that_is_no_violation_is_not_announced(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")

    await desk.done("applications", app, "suspend")

    assert await noticed(desk) == []


async def test_the_page_shows_the_notices_and_keeps_markup_out(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications", app_name="<b>甲应用</b>")
    await desk.done("applications", app, "blacklist")

    page = await asked(desk, "/notices")

    assert app["record_num"] in page.text
    assert "列入黑名单" in page.text
    assert "&lt;b&gt;甲应用" in page.text
    assert 'href="/notices"' in (await asked(desk, "/applications")).text


async def test_the_second_page_goes_on_where_the_first_ended(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    for _ in range(51):
        app = await desk.done("applications", app, "blacklist")
        app = await desk.done("applications", app, "restore")

    pages = [(await asked(desk, "/api/public/notices", page=n)).json() for n in ("1", "2", "3")]

    assert [len(page["items"]) for page in pages] == [50, 1, 0]
    assert {page["total"] for page in pages} == {51}


@pytest.mark.parametrize("page", ["0", "9999", "x"])
async def test_a_page_that_does_not_exist_is_not_found(node: RunningNode, page: str) -> None:
    answer = await node.http.get("/notices", params={"page": page})
    as_json = await node.http.get("/api/public/notices", params={"page": page})

    assert (answer.status_code, as_json.status_code) == (404, 422)
