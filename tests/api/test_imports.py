"""Bulk import over the console API: checked, taken, taken again, returned."""

import io
from collections.abc import AsyncIterator
from time import perf_counter
from typing import Any

import httpx
import openpyxl
import pytest

from openehc.access.kinds import INSTITUTIONS, TERMINALS
from openehc.people.permissions import Role
from tests.support.client import VERIFY
from tests.support.entries import ORG_CODE, Desk
from tests.support.messages import verification
from tests.support.waiting import until_told
from tests.support.workbooks import csv_text, institution_rows, terminal_rows, xlsx


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def imported(
    client: httpx.AsyncClient, register: str, data: bytes, *, mode: str = "approve",
    name: str = "医院.xlsx",
) -> dict[str, Any]:  # fmt: skip
    """The job at its end."""
    answer = await client.post(
        f"/api/imports/{register}", files={"file": (name, data)}, data={"mode": mode}
    )
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()

    async def ended() -> bool:
        job.update((await client.get(f"/api/imports/{register}/{job['id']}")).json())
        return job["state"] in {"done", "failed"}

    await until_told(ended, seconds=60)
    return job


def figures(job: dict[str, Any]) -> tuple[int, ...]:
    return tuple(job[f"rows_{name}"] for name in ("total", "done", "new", "unchanged", "failed"))


@pytest.mark.requirement("G1-6.3-3", "G2-B-5.1-13")
async def test_imported_institutions_work_at_once(desk: Desk) -> None:
    job = await imported(desk.province, "institutions", xlsx(INSTITUTIONS, institution_rows(3)))

    listed = (await desk.province.get("/api/institutions", params={"q": "示例第"})).json()

    assert (job["state"], figures(job)) == ("done", (3, 3, 3, 0, 0))
    assert {item["standing"] for item in listed["items"]} == {"active"}
    history = await desk.province.get(f"/api/institutions/{listed['items'][0]['id']}/history")
    assert [line["act"] for line in history.json()] == ["approve", "apply"]


@pytest.mark.requirement("G1-6.4-6", "G1-D.2-2")
async def test_imported_terminals_get_numbers_in_their_order(desk: Desk) -> None:
    await desk.hospital()

    job = await imported(desk.province, "terminals", xlsx(TERMINALS, terminal_rows(3)))

    rows = await desk.node.rows("select serial_no, term_id from terminals order by term_id")
    numbers = [row["term_id"] for row in rows if row["serial_no"].startswith("APOS")]
    assert figures(job) == (3, 3, 3, 0, 0)
    assert numbers == [f"9901A0001STMB{n:04d}" for n in (2, 3, 4)]  # STMB0001 is the demo's


async def test_an_imported_terminal_is_known_to_the_gateway(desk: Desk) -> None:
    await desk.hospital()
    await imported(desk.province, "terminals", xlsx(TERMINALS, terminal_rows(1)))
    client = desk.node.client().acting_as(term_id="9901A0001STMB0002")

    async def admitted() -> bool:
        return (await client.call(VERIFY, verification("x"))).code == "2002"

    await until_told(admitted, seconds=1)


@pytest.mark.parametrize("mode", ["apply", "approve"])
async def test_a_second_import_of_the_same_file_changes_nothing(desk: Desk, mode: str) -> None:
    data = csv_text(INSTITUTIONS, institution_rows(5)).encode("gb18030")
    await imported(desk.province, "institutions", data, mode=mode, name="a.csv")
    before = await desk.node.rows("select * from institutions order by institution_id")

    again = await imported(desk.province, "institutions", data, mode=mode, name="a.csv")

    assert figures(again) == (5, 5, 0, 5, 0)
    assert await desk.node.rows("select * from institutions order by institution_id") == before


async def test_a_dry_run_tells_and_takes_nothing(desk: Desk) -> None:
    rows = [*institution_rows(3), {**institution_rows(1)[0], "org_code": "x"}]

    job = await imported(desk.province, "institutions", xlsx(INSTITUTIONS, rows), mode="check")

    assert figures(job) == (4, 4, 3, 0, 1)
    found = await desk.node.rows("select 1 from institutions where org_name like '示例第%'")
    assert found == []


async def test_rows_that_failed_come_back_with_row_column_value_and_reason(desk: Desk) -> None:
    rows = institution_rows(3)
    rows[1]["org_level"] = "999"
    rows[2]["org_name"] = "=1+1"

    job = await imported(desk.province, "institutions", xlsx(INSTITUTIONS, rows))
    returned = await desk.province.get(f"/api/imports/institutions/{job['id']}/failed")

    book = openpyxl.load_workbook(io.BytesIO(returned.content))
    reasons = [list(row) for row in book["原因"].iter_rows(min_row=2, values_only=True)]
    assert figures(job) == (3, 3, 1, 0, 2)
    assert reasons == [
        ["3", "机构等级", "999", "机构等级：不在字典org_level中"],
        ["4", "机构名称", "[formula]", "不得填写公式"],
    ]
    assert returned.headers["content-disposition"].startswith("attachment")


async def test_a_row_that_clashes_with_the_register_is_named(desk: Desk) -> None:
    await desk.hospital()
    row = {**institution_rows(1)[0], "org_code": ORG_CODE}

    job = await imported(desk.province, "institutions", xlsx(INSTITUTIONS, [row]))

    shown = (await desk.province.get("/api/institutions", params={"org_code": ORG_CODE})).json()
    assert figures(job) == (1, 1, 0, 0, 1)
    assert shown["items"][0]["org_name"] == "示例市第二医院"


async def test_a_file_that_is_refused_says_why_and_takes_nothing(desk: Desk) -> None:
    job = await imported(desk.province, "institutions", b"a\r\n1\r\n", name="a.csv")

    assert (job["state"], job["problem"]) == ("failed", "未知的列：a")


async def test_a_name_with_folders_and_line_breaks_is_kept_plain(desk: Desk) -> None:
    data = xlsx(INSTITUTIONS, institution_rows(1))

    job = await imported(desk.province, "institutions", data, name="..\\..\\etc/a\u2028.xlsx")

    assert (job["file_name"], job["state"]) == ("a.xlsx", "done")


async def test_an_operator_imports_terminals_of_the_own_institution_only(desk: Desk) -> None:
    own = await desk.hospital()
    other = await desk.approved("institutions", org_code="99019903000000000A1003")
    operator = await desk.operator_of(own["id"])
    rows = [*terminal_rows(1), {**terminal_rows(2, other["org_code"])[1]}]

    refused = await operator.post(
        "/api/imports/terminals", files={"file": ("a.xlsx", b"")}, data={"mode": "approve"}
    )
    job = await imported(operator, "terminals", xlsx(TERMINALS, rows), mode="apply")
    by_another = await (await desk.operator_of(other["id"])).get(
        f"/api/imports/terminals/{job['id']}"
    )

    assert (refused.status_code, refused.json()["permission"]) == (403, "terminals.decide")
    assert figures(job) == (2, 2, 1, 0, 1)
    assert by_another.status_code == 404


async def test_who_may_not_import_gets_not_even_the_template(desk: Desk) -> None:
    admin = await desk.console.as_(Role.SECURITY_ADMIN)

    answers = [
        await admin.get("/api/imports/institutions/template"),
        await admin.post(
            "/api/imports/institutions", files={"file": ("a.csv", b"a")}, data={"mode": "check"}
        ),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


async def test_the_template_is_a_workbook(desk: Desk) -> None:
    answer = await desk.province.get("/api/imports/terminals/template")

    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["登记", "字典", "说明"]


async def test_too_large_an_upload_is_refused(desk: Desk) -> None:
    answer = await desk.province.post(
        "/api/imports/institutions", files={"file": ("a.csv", b"x" * (17 << 20))},
        data={"mode": "check"},
    )  # fmt: skip

    assert answer.status_code == 413


@pytest.mark.slow
@pytest.mark.requirement("G2-B-5.1-13")
async def test_ten_thousand_rows_take_less_than_a_minute_and_the_gateway_serves_on(
    desk: Desk,
) -> None:
    data = xlsx(INSTITUTIONS, institution_rows(10_000))
    client = desk.node.client()
    began, slowest = perf_counter(), 0.0

    answer = await desk.province.post(
        "/api/imports/institutions", files={"file": ("a.xlsx", data)}, data={"mode": "approve"}
    )
    job = answer.json()
    while job["state"] not in {"done", "failed"}:
        asked = perf_counter()
        await client.call(VERIFY, verification("x"))
        slowest = max(slowest, perf_counter() - asked)
        job = (await desk.province.get(f"/api/imports/institutions/{job['id']}")).json()

    took = perf_counter() - began
    assert figures(job) == (10_000, 10_000, 10_000, 0, 0)
    assert (took < 60, slowest < 1) == (True, True), f"{took:.1f} s, slowest {slowest:.3f} s"
