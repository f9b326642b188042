"""The doors of the console API: documentation, sessions, problems."""

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
