"""The four registers at the console: the way of an entry from application to exit."""

from typing import Any

import pytest

from openehc.people.permissions import Role
from tests.support.console import Console
from tests.support.entries import (
    APPLICATION,
    FORMS,
    INSTITUTION,
    TERMINAL,
    Desk,
    if_match,
)

REGISTERS = ("institutions", "terminals", "modules", "applications")


@pytest.fixture
async def database_is_fresh(database: Any) -> None:
    """The test's own database, thrown away afterwards."""
    del database


pytestmark = pytest.mark.usefixtures("database_is_fresh")


@pytest.mark.requirement("G1-6.3-4", "G2-B-5.1-8", "G2-B-5.1-9", "G2-B-5.1-11")
async def test_an_institution_is_shown_with_everything_that_was_entered(desk: Desk) -> None:
    applied = await desk.applied("institutions")

    answer = await desk.province.get(f"/api/institutions/{applied['id']}")

    shown = answer.json()
    assert {name: shown[name] for name in INSTITUTION} == INSTITUTION
    assert (shown["standing"], answer.headers["etag"]) == ("applied", '"1"')


@pytest.mark.requirement("G2-B-5.1-10")
async def test_an_approved_institution_is_active_since_that_day(desk: Desk) -> None:
    approved = await desk.hospital()

    assert (approved["standing"], approved["access_date"]) == ("active", "2026-03-02")


@pytest.mark.parametrize(
    ("register", "assigned"),
    [
        ("institutions", {"access_date": "2026-03-02", "owner_type": "B"}),
        ("terminals", {"access_date": "2026-03-02"}),
        ("modules", {"access_date": "2026-03-02", "owner_type": "A"}),
    ],
)
async def test_a_change_that_leaves_out_what_the_approval_filled_in_leaves_it(
    desk: Desk, register: str, assigned: dict[str, str]
) -> None:
    if register != "institutions":
        await desk.hospital()
    entry = await desk.approved(register)

    answer = await desk.province.put(
        f"/api/{register}/{entry['id']}", json=FORMS[register], headers=if_match(entry["revision"])
    )

    assert {name: answer.json()[name] for name in assigned} == assigned


@pytest.mark.requirement("G1-D.2-1", "G1-D.2-2", "G1-6.4-8", "G2-B-5.1-22", "G2-B-5.1-24")
async def test_an_approved_terminal_gets_the_next_number_of_its_owner(desk: Desk) -> None:
    await desk.hospital()

    first = await desk.approved("terminals")
    second = await desk.approved("terminals", serial_no="APOS20260002")

    # STMB0001 is the demo's
    assert [first["term_id"], second["term_id"]] == ["9901A0001STMB0002", "9901A0001STMB0003"]


@pytest.mark.requirement("G1-6.5-1", "G1-6.5-2", "G2-2.8-2", "G2-B-5.1-31")
async def test_an_approved_crypto_module_gets_a_crp_number(desk: Desk) -> None:
    module = await desk.approved("modules")

    assert module["module_no"] == "9901A0001CRPA0002"  # CRPA0001 is the demo's
    assert module["address"] == "10.0.0.9"


@pytest.mark.requirement(
    "G1-7.2-2", "G1-7.2-3", "G1-7.2-9", "G2-2.4-1", "G2-B-5.1-16", "G2-B-5.1-18"
)
async def test_approved_software_gets_number_date_and_credentials(desk: Desk) -> None:
    await desk.hospital()

    approved = await desk.approved("applications")

    assert approved["record_num"] == "9901A0001APPB0001"
    assert approved["record_time"] == "2026-03-02"
    assert approved["erhc_system_record_no"] == "9901A0001"
    assert approved["credentials"]["app_id"] == approved["app_id"]
    assert len(approved["credentials"]["app_secret"]) == 32


@pytest.mark.requirement("G1-7.2-2")
async def test_software_without_a_joint_test_is_not_approved(desk: Desk) -> None:
    await desk.hospital()
    applied = await desk.applied("applications")

    answer = await desk.act("applications", applied, "approve", joint_test_on=None)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "joint_test_on"


@pytest.mark.requirement("G1-7.2-10", "G2-2.4-1")
async def test_each_kind_of_software_counts_its_own_numbers(desk: Desk) -> None:
    await desk.hospital()

    kinds = [("101", "APP"), ("102", "APP"), ("201", "GZH"), ("301", "XCX"), ("202", "FWH")]
    numbers = [
        (await desk.approved("applications", app_channel=channel, app_package=None))["record_num"]
        for channel, _ in kinds
    ]

    assert [number[9:] for number in numbers] == [
        "APPB0001", "APPB0002", "GZHB0001", "XCXB0001", "FWHB0001",
    ]  # fmt: skip


async def test_a_secret_is_shown_by_the_act_that_made_it_and_never_again(desk: Desk) -> None:
    await desk.hospital()
    approved = await desk.approved("applications")
    secret = approved["credentials"]["app_secret"]

    at = f"/api/applications/{approved['id']}"
    texts = [(await desk.province.get(path)).text for path in (at, f"{at}/history")]
    records = await desk.node.rows("select before, after from audit_records")

    assert secret not in "".join(texts) + str(records)


@pytest.mark.parametrize("register", REGISTERS)
async def test_a_refused_entry_tells_why_and_can_be_corrected(desk: Desk, register: str) -> None:
    if register != "institutions":
        await desk.hospital()
    applied = await desk.applied(register)

    refused = await desk.done(register, applied, "refuse", reason="材料不全")
    history = (await desk.province.get(f"/api/{register}/{applied['id']}/history")).json()

    assert refused["standing"] == "refused"
    assert (history[0]["act"], history[0]["reason"]) == ("refuse", "材料不全")


@pytest.mark.requirement(
    "G1-6.3-3", "G1-6.4-6", "G2-B-5.1-12", "G2-B-5.1-20", "G1-6.5-1", "G1-7.2-3"
)
@pytest.mark.parametrize(
    ("register", "change"),
    [
        ("institutions", {"org_name": "示例市第二人民医院"}),
        ("terminals", {"term_name": "缴费自助终端"}),
        ("modules", {"address": "10.0.0.10"}),
        ("applications", {"app_name": "示例掌医"}),
    ],
)
async def test_a_change_is_kept_with_what_was_there_before(
    desk: Desk, register: str, change: dict[str, str]
) -> None:
    if register != "institutions":
        await desk.hospital()
    entry = await desk.approved(register)
    form = FORMS[register]

    changed = await desk.province.put(
        f"/api/{register}/{entry['id']}", json={**form, **change},
        headers=if_match(entry["revision"]),
    )  # fmt: skip
    history = (await desk.province.get(f"/api/{register}/{entry['id']}/history")).json()

    (name, value), before = next(iter(change.items())), history[0]["before"]
    assert changed.json()[name] == value
    assert (before[name], history[0]["after"][name]) == (form[name], value)
    assert (history[0]["act"], history[0]["act_name"], history[0]["actor_id"]) == (
        "change", "变更", "province",
    )  # fmt: skip


@pytest.mark.requirement("G1-6.3-3", "G2-B-5.1-14", "G2-B-5.1-15")
async def test_an_institution_goes_through_all_its_standings(desk: Desk) -> None:
    entry = await desk.hospital()

    seen = []
    for act in ("suspend", "resume", "blacklist", "restore", "exit", "reapply", "approve"):
        entry = await desk.done("institutions", entry, act)
        seen.append(entry["standing"])

    assert seen == [
        "suspended", "active", "blacklisted", "active", "exited", "applied", "active",
    ]  # fmt: skip


@pytest.mark.parametrize("register", ["terminals", "modules", "applications"])
async def test_what_is_black_listed_comes_back_only_by_a_restoration(
    desk: Desk, register: str
) -> None:
    await desk.hospital()
    entry = await desk.approved(register)

    listed = await desk.done(register, entry, "blacklist")
    resumed = await desk.act(register, listed, "resume")
    restored = await desk.done(register, listed, "restore")

    assert (listed["standing"], listed["works"]) == ("blacklisted", False)
    assert (resumed.status_code, resumed.json()["reason"]) == (409, "state_forbids")
    assert (restored["standing"], restored["works"]) == ("active", True)


@pytest.mark.requirement("G2-B-5.1-26", "G2-B-5.1-21")
@pytest.mark.parametrize("register", ["terminals", "modules", "applications"])
async def test_what_has_left_does_not_come_back(desk: Desk, register: str) -> None:
    await desk.hospital()
    gone = await desk.done(register, await desk.approved(register), "exit")

    again = await desk.act(register, gone, "resume")

    assert (again.status_code, again.json()["reason"]) == (409, "state_forbids")


async def test_a_terminal_of_an_institution_that_is_not_approved_waits(desk: Desk) -> None:
    await desk.applied("institutions")
    terminal = await desk.applied("terminals")

    answer = await desk.act("terminals", terminal, "approve")

    assert (answer.status_code, answer.json()["reason"]) == (409, "state_forbids")


async def test_the_same_institution_twice_is_refused(desk: Desk) -> None:
    await desk.applied("institutions")

    again = await desk.province.post("/api/institutions", json=INSTITUTION)

    assert (again.status_code, again.json()["reason"]) == (409, "record_exists")


@pytest.mark.parametrize("act", ["refuse", "suspend", "blacklist", "exit"])
async def test_an_act_against_somebody_needs_a_reason(desk: Desk, act: str) -> None:
    entry = await desk.applied("institutions")
    if act != "refuse":
        entry = await desk.done("institutions", entry, "approve")

    answer = await desk.act("institutions", entry, act, reason="  ")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 428), (if_match(7), 412), ({"If-Match": '"one"'}, 400), (if_match(1), 200)],
)
async def test_who_did_not_see_the_present_revision_changes_nothing(
    desk: Desk, headers: dict[str, str], status: int
) -> None:
    entry = await desk.applied("institutions")

    answer = await desk.province.put(
        f"/api/institutions/{entry['id']}", json=dict(INSTITUTION), headers=headers
    )

    assert answer.status_code == status


@pytest.mark.requirement("G1-9.4-3", "G1-9.4-4", "G1-10.2.2-5")
async def test_every_act_leaves_a_record_of_who_did_what(desk: Desk) -> None:
    entry = await desk.hospital()
    await desk.act("institutions", {**entry, "revision": 99}, "suspend")

    records = await desk.node.rows(
        "select action, actor_id, result, reason from audit_records order by at, ctid"
    )

    assert [(row["action"], row["result"]) for row in records] == [
        ("institution.apply", "ok"), ("institution.approve", "ok"),
        ("institution.suspend", "record_changed"),
    ]  # fmt: skip
    assert {row["actor_id"] for row in records} == {"province"}


async def test_contacts_are_masked_for_those_who_only_look(desk: Desk, console: Console) -> None:
    await desk.hospital()
    applied = await desk.applied("applications")
    auditor = await console.as_(Role.SECURITY_ADMIN)

    shown = (await auditor.get(f"/api/applications/{applied['id']}")).json()
    listed = (await desk.province.get("/api/applications")).json()["items"][0]

    assert shown["use_unit_phone"] == listed["use_unit_phone"] == "199****0001"
    assert (shown["use_unit_people"], shown["use_unit_mail"]) == ("甲*本", "a***@example.org")


@pytest.mark.requirement("G1-9.4-1", "G1-9.4-7")
async def test_an_operator_of_one_institution_sees_and_touches_only_its_own(desk: Desk) -> None:
    own = await desk.hospital()
    other = await desk.approved("institutions", org_code="99019903000000000A1003")
    foreign = await desk.approved("terminals", org_code=other["org_code"])
    operator = await desk.operator_of(own["id"])

    mine = await operator.post("/api/terminals", json={**TERMINAL, "serial_no": "OWN-1"})
    listed = (await operator.get("/api/terminals")).json()
    looked = await operator.get(f"/api/terminals/{foreign['id']}")
    touched = await operator.put(
        f"/api/terminals/{foreign['id']}", json=dict(TERMINAL), headers=if_match(2)
    )
    for_another = await operator.post(
        "/api/terminals", json={**TERMINAL, "org_code": other["org_code"], "serial_no": "X-1"}
    )

    assert mine.status_code == 201
    assert [item["serial_no"] for item in listed["items"]] == ["OWN-1"]
    assert (looked.status_code, touched.status_code) == (404, 404)
    assert (for_another.status_code, for_another.json()["reason"]) == (403, "out_of_scope")


async def test_an_operator_of_one_institution_cannot_approve(desk: Desk) -> None:
    own = await desk.hospital()
    operator = await desk.operator_of(own["id"])
    applied = await desk.applied("terminals")

    answer = await operator.post(
        f"/api/terminals/{applied['id']}/approve", json={}, headers=if_match(1)
    )

    assert (answer.status_code, answer.json()["permission"]) == (403, "terminals.decide")


@pytest.mark.requirement("G1-7.2-11", "G1-9.4-11")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app_version", "1"), ("app_version", "v1.2"), ("app_channel", "1"),
        ("app_channel", "999"), ("app_category", ["77"]), ("app_category", ["01", "01"]),
        ("use_unit_type", "G"), ("app_url", "javascript:alert(1)"), ("app_package", "no package"),
        ("use_unit_mail", "a@b"), ("app_name", "名" * 51), ("app_name", "a\x00b"),
        ("release_channel", ["1"]), ("app_name", " 名"),
    ],
)  # fmt: skip
async def test_a_wrong_value_is_named(desk: Desk, field: str, value: Any) -> None:
    await desk.hospital()

    answer = await desk.province.post("/api/applications", json={**APPLICATION, field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


@pytest.mark.requirement("G1-9.4-8")
@pytest.mark.parametrize("path", ["..%2f..%2fetc", "1;2", "0", "-1", "99999999999", "1%00"])
async def test_a_path_that_is_no_id_is_refused(desk: Desk, path: str) -> None:
    answer = await desk.province.get(f"/api/institutions/{path}")

    assert answer.status_code in {404, 422}


async def test_a_line_break_in_a_header_changes_no_answer(desk: Desk) -> None:
    entry = await desk.applied("institutions")

    answer = await desk.province.post(
        f"/api/institutions/{entry['id']}/approve", json={},
        headers={"If-Match": '"1" Set-Cookie: a=b'},
    )  # fmt: skip

    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("reason", ["a\x00b", "\x1b[31m", "a\u202eb", "x" * 201])
async def test_a_reason_that_could_not_be_kept_is_refused(desk: Desk, reason: str) -> None:
    entry = await desk.hospital()

    answer = await desk.act("institutions", entry, "suspend", reason=reason)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "reason"
