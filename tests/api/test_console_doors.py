"""The doors of the console API: documentation, sessions, problems."""

import re

import pytest

from openehc.console.api.guards import PREFIX
from openehc.console.api.summaries import SUMMARIES
from openehc.people.permissions import Role
from tests.support.console import Console
from tests.support.node import RunningNode


async def test_the_description_and_its_page_need_no_outside_address(console: Console) -> None:
    client = await console.client()

    description = await client.get("/api/openapi.json")
    page = await client.get("/api/docs")
    script = await client.get("/api/docs/assets/swagger-ui-bundle.js")

    assert description.json()["info"]["title"] == "OpenEHC console API"
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert script.status_code == 200


async def test_an_unknown_path_is_a_problem_in_both_languages(console: Console) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR)

    answer = await client.get("/api/nothing")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "没有找到"
    assert answer.json()["title_en"] == "Not found"


async def test_no_answer_is_kept_or_framed(console: Console) -> None:
    client = await console.client()

    answer = await client.get("/api/openapi.json")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_defect_is_logged_by_its_place_and_never_by_its_text(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    typed = "what a person typed"

    def broken() -> None:
        raise ValueError(typed)

    console.node.parts.console.api.add_api_route("/api/broken", broken)
    client = await console.client()

    answer = await client.get("/api/broken")

    assert answer.status_code == 500
    assert answer.json()["title_en"] == "Internal error"
    assert "in broken" in caplog.text
    assert typed not in caplog.text


async def test_every_route_is_named_in_chinese_and_english(node: RunningNode) -> None:
    described = (await node.http.get("/api/openapi.json")).json()["paths"]

    summaries = {
        f"{method} {path}": operation["summary"]
        for path, operations in described.items()
        for method, operation in operations.items()
    }

    both = re.compile(r"[\u4e00-\u9fff].* / .*[a-z]")
    assert [name for name, said in summaries.items() if not both.search(said)] == []


async def test_the_names_hold_no_route_that_is_gone(node: RunningNode) -> None:
    described = (await node.http.get("/api/openapi.json")).json()["paths"]

    names = {f"{method.upper()} {path}" for path, found in described.items() for method in found}

    assert {name.replace(" ", f" {PREFIX}") for name in SUMMARIES} <= names
