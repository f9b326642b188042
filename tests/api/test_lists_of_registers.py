"""Lists of the four registers: searched, sorted, cut, and asked with what is no question."""

from typing import Any

import pytest

from tests.support.entries import FORMS, ORG_CODE, Desk, if_match


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


@pytest.mark.parametrize(
    ("register", "changes", "asked"),
    [
        ("institutions", {"org_level": "030", "city_code": "990200"}, {"city_code": "990200"}),
        ("institutions", {"org_level": "030"}, {"org_level": "030"}),
        ("terminals", {"serial_no": "SECOND-1"}, {"serial_no": "SECOND-1"}),
        ("terminals", {"serial_no": "SECOND-1"}, {"q": "SECOND-1"}),
        ("terminals", {"serial_no": "S-1", "purpose": "移动查房"}, {"purpose": "移动查房"}),
        ("modules", {"serial_no": "SECOND-1"}, {"q": "SECOND-1"}),
        ("modules", {"serial_no": "S-1", "address": "10.0.0.77"}, {"address": "10.0.0.77"}),
        ("applications", {"use_unit": "另一机构"}, {"use_unit": "另一机构"}),
        ("applications", {"app_category": ["03"]}, {"app_category": "03"}),
        ("applications", {"app_version": "7.1"}, {"app_version": "7.1"}),
    ],
)
async def test_an_entry_is_found_by_any_column_that_was_entered(
    desk: Desk, register: str, changes: dict[str, Any], asked: dict[str, str]
) -> None:
    await desk.hospital()
    if register != "institutions":
        await desk.approved(register)
    else:
        changes = {"org_code": "99019903000000000A1003", **changes}
    wanted = await desk.approved(register, **changes)

    page = (await desk.province.get(f"/api/{register}", params=asked)).json()

    assert ([item["id"] for item in page["items"]], page["total"]) == ([wanted["id"]], 1)


async def test_software_is_found_by_its_app_id_its_day_and_its_status(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    await desk.approved("applications", app_name="乙应用")
    stopped = await desk.done("applications", app, "suspend")

    async def found(**asked: str) -> list[int]:
        page = (await desk.province.get("/api/applications", params=asked)).json()
        return [item["id"] for item in page["items"]]

    assert await found(q=app["app_id"]) == [app["id"]]
    assert await found(online_statuses="3") == [stopped["id"]]
    assert stopped["id"] not in await found(online_statuses="2")
    assert stopped["id"] in await found(access_since="2026-03-02", access_until="2026-03-02")
    assert stopped["id"] not in await found(access_since="2026-03-03")


async def test_software_whose_changed_version_was_not_reported_is_found(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    await desk.approved("applications", app_name="乙应用")
    changed = {**FORMS["applications"], "app_version": "2.0"}
    await desk.province.put(
        f"/api/applications/{app['id']}", json=changed, headers=if_match(app["revision"])
    )

    page = (await desk.province.get("/api/applications?report_due=true")).json()

    assert [item["id"] for item in page["items"]] == [app["id"]]


@pytest.mark.requirement("G1-9.4-8")
@pytest.mark.parametrize(
    "query",
    [
        {"sort": "org_name; drop table institutions"}, {"sort": "created_at desc"},
        {"q": "' or '1'='1"}, {"q": "%"}, {"org_code": "' union select 1 --"},
        {"q": "a\x00b"}, {"page": "0"}, {"size": "201"},
        {"city_code": "990100' or '1'='1"}, {"access_since": "2026-03-01' --"},
        {"standing": "active' --"},
    ],
)  # fmt: skip
async def test_sql_in_a_list_query_finds_nothing_more(desk: Desk, query: dict[str, str]) -> None:
    await desk.applied("institutions")

    answer = await desk.province.get("/api/institutions", params=query)

    assert answer.status_code == 422 or answer.json()["items"] == []
