"""Whoever tries to get around a stop is refused, and told which stop it is."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from openehc.access.kinds import INSTITUTIONS, MODULES, TERMINALS, Kind
from tests.support.entries import (
    APPLICATION,
    FORMS,
    INSTITUTION,
    MODULE,
    ORG_CODE,
    TERMINAL,
    Desk,
    if_match,
)
from tests.support.full_width import full_width
from tests.support.imports import figures, imported
from tests.support.workbooks import csv_text

OTHER: Final = "99019903000000000A1003"


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


async def refusal(desk: Desk, register: str, **changes: Any) -> str:
    """What somebody is told whose entry is not taken; of a fault, its field and text."""
    answer = await desk.province.post(f"/api/{register}", json={**FORMS[register], **changes})
    return told(answer.status_code, answer.json())


def told(status: int, problem: dict[str, Any]) -> str:
    if status == 422:
        return "；".join(f"{fault['field']}: {fault['message']}" for fault in problem["errors"])
    assert status == 409, problem
    return str(problem["detail"])


# ---------------------------------------------------------------- around the black list


@pytest.mark.requirement("G2-B-5.1-14")
@pytest.mark.parametrize("changes", [{}, {"org_name": "改名医院"}], ids=["same", "other name"])
async def test_a_black_listed_institution_does_not_apply_again(
    desk: Desk, changes: dict[str, str]
) -> None:
    await desk.done("institutions", await desk.hospital(), "blacklist")

    assert await refusal(desk, "institutions", **changes) == "该机构在黑名单中，移出之前不能登记"


@pytest.mark.parametrize(
    "code", [ORG_CODE.lower(), full_width(ORG_CODE), f" {ORG_CODE}", f"{ORG_CODE}\u200b"]
)
async def test_a_code_written_otherwise_is_no_other_code(desk: Desk, code: str) -> None:
    await desk.done("institutions", await desk.hospital(), "blacklist")

    assert (await refusal(desk, "institutions", org_code=code)).startswith("org_code: ")


async def test_an_active_institution_does_not_take_the_code_of_a_black_listed_one(
    desk: Desk,
) -> None:
    hospital = await desk.hospital()
    other = await desk.approved("institutions", org_code=OTHER)
    await desk.done("institutions", other, "blacklist")

    answer = await desk.province.put(
        f"/api/institutions/{hospital['id']}", json={**INSTITUTION, "org_code": OTHER},
        headers=if_match(hospital["revision"]),
    )  # fmt: skip

    assert told(answer.status_code, answer.json()) == "该机构在黑名单中，移出之前不能登记"


@pytest.mark.parametrize(
    ("register", "maker", "title"),
    [("terminals", "developer", "识读终端"), ("modules", "manufacturer", "密码模块")],
)
@pytest.mark.parametrize("way", ["same", "case", "blank in the maker", "wide maker", "other place"])
async def test_a_black_listed_device_is_known_however_it_is_written(
    desk: Desk, register: str, maker: str, title: str, way: str
) -> None:
    await desk.hospital()
    await desk.approved("institutions", org_code=OTHER)
    form = {**FORMS[register], maker: "示例Device有限公司"}
    entry = await desk.approved(register, **form)
    await desk.done(register, entry, "blacklist")

    written = {
        "same": {}, "case": {"serial_no": form["serial_no"].lower(), maker: "示例DEVICE有限公司"},
        "blank in the maker": {maker: "示例 Device 有限公司"},
        "wide maker": {maker: "示例Ｄｅｖｉｃｅ有限公司"}, "other place": {"org_code": OTHER},
    }[way]  # fmt: skip

    assert await refusal(desk, register, **{**form, **written}) == (
        f"该{title}在黑名单中，移出之前不能登记"
    )


@pytest.mark.parametrize("register", ["terminals", "modules"])
@pytest.mark.parametrize(
    "serial", [full_width("APOS1"), "APOS 1", "APOS\u00a01", "\u0410POS1", "编号1"]
)
async def test_a_serial_number_holds_no_look_alikes(desk: Desk, register: str, serial: str) -> None:
    await desk.hospital()

    assert (await refusal(desk, register, serial_no=serial)).startswith("serial_no: ")


@pytest.mark.requirement("G2-B-5.1-21")
@pytest.mark.parametrize(
    "changes", [{"app_package": "com.example.other"}, {"app_name": "另一个名称"}],
    ids=["same name", "same package"],
)  # fmt: skip
async def test_black_listed_software_is_not_handed_in_again(
    desk: Desk, changes: dict[str, str]
) -> None:
    await desk.hospital()
    await desk.done("applications", await desk.approved("applications"), "blacklist")

    assert await refusal(desk, "applications", **changes) == (
        "该客户端应用软件在黑名单中，移出之前不能登记"
    )


async def test_software_does_not_take_the_name_of_a_black_listed_one(desk: Desk) -> None:
    await desk.hospital()
    await desk.done("applications", await desk.approved("applications"), "blacklist")
    changed = {"app_name": "另一个名称", "app_package": "com.example.other"}
    other = await desk.approved("applications", **changed)

    answer = await desk.province.put(
        f"/api/applications/{other['id']}", json=dict(APPLICATION),
        headers=if_match(other["revision"]),
    )  # fmt: skip

    assert "黑名单" in told(answer.status_code, answer.json())


async def test_a_refused_terminal_is_not_applied_for_again_once_the_device_is_black_listed(
    desk: Desk,
) -> None:
    await desk.hospital()
    refused = await desk.done("terminals", await desk.applied("terminals"), "refuse")
    await desk.done("terminals", await desk.approved("terminals"), "blacklist")

    answer = await desk.province.put(
        f"/api/terminals/{refused['id']}", json=dict(TERMINAL),
        headers=if_match(refused["revision"]),
    )  # fmt: skip

    assert told(answer.status_code, answer.json()) == "该识读终端在黑名单中，移出之前不能登记"


# ---------------------------------------------------------------- around an ending


@pytest.mark.parametrize(
    ("acts", "reason"),
    [(["approve", "exit"], "该机构已退出接入，请在原登记上重新申请"),
     (["refuse"], "该机构的申请未通过，请在原登记上变更或重新申请"),
     (["approve"], "已有相同的登记")],
    ids=["left", "refused", "active"],
)  # fmt: skip
async def test_an_institution_that_is_known_is_told_where_it_stands(
    desk: Desk, acts: list[str], reason: str
) -> None:
    entry = await desk.applied("institutions")
    for act in acts:
        entry = await desk.done("institutions", entry, act)

    assert await refusal(desk, "institutions") == reason


@pytest.mark.parametrize(
    ("act", "reason"), [("blacklist", "所属机构已列入黑名单"), ("exit", "所属机构已退出接入")]
)
async def test_nothing_is_applied_for_at_an_institution_that_was_stopped(
    desk: Desk, act: str, reason: str
) -> None:
    await desk.done("institutions", await desk.hospital(), act)

    assert await refusal(desk, "terminals") == f"org_code: {reason}"


async def test_a_refused_entry_does_not_move_to_another_institution(desk: Desk) -> None:
    await desk.hospital()
    await desk.approved("institutions", org_code=OTHER)
    refused = await desk.done("terminals", await desk.applied("terminals"), "refuse")

    answer = await desk.province.put(
        f"/api/terminals/{refused['id']}", json={**TERMINAL, "org_code": OTHER},
        headers=if_match(refused["revision"]),
    )  # fmt: skip

    assert told(answer.status_code, answer.json()).startswith("org_code: 所属机构不可变更")


@pytest.mark.parametrize("act", ["suspend", "exit", "blacklist", "resume", "restore", "approve"])
async def test_software_that_left_is_not_acted_on(desk: Desk, act: str) -> None:
    await desk.hospital()
    gone = await desk.done("applications", await desk.approved("applications"), "exit")

    answer = await desk.act("applications", gone, act)

    assert told(answer.status_code, answer.json()) == "当前状态为“已退出接入”，不能进行此操作"


async def test_what_is_suspended_is_not_suspended_again_but_can_leave(desk: Desk) -> None:
    await desk.hospital()
    stopped = await desk.done("applications", await desk.approved("applications"), "suspend")

    again = await desk.act("applications", stopped, "suspend")
    left = await desk.done("applications", stopped, "exit")

    assert told(again.status_code, again.json()) == "当前状态为“已停用”，不能进行此操作"
    assert left["standing"] == "exited"


async def test_a_finding_that_is_closed_after_the_exit_brings_nothing_back(desk: Desk) -> None:
    await desk.hospital()
    app = await desk.approved("applications")
    finding = await desk.step(await desk.finding(app, "not_listed"), "suspend")
    held = (await desk.province.get(f"/api/applications/{app['id']}")).json()
    resumed = await desk.act("applications", held, "resume")
    await desk.done("applications", held, "exit")

    await desk.step(finding, "dismiss")

    after = (await desk.province.get(f"/api/applications/{app['id']}")).json()
    assert told(resumed.status_code, resumed.json()) == "尚有未整改完成的违规，请先办结"
    assert after["standing"] == "exited"


# ---------------------------------------------------------------- numbers


@pytest.mark.requirement("G1-D.2-1")
@pytest.mark.parametrize(
    ("register", "form", "field"),
    [("applications", APPLICATION, "use_unit_type"), ("modules", MODULE, "owner_type")],
)
async def test_what_a_number_says_does_not_change(
    desk: Desk, register: str, form: dict[str, Any], field: str
) -> None:
    await desk.hospital()
    entry = await desk.approved(register)

    answer = await desk.province.put(
        f"/api/{register}/{entry['id']}", json={**form, field: "C"},
        headers=if_match(entry["revision"]),
    )  # fmt: skip

    assert told(answer.status_code, answer.json()).startswith(f"{field}: 登记编号含此类别")


async def test_a_file_cannot_bring_numbers_of_its_own(desk: Desk) -> None:
    await desk.hospital()
    heading, line = csv_text(TERMINALS, [TERMINAL]).splitlines()
    file = f"{heading},终端编号\n{line},1101A0001STMB0001\n"

    job = await imported(desk.province, "terminals", file, name="a.csv")

    assert (job["state"], job["problem"]) == ("failed", "未知的列：终端编号")


# ---------------------------------------------------------------- by import


@pytest.mark.parametrize(
    ("kind", "act", "changes"),
    [
        (INSTITUTIONS, "blacklist", {}), (INSTITUTIONS, "blacklist", {"org_name": "改名医院"}),
        (INSTITUTIONS, "exit", {}), (TERMINALS, "blacklist", {}),
        (TERMINALS, "blacklist", {"serial_no": TERMINAL["serial_no"].lower()}),
        (MODULES, "blacklist", {"serial_no": MODULE["serial_no"].lower()}),
    ],
)  # fmt: skip
async def test_an_import_is_no_way_around_a_stop(
    desk: Desk, kind: Kind, act: str, changes: dict[str, str]
) -> None:
    register = {INSTITUTIONS: "institutions", TERMINALS: "terminals", MODULES: "modules"}[kind]
    entry = await desk.hospital()
    if kind is not INSTITUTIONS:
        entry = await desk.approved(register)
    await desk.done(register, entry, act)

    job = await imported(
        desk.province, register, csv_text(kind, [{**FORMS[register], **changes}]), name="a.csv"
    )

    assert figures(job) == (1, 1, 0, 0, 1)


async def test_one_device_written_twice_is_one_row_of_a_file(desk: Desk) -> None:
    await desk.hospital()
    rows = [TERMINAL, {**TERMINAL, "serial_no": TERMINAL["serial_no"].lower()}]

    job = await imported(desk.province, "terminals", csv_text(TERMINALS, rows), name="a.csv")

    assert figures(job) == (2, 2, 1, 0, 1)
