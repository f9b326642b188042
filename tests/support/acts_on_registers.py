"""How each route about registers, findings and imports is called, and what its record says."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from openehc.access.findings import Step
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, KINDS, Kind
from openehc.access.rules import Act
from openehc.console.api.registers import PATH_OF
from openehc.people.permissions import Role
from tests.support.entries import FORMS, if_match
from tests.support.stage import REASON, Call, Row, Stage, Tells
from tests.support.workbooks import ROWS_OF, xlsx

_OPERATOR: Final = Role.PROVINCE_OPERATOR
_SERIAL: Final = {"terminals": "serial_no", "modules": "serial_no", "applications": "app_name"}

BEFORE: Final[Mapping[Act, tuple[str, ...]]] = {
    Act.APPROVE: (), Act.REFUSE: (), Act.SUSPEND: ("approve",), Act.BLACKLIST: ("approve",),
    Act.EXIT: ("approve",), Act.RESUME: ("approve", "suspend"),
    Act.RESTORE: ("approve", "blacklist"), Act.REAPPLY: ("refuse",),
}  # fmt: skip
"""What has to be done to an entry before an act can be."""


async def _form(stage: Stage, kind: Kind) -> dict[str, Any]:
    """A form that can be handed in."""
    register = PATH_OF[kind]
    form = dict(FORMS[register])
    if kind is INSTITUTIONS:
        return {**form, "org_code": stage.org_code()}
    form[_SERIAL[register]] = f"X{stage.number()}"
    return {**form, "org_code": (await stage.hospital())["org_code"]}


async def _entry(stage: Stage, kind: Kind, *acts: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An entry after these acts, and the form that was handed in for it."""
    form = await _form(stage, kind)
    entry = await stage.desk.applied(PATH_OF[kind], **form)
    for act in acts:
        entry = await stage.desk.done(PATH_OF[kind], entry, act)
    return form, entry


async def _on(stage: Stage, kind: Kind, entry: Mapping[str, Any], path: str, form: Any) -> Call:
    """A call about the entry as it was last seen."""
    return await stage.call(
        _OPERATOR, path=f"/{PATH_OF[kind]}/{entry['id']}{path}", about=f"{entry['id']}:",
        json=form, headers=if_match(entry["revision"]),
    )  # fmt: skip


async def _apply(kind: Kind, stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path=f"/{PATH_OF[kind]}", json=await _form(stage, kind))


async def _change(kind: Kind, stage: Stage) -> Call:
    form, entry = await _entry(stage, kind)
    return await _on(stage, kind, entry, "", {**form, kind.label: "新名称"})


async def _act(kind: Kind, act: Act, stage: Stage) -> Call:
    _, entry = await _entry(stage, kind, *BEFORE[act])
    form = {"reason": REASON}
    if (kind, act) == (APPLICATIONS, Act.APPROVE):
        form["joint_test_on"] = "2026-03-01"
    return await _on(stage, kind, entry, f"/{act.value}", form)


def _rows_of_register(kind: Kind) -> dict[str, Row]:
    at, name = f"/api/{PATH_OF[kind]}", kind.name
    rows = {
        f"POST {at}": Row(f"{name}.apply", name, partial(_apply, kind), Tells.AFTER),
        f"PUT {at}/{{record_id}}": Row(f"{name}.change", name, partial(_change, kind)),
    }
    for act in kind.acts & set(BEFORE):
        row = Row(f"{name}.{act.value}", name, partial(_act, kind, act))
        if act in kind.by_two:  # alone nobody does it; /api/approvals does, with the same record
            row = Row(row.action, name, row.prepare, Tells.NEITHER, "approval_needed", 403)
        rows[f"POST {at}/{{record_id}}/{act.value}"] = row
    return rows


# ---------------------------------------------------------------- client software


async def _secret(what: str, stage: Stage) -> Call:
    _, entry = await _entry(stage, APPLICATIONS, "approve")
    return await _on(stage, APPLICATIONS, entry, what, {"reason": REASON})


async def _limit(stage: Stage) -> Call:
    _, entry = await _entry(stage, APPLICATIONS)
    return await _on(stage, APPLICATIONS, entry, "/limits", {"grants": [], "rate_limit": 5})


async def _bind(stage: Stage) -> Call:
    _, entry = await _entry(stage, APPLICATIONS, "approve")
    form = {"certificates": ["ab" * 32], "needed": True, "reason": REASON}
    return await _on(stage, APPLICATIONS, entry, "/certificates", form)


async def _accept_report(stage: Stage) -> Call:
    form, entry = await _entry(stage, APPLICATIONS, "approve")
    changed = await stage.desk.province.put(
        f"/api/applications/{entry['id']}", json={**form, "app_version": "3.0"},
        headers=if_match(entry["revision"]),
    )  # fmt: skip
    return await _on(stage, APPLICATIONS, changed.json(), "/accept_report", {"reason": REASON})


async def _observe(stage: Stage) -> Call:
    _, entry = await _entry(stage, APPLICATIONS)
    return await _on(stage, APPLICATIONS, entry, "/observed_version", {"version": "1.2.7"})


async def _check_number(stage: Stage) -> Call:
    form = {**await _form(stage, APPLICATIONS), "app_channel": "301", "app_package": None}
    entry = await stage.desk.applied("applications", **form)
    return await _on(stage, APPLICATIONS, entry, "/check_number", None)


_OF_SOFTWARE: Final = {
    "POST /api/applications/{record_id}/secret": Row(
        "application.rotate_secret", "application", partial(_secret, "/secret")
    ),
    "DELETE /api/applications/{record_id}/secret": Row(
        "application.revoke_secret", "application", partial(_secret, "/secret")
    ),
    "DELETE /api/applications/{record_id}/secret/previous": Row(
        "application.end_overlap", "application", partial(_secret, "/secret/previous")
    ),
    "PUT /api/applications/{record_id}/limits": Row("application.limit", "application", _limit),
    "PUT /api/applications/{record_id}/certificates": Row(
        "application.bind_certificates", "application", _bind
    ),
    "POST /api/applications/{record_id}/accept_report": Row(
        "application.accept_report", "application", _accept_report
    ),
    "POST /api/applications/{record_id}/observed_version": Row(
        "application.observe_version", "application", _observe, Tells.AFTER
    ),
    "POST /api/applications/{record_id}/check_number": Row(
        "application.check_number", "application", _check_number, Tells.AFTER
    ),
}

# ---------------------------------------------------------------- what is watched, and files

STEPS_BEFORE: Final[Mapping[Step, tuple[Step, ...]]] = {
    Step.NOTIFY: (), Step.SUSPEND: (), Step.DISMISS: (), Step.CORRECT: (Step.SUSPEND,),
    Step.REOPEN: (Step.SUSPEND, Step.CORRECT), Step.CLOSE: (Step.SUSPEND, Step.CORRECT),
}  # fmt: skip


async def _seen(stage: Stage) -> dict[str, Any]:
    """What somebody saw of registered software."""
    _, entry = await _entry(stage, APPLICATIONS, "approve")
    return {
        "application_id": entry["id"], "subject": entry["app_name"], "situation": "incomplete",
        "evidence": "在应用市场中看到",
    }  # fmt: skip


async def _record_finding(stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path="/findings", json=await _seen(stage))


async def _step(step: Step, stage: Stage) -> Call:
    desk = stage.desk.province
    finding = (await desk.post("/api/findings", json=await _seen(stage))).json()
    for taken in STEPS_BEFORE[step]:
        finding = (
            await desk.post(
                f"/api/findings/{finding['id']}/{taken.value}", json={"reason": REASON},
                headers=if_match(finding["revision"]),
            )
        ).json()  # fmt: skip
    return await stage.call(
        _OPERATOR, path=f"/findings/{finding['id']}/{step.value}", about=str(finding["id"]),
        json={"reason": REASON}, headers=if_match(finding["revision"]),
    )  # fmt: skip


async def _sweep(stage: Stage) -> Call:
    return await stage.call(_OPERATOR, path="/findings/sweep")


async def _import(kind: Kind, stage: Stage) -> Call:
    """A dry run: what is taken in leaves a record for each batch besides."""
    return await stage.call(
        _OPERATOR, path=f"/imports/{PATH_OF[kind]}", data={"mode": "check"},
        files={"file": ("a.xlsx", xlsx(kind, ROWS_OF[kind](1)))},
    )  # fmt: skip


ROWS: Final[Mapping[str, Row]] = {
    **{route: row for kind in KINDS for route, row in _rows_of_register(kind).items()},
    **_OF_SOFTWARE,
    "POST /api/findings": Row("finding.record", "finding", _record_finding, Tells.AFTER),
    "POST /api/findings/sweep": Row("finding.sweep", "day", _sweep, Tells.AFTER),
    **{
        f"POST /api/findings/{{finding_id}}/{step.value}": Row(
            f"finding.{step.value}", "finding", partial(_step, step)
        )
        for step in STEPS_BEFORE
    },
    **{
        f"POST /api/imports/{PATH_OF[kind]}": Row(
            f"{kind.name}.import-file", "import", partial(_import, kind), Tells.AFTER
        )
        for kind in KINDS
    },
}
