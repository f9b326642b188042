"""How each route about people is called so that it succeeds, and what its record says."""

from collections.abc import Mapping
from typing import Any, Final

from openehc.people.permissions import Role
from tests.support.people import PASSWORD
from tests.support.stage import GATEWAY, REASON, Call, Row, Stage, Tells, gateway_header

_ADMIN, _SECURITY = Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN
_OPERATOR: Final = Role.PROVINCE_OPERATOR


async def _sign_in(stage: Stage) -> Call:
    login = (await stage.people.user(_OPERATOR)).user.login
    form = {"login": login, "password": PASSWORD}
    return Call(await stage.people.client(), login, "/session", login, {"json": form})


async def _sign_in_with_certificate(stage: Stage) -> Call:
    user, holder = (await stage.people.user(_ADMIN)).user, stage.holder()
    await stage.bind(user.user_id, holder)
    client = await stage.people.client()
    told = (await client.post("/api/session/challenge", json={"random1": "00" * 16})).json()
    form = {
        "random2": told["random2"], "certificate": holder.certificate.pem(),
        "signature": holder.key.sign(bytes.fromhex(told["random2"])).hex(),
    }  # fmt: skip
    return Call(client, user.login, "/session/certificate", user.login, {"json": form})


async def _sign_in_behind_gateway(stage: Stage) -> Call:
    login = (await stage.people.user(_ADMIN)).user.login
    client = await stage.people.client(address=GATEWAY)
    headers = {"X-EHC-Gateway": gateway_header(stage, login)}
    return Call(client, login, "/session/gateway", login, {"headers": headers})


async def _sign_out(stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path="/session")


async def _prove(stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path="/session/proof", json={"password": PASSWORD})


async def _change_password(stage: Stage) -> Call:
    form = {"old_password": PASSWORD, "new_password": "Invented-Pass-2"}
    return await stage.call(_OPERATOR, path="/session/password", json=form)


async def _offer_totp(stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path="/session/totp")


async def _enrol_totp(stage: Stage) -> Call:
    call = await _offer_totp(stage)
    offer = (await call.client.post("/api/session/totp")).json()
    call.sent["json"] = {"code": stage.people.code(offer["secret"])}
    return call


async def _make_user(stage: Stage) -> Call:
    login = f"made{stage.number()}"
    form = {"login": login, "display_name": "新来者"}
    return await stage.call(_ADMIN, path="/users", about=login, json=form)


async def _on_user(stage: Stage, by: Role, path: str, **form: Any) -> Call:
    """A call about a user who works at the platform."""
    user = (await stage.people.user(_OPERATOR)).user
    return await stage.call(
        by, path=f"/users/{user.user_id}{path}", about=user.login,
        json={"revision": user.revision, **form},
    )  # fmt: skip


async def _rename(stage: Stage) -> Call:
    return await _on_user(stage, _ADMIN, "", display_name="新名字")


async def _disable(stage: Stage) -> Call:
    return await _on_user(stage, _ADMIN, "/disable", reason=REASON)


async def _enable(stage: Stage) -> Call:
    return await _on_user(stage, _ADMIN, "/enable")


async def _assign_roles(stage: Stage) -> Call:
    return await _on_user(stage, _SECURITY, "/roles", roles=["province_operator"], reason=REASON)


async def _reset(stage: Stage) -> Call:
    call = await _on_user(stage, _ADMIN, "/reset")
    del call.sent["json"]
    return call


async def _bind_certificate(stage: Stage) -> Call:
    pem = stage.holder().certificate.pem()
    return await _on_user(stage, _ADMIN, "/certificate", certificate=pem)


async def _change_policy(stage: Stage) -> Call:
    call = await stage.call(_SECURITY, path="/policy", about="sign-in")
    policy = (await call.client.get("/api/policy")).json()
    call.sent["json"] = {**policy, "reminder_days": policy["reminder_days"] + 1}
    return call


async def _end_session(stage: Stage) -> Call:
    other = await stage.people.opened(await stage.people.user(_OPERATOR))
    number = other.session.session_id
    return await stage.call(_ADMIN, path=f"/sessions/{number}", about=str(number))


async def _ask(stage: Stage) -> Call:
    entry = await stage.hospital()
    wish = {"id": entry["id"], "revision": entry["revision"], "reason": REASON}
    form = {"kind": "institutions.exit", "parameters": wish, "reason": REASON}
    return await stage.call(_OPERATOR, path="/approvals", json=form)


async def _asked(stage: Stage) -> tuple[Call, int]:
    """Somebody who asked, and the number of the request."""
    call = await _ask(stage)
    answer = await call.client.post("/api/approvals", json=call.sent.pop("json"))
    return call, int(answer.json()["approval_id"])


async def _withdraw(stage: Stage) -> Call:
    asker, number = await _asked(stage)
    return Call(asker.client, asker.login, f"/approvals/{number}", str(number))


async def _decide(stage: Stage, what: str) -> Call:
    _, number = await _asked(stage)
    return await stage.call(
        _OPERATOR, path=f"/approvals/{number}/{what}", about=str(number), json={"reason": REASON}
    )


async def _approve(stage: Stage) -> Call:
    return await _decide(stage, "approve")


async def _refuse(stage: Stage) -> Call:
    return await _decide(stage, "refuse")


ROWS: Final[Mapping[str, Row]] = {
    "POST /api/session": Row("session.open", "user", _sign_in, Tells.AFTER),
    "POST /api/session/certificate": Row(
        "session.open", "user", _sign_in_with_certificate, Tells.AFTER
    ),
    "POST /api/session/gateway": Row("session.open", "user", _sign_in_behind_gateway, Tells.AFTER),
    "DELETE /api/session": Row("session.end", "session", _sign_out, Tells.AFTER),
    "POST /api/session/proof": Row("session.prove", "session", _prove, Tells.NEITHER),
    "PUT /api/session/password": Row("user.change-password", "user", _change_password, Tells.AFTER),
    "POST /api/session/totp": Row("user.offer-totp", "user", _offer_totp, Tells.NEITHER),
    "PUT /api/session/totp": Row("user.enrol-totp", "user", _enrol_totp, Tells.AFTER),
    "POST /api/users": Row("user.make", "user", _make_user, Tells.AFTER),
    "PUT /api/users/{user_id}": Row("user.rename", "user", _rename),
    "POST /api/users/{user_id}/disable": Row("user.disable", "user", _disable),
    "POST /api/users/{user_id}/enable": Row("user.enable", "user", _enable),
    "PUT /api/users/{user_id}/roles": Row("user.assign-roles", "user", _assign_roles),
    "POST /api/users/{user_id}/reset": Row("user.reset", "user", _reset, Tells.AFTER),
    "PUT /api/users/{user_id}/certificate": Row("user.bind-certificate", "user", _bind_certificate),
    "PUT /api/policy": Row("policy.change", "policy", _change_policy),
    "DELETE /api/sessions/{session_id}": Row("session.end", "session", _end_session, Tells.AFTER),
    "POST /api/approvals": Row("approval.ask", "approval", _ask, Tells.AFTER),
    "DELETE /api/approvals/{approval_id}": Row("approval.withdraw", "approval", _withdraw),
    "POST /api/approvals/{approval_id}/approve": Row("approval.decide", "approval", _approve),
    "POST /api/approvals/{approval_id}/refuse": Row("approval.decide", "approval", _refuse),
}
"""Secrets are in no record, so what changes of them is told by NEITHER value or AFTER alone."""
