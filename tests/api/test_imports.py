"""Bulk import over the console API: checked, taken, taken again, returned."""

import asyncio
import io
from collections.abc import AsyncIterator
from time import perf_counter, process_time
from typing import Any

import openpyxl
import pytest

from openehc.access.imports.importing import OF
from openehc.access.imports.model import Mode
from openehc.access.imports.reading import ReadFile, read_file
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, KINDS, MODULES, TERMINALS, Kind
from openehc.access.record_store import stored
from openehc.console.api.registers import PATH_OF
from openehc.people.permissions import Role
from tests.support.client import VERIFY
from tests.support.entries import Desk
from tests.support.imports import figures, imported
from tests.support.messages import verification
from tests.support.timing import others_had
from tests.support.waiting import until_told
from tests.support.workbooks import (
    ROWS_OF,
    application_rows,
    csv_text,
    institution_rows,
    terminal_rows,
    xlsx,
)


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def held(desk: Desk, kind: Kind) -> list[dict[str, Any]]:
    """Every entry of a register, the oldest first."""
    answer = await desk.province.get(f"/api/{PATH_OF[kind]}?size=200&sort=id")
    return list(answer.json()["items"])


@pytest.mark.requirement("G1-6.3-3", "G2-B-5.1-13")
async def test_imported_institutions_work_at_once(desk: Desk) -> None:
    job = await imported(desk.province, "institutions", xlsx(INSTITUTIONS, institution_rows(3)))

    listed = (await desk.province.get("/api/institutions", params={"q": "示例第"})).json()

    assert (job["state"], figures(job)) == ("done", (3, 3, 3, 0, 0))
    assert {item["standing"] for item in listed["items"]} == {"active"}
    history = await desk.province.get(f"/api/institutions/{listed['items'][0]['id']}/history")
    assert [line["act"] for line in history.json()] == ["approve", "apply"]


@pytest.mark.requirement("G1-6.4-6", "G1-D.2-2")
@pytest.mark.parametrize(
    ("kind", "first"),
    [(TERMINALS, "9901A0001STMB0002"), (MODULES, "9901A0001CRPA0002")],
    ids=["terminals", "modules"],
)  # fmt: skip
async def test_imported_devices_get_numbers_in_their_order(
    desk: Desk, kind: Kind, first: str
) -> None:
    """The first numbers are the demo's."""
    await desk.hospital()
    rows = ROWS_OF[kind](3)

    job = await imported(desk.province, PATH_OF[kind], xlsx(kind, rows))

    serials = [row["serial_no"] for row in rows]
    found = [one for one in await held(desk, kind) if one["serial_no"] in serials]
    assert figures(job) == (3, 3, 3, 0, 0)
    assert [one["serial_no"] for one in found] == serials
    assert [one[kind.number] for one in found] == [f"{first[:-1]}{n}" for n in (2, 3, 4)]


async def test_imported_software_waits_for_its_approval_and_gets_its_secret_there(
    desk: Desk,
) -> None:
    await desk.hospital()

    job = await imported(
        desk.province, "applications", xlsx(APPLICATIONS, application_rows(2)), mode="apply"
    )

    listed = (await desk.province.get("/api/applications", params={"q": "示例掌上医院"})).json()
    [entry, other] = listed["items"]
    approved = await desk.done("applications", entry, "approve")
    assert figures(job) == (2, 2, 2, 0, 0)
    assert (entry["standing"], entry["record_num"], entry["has_secret"]) == ("applied", None, False)
    assert approved["record_num"].startswith("9901A0001APPB")
    assert approved["credentials"]["app_id"] == entry["app_id"] != other["app_id"]


async def test_software_is_not_approved_by_an_import(desk: Desk) -> None:
    answer = await desk.province.post(
        "/api/imports/applications",
        files={"file": ("a.xlsx", xlsx(APPLICATIONS, application_rows(1)))},
        data={"mode": "approve"},
    )

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "mode")


async def test_contact_persons_are_sealed_and_shown_to_those_who_may_see_them(desk: Desk) -> None:
    await desk.hospital()
    data = xlsx(APPLICATIONS, application_rows(1))
    await imported(desk.province, "applications", data, mode="apply")

    listed = (await desk.province.get("/api/applications", params={"q": "示例掌上医院"})).json()
    at = f"/api/applications/{listed['items'][0]['id']}"
    shown = (await desk.province.get(at)).json()
    [applied] = (await desk.province.get(f"{at}/history")).json()

    rows = await desk.node.rows(
        "select a::text || h::text as everything from applications a join register_history h"
        " on h.register = 'application' and h.record_id = a.application_id"
    )
    assert shown["use_unit_phone"] == applied["after"]["use_unit_phone"] == "19900000001"
    assert "19900000001" not in str(rows)
    assert "甲样本" not in str(rows)


async def test_software_that_people_entered_twice_is_found_by_either(desk: Desk) -> None:
    await desk.hospital()
    [row] = application_rows(1)
    for version in ("1.2", "2.0"):
        await desk.applied("applications", **{**row, "app_version": version})
    rows = [{**row, "app_version": version} for version in ("2.0", "3.0")]

    jobs = [
        await imported(desk.province, "applications", xlsx(APPLICATIONS, [one]), mode="apply")
        for one in rows
    ]

    assert [figures(job) for job in jobs] == [(1, 1, 0, 1, 0), (1, 1, 0, 0, 1)]


async def test_two_imports_of_the_same_software_at_once_take_it_once(desk: Desk) -> None:
    hospital, parts = await desk.hospital(), desk.node.parts
    store, importing = parts.console.desk.imports.store, OF[APPLICATIONS]
    file = read_file("application", "a.xlsx", xlsx(APPLICATIONS, application_rows(1)))
    assert isinstance(file, ReadFile)
    now = desk.node.clock.now()
    row = {
        **stored(file.rows[0].entry), "institution_id": hospital["id"], "ehcappid": None,
        "standing": "applied", "revision": 1, "created_at": now, "changed_at": now,
    }  # fmt: skip

    async def second() -> dict[tuple[str, ...], int]:
        async with parts.database.transaction() as connection:
            return await store.insert(connection, importing, [{**row, "app_id": "second"}])

    async with parts.database.transaction() as connection:
        taken = await store.insert(connection, importing, [{**row, "app_id": "first"}])
        other = asyncio.create_task(second())

        async def ends_or_waits() -> bool:
            waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
            return other.done() or bool(await desk.node.rows(waiting))

        await until_told(ends_or_waits)

    assert (len(taken), await other) == (1, {})


async def test_an_imported_terminal_is_known_to_the_gateway(desk: Desk) -> None:
    await desk.hospital()
    await imported(desk.province, "terminals", xlsx(TERMINALS, terminal_rows(1)))
    client = desk.node.client().acting_as(term_id="9901A0001STMB0002")

    async def admitted() -> bool:
        return (await client.call(VERIFY, verification("x"))).code == "2002"

    await until_told(admitted)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in KINDS for mode in sorted(OF[kind].modes - {Mode.CHECK})],
    ids=lambda one: one.name,
)
async def test_a_second_import_of_the_same_file_changes_nothing(
    desk: Desk, kind: Kind, mode: Mode
) -> None:
    await desk.hospital()
    data = csv_text(kind, ROWS_OF[kind](5)).encode("gb18030")
    first = await imported(desk.province, PATH_OF[kind], data, mode=mode, name="a.csv")
    before = await held(desk, kind)

    again = await imported(desk.province, PATH_OF[kind], data, mode=mode, name="a.csv")

    assert (figures(first), figures(again)) == ((5, 5, 5, 0, 0), (5, 5, 0, 5, 0))
    assert await held(desk, kind) == before


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_dry_run_tells_and_takes_nothing(desk: Desk, kind: Kind) -> None:
    await desk.hospital()
    rows = [*ROWS_OF[kind](3), {**ROWS_OF[kind](4)[3], "org_code": "x"}]
    before = await held(desk, kind)

    job = await imported(desk.province, PATH_OF[kind], xlsx(kind, rows), mode="check")

    assert figures(job) == (4, 4, 3, 0, 1)
    assert await held(desk, kind) == before


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
        ["3", "机构等级", "999", "不在字典org_level中"],
        ["4", "机构名称", "[formula]", "不得填写公式"],
    ]
    assert next(book["失败数据"].iter_rows(min_row=2, values_only=True))[-1] == (
        "机构等级：不在字典org_level中"
    )
    assert returned.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [(INSTITUTIONS, "org_name", "另一医院"), (TERMINALS, "purpose", "另一用途"),
     (MODULES, "address", "10.0.0.10"), (APPLICATIONS, "use_unit_phone", "19900000002")],
    ids=lambda one: getattr(one, "name", ""),
)  # fmt: skip
async def test_a_row_that_clashes_with_the_register_is_named(
    desk: Desk, kind: Kind, column: str, value: str
) -> None:
    await desk.hospital()
    [row] = ROWS_OF[kind](1)
    await imported(desk.province, PATH_OF[kind], xlsx(kind, [row]), mode="apply")
    data = xlsx(kind, [{**row, column: value}])

    job = await imported(desk.province, PATH_OF[kind], data, mode="apply")
    returned = await desk.province.get(f"/api/imports/{PATH_OF[kind]}/{job['id']}/failed")

    book = openpyxl.load_workbook(io.BytesIO(returned.content))
    [reason] = [list(line) for line in book["原因"].iter_rows(min_row=2, values_only=True)]
    assert figures(job) == (1, 1, 0, 0, 1)
    assert (reason[0], reason[3]) == ("2", "已登记且信息不一致，请在系统中变更")


async def test_a_file_that_is_refused_says_why_and_takes_nothing(desk: Desk) -> None:
    job = await imported(desk.province, "institutions", b"a\r\n1\r\n", name="a.csv")

    assert (job["state"], job["problem"]) == ("failed", "未知的列：a")


async def test_a_name_with_folders_and_line_breaks_is_kept_plain(desk: Desk) -> None:
    data = xlsx(INSTITUTIONS, institution_rows(1))

    job = await imported(desk.province, "institutions", data, name="..\\..\\etc/a\u2028.xlsx")

    assert (job["file_name"], job["state"]) == ("a.xlsx", "done")


@pytest.mark.parametrize("kind", [TERMINALS, APPLICATIONS], ids=lambda kind: kind.name)
async def test_an_operator_imports_for_the_own_institution_only(desk: Desk, kind: Kind) -> None:
    own = await desk.hospital()
    other = await desk.approved("institutions", org_code="99019903000000000A1003")
    operator = await desk.operator_of(own["id"])
    first, second = ROWS_OF[kind](2)
    rows = [first, {**second, "org_code": other["org_code"]}]
    at = f"/api/imports/{PATH_OF[kind]}"

    refused = await operator.post(at, files={"file": ("a.xlsx", b"")}, data={"mode": "approve"})
    job = await imported(operator, PATH_OF[kind], xlsx(kind, rows), mode="apply")
    by_another = await (await desk.operator_of(other["id"])).get(f"{at}/{job['id']}")

    denied = (refused.status_code, refused.json()["permission"])
    assert denied == (403, f"{PATH_OF[kind]}.decide")
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
    began, elsewhere, slowest = perf_counter(), others_had(), 0.0

    answer = await desk.province.post(
        "/api/imports/institutions", files={"file": ("a.xlsx", data)}, data={"mode": "approve"}
    )
    job = answer.json()
    while job["state"] not in {"done", "failed"}:
        asked = process_time()  # what this process did meanwhile; others do not count
        await client.call(VERIFY, verification("x"))
        slowest = max(slowest, process_time() - asked)
        job = (await desk.province.get(f"/api/imports/institutions/{job['id']}")).json()

    took = perf_counter() - began - max(0.0, others_had() - elsewhere)
    assert figures(job) == (10_000, 10_000, 10_000, 0, 0)
    assert (took < 60, slowest < 1) == (True, True), f"{took:.1f} s, slowest {slowest:.3f} s"
