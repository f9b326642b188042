"""The public list of valid client software: as JSON, and as a page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from openehc.access.public_list import SECONDS
from tests.support.entries import Desk
from tests.support.node import RunningNode


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def listed(desk: Desk) -> list[str]:
    """The names on the list as anybody sees it, after what was kept has grown old."""
    desk.node.clock.advance(seconds=SECONDS)
    nobody = await desk.console.client()
    answer = await nobody.get("/api/public/applications")
    assert answer.status_code == 200
    return [item["app_name"] for item in answer.json()["items"]]


@pytest.mark.requirement("G2-2.4-4")
async def test_only_valid_software_is_listed(desk: Desk) -> None:
    hospital = await desk.hospital()
    seen = []
    app = await desk.applied("applications", app_name="甲应用")
    seen.append(await listed(desk))
    app = await desk.done("applications", app, "approve")
    seen.append(await listed(desk))
    stopped = await desk.done("institutions", hospital, "suspend")
    seen.append(await listed(desk))
    await desk.done("institutions", stopped, "resume")
    await desk.done("applications", app, "blacklist")
    seen.append(await listed(desk))

    demo = ["示例医院信息系统"]
    assert seen == [demo, ["甲应用", *demo], demo, demo]


async def test_the_list_tells_what_people_need_and_nobodys_contact(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications", app_name="甲应用")
    nobody = await desk.console.client()

    answer = await nobody.get("/api/public/applications")

    item = answer.json()["items"][0]
    assert item["record_num"] == app["record_num"]
    assert (item["app_channel_name"], item["online_statuses_name"]) == ("APP Android", "未联网")
    assert "19900000001" not in answer.text
    assert app["app_id"] not in answer.text


async def test_a_page_is_kept_for_some_seconds(desk: Desk) -> None:
    await listed(desk)
    await desk.hospital()
    await desk.approved("applications", app_name="甲应用")
    nobody = await desk.console.client()

    kept = await nobody.get("/api/public/applications")

    assert len(kept.json()["items"]) == 1
    assert kept.headers["cache-control"] == f"public, max-age={SECONDS}"


async def test_the_page_shows_the_list_and_keeps_markup_out(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications", app_name="<script>alert(1)</script>")
    nobody = await desk.console.client()

    page = await nobody.get("/applications")

    assert app["record_num"] in page.text
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("page", ["0", "-1", "9999", "x", "1;drop", "٣", "99999999999999"])
async def test_a_page_that_does_not_exist_is_not_found(node: RunningNode, page: str) -> None:
    answer = await node.http.get("/applications", params={"page": page})
    as_json = await node.http.get("/api/public/applications", params={"page": page})

    assert (answer.status_code, as_json.status_code) == (404, 422)
