"""Lists of the four registers: searched, sorted, cut, and asked with what is no question."""

from typing import Any

import pytest

from tests.support.entries import ORG_CODE, Desk


@pytest.fixture
async def database_is_fresh(database: Any) -> None:
    """The test's own database, thrown away afterwards."""
    del database


pytestmark = pytest.mark.usefixtures("database_is_fresh")


async def test_a_list_is_searched_sorted_and_cut(desk: Desk) -> None:
    for number in range(5):
        await desk.applied(
            "institutions", org_code=f"9901990300000000{number}A1003", org_name=f"甲院{number}"
        )

    answer = await desk.province.get(
        "/api/institutions", params={"q": "甲院", "sort": "-org_name", "size": 2, "page": 2}
    )

    page = answer.json()
    assert [item["org_name"] for item in page["items"]] == ["甲院2", "甲院1"]
    assert (page["total"], page["page"], page["size"]) == (5, 2, 2)
    assert ORG_CODE not in answer.text


@pytest.mark.parametrize(
    ("register", "number_field", "changes"),
    [
        pytest.param(
            "applications", "record_num", {"app_name": "另一个应用"},
            marks=pytest.mark.requirement("G2-B-5.1-19"),
        ),
        pytest.param(
            "terminals", "term_id", {"term_name": "另一台终端", "serial_no": "SECOND-1"},
            marks=pytest.mark.requirement("G2-B-5.1-25"),
        ),
        pytest.param("modules", "module_no", {"model": "SJJ-另一个", "serial_no": "SECOND-1"}),
    ],
)  # fmt: skip
async def test_an_entry_is_found_by_its_name_and_by_its_number(
    desk: Desk, register: str, number_field: str, changes: dict[str, str]
) -> None:
    await desk.hospital()
    await desk.approved(register)
    wanted = await desk.approved(register, **changes)
    name = next(iter(changes))

    pages = [
        (await desk.province.get(f"/api/{register}", params={"q": asked})).json()
        for asked in (changes[name], wanted[number_field])
    ]

    assert [[item["id"] for item in page["items"]] for page in pages] == [[wanted["id"]]] * 2
    assert pages[0]["items"][0][name] == changes[name]


@pytest.mark.requirement("G1-9.4-8")
@pytest.mark.parametrize(
    "query",
    [
        {"sort": "org_name; drop table institutions"}, {"sort": "created_at desc"},
        {"q": "' or '1'='1"}, {"q": "%"}, {"org_code": "' union select 1 --"},
        {"q": "a\x00b"}, {"page": "0"}, {"size": "201"}, {"standing": "active' --"},
    ],
)  # fmt: skip
async def test_sql_in_a_list_query_finds_nothing_more(desk: Desk, query: dict[str, str]) -> None:
    await desk.applied("institutions")

    answer = await desk.province.get("/api/institutions", params=query)

    assert answer.status_code == 422 or answer.json()["items"] == []
