"""An institution that ends its connection takes all that depends on it along, for good."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.support.client import VERIFY, GatewayClient
from tests.support.entries import TERMINAL, Desk, if_match
from tests.support.software import client_of, code_of, limits, settles

LET_IN: Final = "2002"
"""What a verification of nonsense is answered once the application is let in."""

NOBODY: Final = "1008"
"""What somebody is answered whose name belongs to nobody who may speak."""


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


@dataclass(frozen=True, slots=True)
class Hospital:
    """An institution with one of each that works, and two that nobody approved yet."""

    desk: Desk
    entry: dict[str, Any]
    app: dict[str, Any]
    terminal: dict[str, Any]
    module: dict[str, Any]
    waiting: dict[str, Any]

    @property
    def client(self) -> GatewayClient:
        """Its software at its terminal, with the secret that the approval gave."""
        return client_of(self.desk, self.app["credentials"], term_id=self.terminal["term_id"])

    async def shown(self, register: str, entry: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.desk.province.get(f"/api/{register}/{entry['id']}")).json())

    @property
    def all(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything that belongs to it, with its register."""
        return [
            ("applications", self.app), ("terminals", self.terminal), ("modules", self.module),
            ("terminals", self.waiting),
        ]  # fmt: skip

    async def standing(self, register: str, entry: dict[str, Any]) -> str:
        return str((await self.shown(register, entry))["standing"])

    async def ended(self) -> dict[str, Any]:
        return dict(await self.desk.done("institutions", self.entry, "exit"))

    async def back(self) -> dict[str, Any]:
        """Ended, applied for again, approved."""
        entry = await self.ended()
        for act in ("reapply", "approve"):
            entry = await self.desk.done("institutions", entry, act)
        return entry


@pytest.fixture
async def hospital(desk: Desk) -> Hospital:
    entry = await desk.hospital()
    app = await desk.approved("applications")
    terminal = await desk.approved("terminals")
    module = await desk.approved("modules", org_code=entry["org_code"])
    waiting = await desk.applied("terminals", serial_no="W-1")
    app |= await limits(desk, app, grants=[VERIFY])
    found = Hospital(desk, entry, app, terminal, module, waiting)
    await settles(found.client, LET_IN)
    return found


@pytest.mark.requirement("G2-B-5.1-15", "G1-6.4-7", "G1-9.4-9")
async def test_nothing_of_an_institution_comes_back_with_it(hospital: Hospital) -> None:
    await hospital.back()

    await settles(hospital.client, NOBODY)
    app = await hospital.shown("applications", hospital.app)
    assert [await hospital.standing(register, entry) for register, entry in hospital.all] == [
        "exited", "exited", "exited", "refused",
    ]  # fmt: skip
    assert (app["has_secret"], app["works"]) == (False, False)


async def test_what_an_earlier_version_left_behind_ends_when_the_institution_applies_again(
    hospital: Hospital,
) -> None:
    ended = await hospital.ended()
    await hospital.desk.node.parts.database.execute(
        "update terminals set standing = 'active' where terminal_id = $1", hospital.terminal["id"]
    )

    await hospital.desk.done("institutions", ended, "reapply")

    assert await hospital.standing("terminals", hospital.terminal) == "exited"


@pytest.mark.parametrize(
    ("place", "act"),
    [(place, act) for place in range(3) for act in ("approve", "resume", "restore", "reapply")],
)
async def test_no_act_revives_what_left_with_its_institution(
    hospital: Hospital, place: int, act: str
) -> None:
    await hospital.back()
    register, entry = hospital.all[place]

    answer = await hospital.desk.act(register, await hospital.shown(register, entry), act)

    # software, terminals and modules have no way back at all, so `reapply` is no route of theirs
    assert answer.status_code == (404 if act == "reapply" else 409)


@pytest.mark.requirement("G1-7.2-9", "G2-B-5.1-18")
async def test_after_the_return_a_new_approval_gives_a_new_number_and_secret(
    hospital: Hospital,
) -> None:
    desk = hospital.desk
    await hospital.back()

    app = await desk.approved("applications")
    terminal = await desk.approved("terminals")
    await limits(desk, app, grants=[VERIFY])
    client = client_of(desk, app["credentials"], term_id=terminal["term_id"])

    await settles(client, LET_IN)
    assert app["record_num"] != hospital.app["record_num"]
    assert terminal["term_id"] != hospital.terminal["term_id"]
    assert await code_of(hospital.client) == NOBODY


@pytest.mark.requirement("G1-9.4-3", "G1-10.2.2-5")
async def test_each_entry_that_left_tells_so_in_its_history_and_in_a_record(
    hospital: Hospital,
) -> None:
    await hospital.ended()

    told = []
    for register, entry in hospital.all:
        path = f"/api/{register}/{entry['id']}/history"
        last = (await hospital.desk.province.get(path)).json()[0]
        told.append((last["act"], last["reason"], last["after"]["with_institution"]))
    records = await hospital.desk.node.rows(
        "select action, object_ref, reason, result from audit_records"
        " where reason like '随机构%' order by action, object_ref"
    )

    reason, code = "随机构退出接入：测试", hospital.entry["org_code"]
    assert told == [
        (act, reason, code) for act in ("exit", "exit", "exit", "refuse")
    ]  # fmt: skip
    app, terminal, module = hospital.app, hospital.terminal, hospital.module
    assert [tuple(row.values()) for row in records] == [
        ("application.exit", f"{app['id']}:{app['record_num']}", reason, "ok"),
        ("module.exit", f"{module['id']}:{module['module_no']}", reason, "ok"),
        ("terminal.exit", f"{terminal['id']}:{terminal['term_id']}", reason, "ok"),
        ("terminal.refuse", f"{hospital.waiting['id']}:{code}", reason, "ok"),
    ]


@pytest.mark.requirement("G2-B-5.1-15")
async def test_an_entry_that_was_refused_is_not_applied_for_again_at_an_ended_institution(
    hospital: Hospital,
) -> None:
    await hospital.ended()
    refused = await hospital.shown("terminals", hospital.waiting)

    answer = await hospital.desk.province.put(
        f"/api/terminals/{refused['id']}", json={**TERMINAL, "serial_no": "W-1"},
        headers=if_match(refused["revision"]),
    )  # fmt: skip

    assert (answer.status_code, answer.json()["reason"]) == (409, "state_forbids")
    assert "所属机构" in answer.json()["detail"]


async def test_approvals_and_the_end_of_an_institution_at_once_leave_nothing_that_works(
    hospital: Hospital,
) -> None:
    desk = hospital.desk
    waiting = [await desk.applied("terminals", serial_no=f"W-{n}") for n in range(2, 12)]

    *answers, _ = await asyncio.gather(
        *[desk.act("terminals", entry, "approve") for entry in waiting], hospital.ended()
    )

    left = await desk.node.rows(
        "select count(*) as count from terminals where institution_id = $1"
        " and standing not in ('exited', 'refused')", hospital.entry["id"],
    )  # fmt: skip
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    assert left[0]["count"] == 0


@pytest.mark.requirement("G2-B-5.1-21")
async def test_software_that_leaves_loses_secrets_and_certificates(hospital: Hospital) -> None:
    desk, app = hospital.desk, hospital.app
    bound = await desk.province.put(
        f"/api/applications/{app['id']}/certificates",
        json={"certificates": ["ab" * 32], "needed": True}, headers=if_match(app["revision"]),
    )  # fmt: skip
    rotated = await desk.province.post(
        f"/api/applications/{app['id']}/secret", json={"overlap_hours": 24},
        headers=if_match(bound.json()["revision"]),
    )  # fmt: skip

    await desk.done("applications", rotated.json(), "exit")

    [kept] = await desk.node.rows(
        "select sealed_secret, sealed_previous, previous_until, client_certificates,"
        " certificate_needed from applications where application_id = $1", app["id"],
    )  # fmt: skip
    history = (await desk.province.get(f"/api/applications/{app['id']}/history")).json()
    assert list(kept.values()) == [None, None, None, [], False]
    assert history[0]["before"]["client_certificates"] == ["ab" * 32]
    await settles(hospital.client, NOBODY)


@pytest.mark.requirement("G2-B-5.1-14")
@pytest.mark.parametrize(
    ("register", "acts"),
    [("institutions", ["suspend"]), ("applications", ["suspend"]), ("terminals", [])],
)
async def test_off_the_black_list_an_entry_is_what_it_was_before(
    hospital: Hospital, register: str, acts: list[str]
) -> None:
    entry = {
        "institutions": hospital.entry, "applications": hospital.app,
        "terminals": hospital.terminal,
    }[register]  # fmt: skip
    before = entry
    for act in acts:
        before = await hospital.desk.done(register, before, act)

    listed = await hospital.desk.done(register, before, "blacklist")
    restored = await hospital.desk.done(register, listed, "restore")

    assert restored["standing"] == before["standing"]


@pytest.mark.requirement("G2-B-5.1-14")
async def test_the_black_list_of_an_institution_takes_no_secret_away(hospital: Hospital) -> None:
    listed = await hospital.desk.done("institutions", hospital.entry, "blacklist")
    await settles(hospital.client, "1010")

    await hospital.desk.done("institutions", listed, "restore")

    await settles(hospital.client, LET_IN)
