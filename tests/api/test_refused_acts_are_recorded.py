"""What somebody tried and was refused leaves a record with the reason, not only what was done."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from openehc.people.permissions import Role
from tests.support.certificates import Issuer
from tests.support.entries import if_match
from tests.support.stage import REASON, Call, Prepare, Stage

_ADMIN, _SECURITY = Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN


async def _about_oneself(stage: Stage, role: Role, path: str, **form: Any) -> Call:
    account = await stage.people.user(role)
    user, client = account.user, await stage.people.session(account)
    sent = {"json": {"revision": user.revision, "reason": REASON, **form}}
    return Call(client, user.login, f"/users/{user.user_id}{path}", str(user.user_id), sent)


async def _gives_oneself_roles(stage: Stage) -> Call:
    return await _about_oneself(stage, _SECURITY, "/roles", roles=["province_operator"])


async def _disables_oneself(stage: Stage) -> Call:
    return await _about_oneself(stage, _ADMIN, "/disable")


async def _resets_an_administrator(stage: Stage) -> Call:
    other = (await stage.people.user(_SECURITY)).user
    return await stage.call(_ADMIN, path=f"/users/{other.user_id}/reset", about=other.login)


async def _binds_a_strange_certificate(stage: Stage) -> Call:
    pem = Issuer(stage.people.node.clock.now(), name="Nobody").holder("SF-1").certificate.pem()
    user = (await stage.people.user(_SECURITY)).user
    form = {"revision": user.revision, "certificate": pem}
    number = str(user.user_id)
    return await stage.call(_ADMIN, path=f"/users/{number}/certificate", about=number, json=form)


async def _asks_for_what_is_not_theirs(stage: Stage) -> Call:
    form = {"kind": "residents.merge", "parameters": {}, "reason": REASON}
    return await stage.call(_SECURITY, path="/approvals", json=form)


async def _proves_wrongly(stage: Stage) -> Call:
    return await stage.call(_ADMIN, path="/session/proof", json={"password": "Wrong-Pass-1"})


async def _changes_what_was_changed_meanwhile(stage: Stage) -> Call:
    card = await stage.card()
    return await stage.call(
        Role.PROVINCE_OPERATOR, path=f"/residents/{card}/tags", about=card, json={"tags": []},
        headers=if_match(7),
    )  # fmt: skip


TRIES: Final[Mapping[str, tuple[str, str, str, Prepare]]] = {
    "roles for oneself": ("PUT", "user.assign-roles", "state_forbids", _gives_oneself_roles),
    "disabling oneself": ("POST", "user.disable", "state_forbids", _disables_oneself),
    "an administrator's reset": ("POST", "user.reset", "state_forbids", _resets_an_administrator),
    "a strange certificate": (
        "PUT", "user.bind-certificate", "input_wrong", _binds_a_strange_certificate),
    "another's approval": ("POST", "approval.ask", "out_of_scope", _asks_for_what_is_not_theirs),
    "a wrong proof": ("POST", "session.prove", "input_wrong", _proves_wrongly),
    "an old revision": (
        "PUT", "residents.tags", "record_changed", _changes_what_was_changed_meanwhile),
}  # fmt: skip


@pytest.mark.requirement("G1-9.4-4", "G2-B-5.3-20")
@pytest.mark.parametrize("what", TRIES)
async def test_a_refused_act_is_recorded_with_its_reason(stage: Stage, what: str) -> None:
    method, action, result, prepare = TRIES[what]
    call = await prepare(stage)

    answer = await call.made(method)

    assert answer.is_client_error
    [record] = [one for one in await stage.people.records(action) if one["actor_id"] == call.login]
    assert record["result"] == result
    assert record["object_ref"].startswith(call.about)
