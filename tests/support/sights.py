"""Personal data that are easily recognised, planted in a node; and which looks may show them.

`SIGHTS` and `PLAIN` together name every GET route of the console API. Holds no test.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from openehc.access.kinds import APPLICATIONS, KINDS, Kind
from openehc.console.api.registers import PATH_OF
from openehc.people.permissions import Role
from tests.support.entries import APPLICATION, if_match
from tests.support.messages import Person, registration
from tests.support.stage import REASON, Stage
from tests.support.waiting import until_told
from tests.support.workbooks import ROWS_OF, xlsx

CONTACT: Final = ("甄联系样", "19912340077", "planted-contact@example.org")
FAILED: Final = ("甄失败样", "19912340078", "planted-failed@example.org")
PERSON_NAME: Final = "甄居民样"
USER_NAME: Final = "甄用户样"
LOGIN: Final = "a-planted"
ADDRESS: Final = "示例省虚构市植入路77号"
CARD_NO: Final = "PLANTED-CARD-77"

_OPERATOR: Final = Role.PROVINCE_OPERATOR
_WHOLE_PAGE: Final = {"size": 200}  # what was planted has to be on the first page


@dataclass(frozen=True, slots=True)
class Sight:
    """A look that shows people: its record's action, who looks, what they see in clear.

    Where nothing is in clear, the record tells of masked residents or of records of people.
    """

    action: str
    by: Role = _OPERATOR
    shows: tuple[str, ...] = ()


def _of_files() -> dict[str, Sight]:
    return {
        f"GET /api/imports/{PATH_OF[kind]}/{{job_id}}/failed": Sight(
            f"{kind.name}.failed-rows", shows=FAILED if kind is APPLICATIONS else ()
        )
        for kind in KINDS
    }


SIGHTS: Final[Mapping[str, Sight]] = {
    "GET /api/users": Sight("user.list", Role.SYSTEM_ADMIN, (USER_NAME,)),
    "GET /api/users/{user_id}": Sight("user.view", Role.SYSTEM_ADMIN, (USER_NAME,)),
    "GET /api/sessions": Sight("session.list", Role.SYSTEM_ADMIN, (USER_NAME,)),
    "GET /api/applications/{record_id}": Sight("application.view", shows=CONTACT),
    "GET /api/applications/{record_id}/history": Sight("application.view-history", shows=CONTACT),
    **_of_files(),
    "GET /api/residents/doubles": Sight("residents.doubles"),
    "GET /api/residents/{ehealth_card_id}": Sight("residents.view"),
    "GET /api/residents/{ehealth_card_id}/doubles": Sight("residents.doubles"),
    "GET /api/residents/{ehealth_card_id}/records": Sight("resident.records"),
    "GET /api/usage": Sight("usage.search"),
    "GET /api/usage/statistics": Sight("usage.count"),
    "GET /api/audit/records": Sight("audit.search", Role.AUDIT_ADMIN),
    "GET /api/audit/statistics": Sight("audit.count", Role.AUDIT_ADMIN),
    "GET /api/audit/checkpoints": Sight("audit.checkpoints", Role.AUDIT_ADMIN),
}

PLAIN: Final = frozenset({
    "GET /api/session", "GET /api/captcha", "GET /api/captcha/{captcha_id}/audio",
    "GET /api/policy", "GET /api/public/applications",
    "GET /api/approvals", "GET /api/approvals/{approval_id}",
    "GET /api/public/notices",
    "GET /api/findings", "GET /api/findings/{finding_id}", "GET /api/findings/{finding_id}/history",
    "GET /api/applications",
    *(f"GET /api/{register}{of}"
      for register in ("institutions", "terminals", "modules")
      for of in ("", "/{record_id}", "/{record_id}/history")),
    *(f"GET /api/imports/{register}/{of}"
      for register in PATH_OF.values()
      for of in ("template", "{job_id}")),
    *(f"GET /api/imports/{register}" for register in PATH_OF.values()),
})  # fmt: skip
"""Looks that show nobody's personal data in clear but the viewer's own."""


@dataclass(slots=True)
class Planted:
    """The values, the looks that give pages, and what the parameters of paths stand for.

    The parameters are those of each register, or of all.
    """

    person: Person
    paged: frozenset[str]
    institution_id: int = 0
    shared: dict[str, str] = field(default_factory=dict)
    of_register: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, ...]:
        """Everything that may be in clear before nobody's eyes without a record."""
        person = self.person
        return (*CONTACT, *FAILED, USER_NAME, ADDRESS, CARD_NO, person.user_name, person.id_no,
                person.mobile_phone)  # fmt: skip

    def path(self, route: str) -> str:
        """The path of the route about what was planted."""
        parts = route.partition(" ")[2].split("/")
        register = next((part for part in parts if part in self.of_register), "")
        known = {**self.shared, **self.of_register.get(register, {})}
        return "/".join(known[part[1:-1]] if part.startswith("{") else part for part in parts)

    def shown_in(self, answer: httpx.Response) -> set[str]:
        """The values that an answer shows, in a workbook's parts too."""
        text = _text_of(answer.content)
        return {value for value in self.values if value in text}

    async def looked(self, client: httpx.AsyncClient, route: str) -> httpx.Response:
        """The answer to the look."""
        params = _WHOLE_PAGE if route in self.paged else None
        return await client.get(self.path(route), params=params)


def _text_of(content: bytes) -> str:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode("utf-8", "replace")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "\n".join(book.read(part).decode("utf-8", "replace") for part in book.infolist())


# ---------------------------------------------------------------- planting


async def planted(stage: Stage) -> Planted:
    """Everything that any look could show, with recognisable people in it."""
    person = Person.invented().named(PERSON_NAME)
    routes = stage.people.node.parts.console.api.openapi()["paths"]
    found = Planted(person, _paged(routes), of_register={at: {} for at in PATH_OF.values()})
    await _residents(stage, found)
    await _user(stage, found)
    hospital = await _entries(stage, found)
    found.institution_id = hospital["id"]
    for kind in KINDS:
        job = await _failed_import(stage, kind, str(hospital["org_code"]))
        found.of_register[PATH_OF[kind]]["job_id"] = job
    return found


def _paged(described: Mapping[str, Any]) -> frozenset[str]:
    """The looks that give pages; others refuse a parameter that they do not know."""
    return frozenset(
        f"GET {path}"
        for path, methods in described.items()
        if any(one["name"] == "size" for one in methods.get("get", {}).get("parameters", ()))
    )


async def _residents(stage: Stage, found: Planted) -> None:
    client, person = stage.people.node.client(), found.person
    cards = [{"card_type": "L3", "card_no": CARD_NO}]
    passport = Person(
        f"Z{stage.number()}", person.user_name, person.user_sex, person.mobile_phone, "03"
    )
    kept = await client.register(registration(person, address=ADDRESS, card_list=cards))
    gone = await client.register(registration(passport, birthday=person.id_no[6:14]))
    ids = {"survivor": str(kept["ehealth_card_id"]), "merged": str(gone["ehealth_card_id"])}
    found.shared["ehealth_card_id"] = ids["survivor"]
    wish = {"kind": "residents.merge", "parameters": {**ids, "reason": REASON}, "reason": REASON}
    asked = await stage.desk.province.post("/api/approvals", json=wish)
    assert asked.status_code == httpx.codes.CREATED, asked.text
    found.shared["approval_id"] = str(asked.json()["approval_id"])


async def _user(stage: Stage, found: Planted) -> None:
    people = stage.people
    account = await people.user(Role.WINDOW_OPERATOR, login=LOGIN)
    number = account.user.user_id
    admin = await people.session(await people.user(Role.SYSTEM_ADMIN))
    renamed = await admin.put(
        f"/api/users/{number}", json={"display_name": USER_NAME, "revision": account.user.revision}
    )
    assert renamed.status_code == httpx.codes.OK, renamed.text
    client = await people.session(await people.account(LOGIN))
    captcha = await client.get("/api/captcha")
    found.shared |= {"user_id": str(number), "captcha_id": str(captcha.json()["captcha_id"])}


async def _entries(stage: Stage, found: Planted) -> dict[str, Any]:
    """One entry of each register and a finding; gives the institution."""
    desk, hospital = stage.desk, await stage.hospital()
    code = {"org_code": hospital["org_code"]}
    contact = dict(zip(_CONTACT_COLUMNS, CONTACT, strict=True))
    made = {
        "institutions": hospital,
        "terminals": await desk.applied("terminals", **code, serial_no=stage.number()),
        "modules": await desk.applied("modules", **code, serial_no=stage.number()),
        "applications": await desk.approved(
            "applications", **code, **contact, app_name=f"植入{stage.number()}"
        ),
    }
    for register, entry in made.items():
        found.of_register[register]["record_id"] = str(entry["id"])
    app = made["applications"]
    changed = await desk.province.put(
        f"/api/applications/{app['id']}", headers=if_match(app["revision"]),
        json={**APPLICATION, **code, **contact, "app_name": app["app_name"], "dev_unit": "新单位"},
    )  # fmt: skip
    assert changed.status_code == httpx.codes.OK, changed.text
    seen = {"application_id": app["id"], "subject": app["app_name"], "situation": "incomplete",
            "evidence": "在应用市场中看到"}  # fmt: skip
    finding = await desk.province.post("/api/findings", json=seen)
    found.shared["finding_id"] = str(finding.json()["id"])
    stopped = await desk.approved("applications", **code, **contact, app_name="植入停用的软件")
    await desk.done("applications", stopped, "blacklist")
    return hospital


_CONTACT_COLUMNS: Final = ("use_unit_people", "use_unit_phone", "use_unit_mail")


async def _failed_import(stage: Stage, kind: Kind, org_code: str) -> str:
    """An import whose only row was not taken; of client software it names a contact person."""
    row = {**ROWS_OF[kind](1)[0], "org_code": org_code, kind.label: ""}
    if kind is APPLICATIONS:
        row |= dict(zip(_CONTACT_COLUMNS, FAILED, strict=True))
    at, province = f"/api/imports/{PATH_OF[kind]}", stage.desk.province
    sent = await province.post(
        at, data={"mode": "check"}, files={"file": ("a.xlsx", xlsx(kind, [row]))}
    )
    job = str(sent.json()["id"])

    async def done() -> bool:
        return bool((await province.get(f"{at}/{job}")).json()["has_failed_rows"])

    await until_told(done)
    return job
