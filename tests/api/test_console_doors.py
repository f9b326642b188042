"""The doors of the console API: documentation, sessions, problems."""

import pytest

from openehc.people.permissions import Role
from tests.support.console import Console


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
