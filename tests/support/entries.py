"""Invented entries for the four registers, as forms and as people who act on them. Holds no test.

desk    operators of the province and of institutions at one node's console
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from openehc.access.store import AccessStore
from openehc.audit.model import Actor, ActorKind
from openehc.crypto.keyfile import KeyPurpose
from openehc.people.permissions import Role
from openehc.wiring.demo import EHCIN
from openehc.wiring.settings import Settings
from tests.support.console import Console
from tests.support.node import RunningNode

ORG_CODE: Final = "99019902000000000A1002"

INSTITUTION: Final[Mapping[str, Any]] = {
    "province_code": "990000", "city_code": "990100", "org_code": ORG_CODE,
    "org_name": "示例市第二医院", "org_level": "032", "org_category": "A100", "org_property": "1",
}  # fmt: skip
TERMINAL: Final[Mapping[str, Any]] = {
    "org_code": ORG_CODE, "serial_no": "APOS20260001", "term_name": "挂号自助终端",
    "purpose": "用于患者自助挂号", "developer": "示例设备有限公司", "version": "1.2",
}  # fmt: skip
MODULE: Final[Mapping[str, Any]] = {
    "model": "SJJ-示例", "manufacturer": "示例密码有限公司", "serial_no": "M-0001",
    "address": "10.0.0.9", "owner_type": "A",
}  # fmt: skip
APPLICATION: Final[Mapping[str, Any]] = {
    "org_code": ORG_CODE, "app_name": "示例掌上医院", "app_channel": "101", "app_version": "1.2",
    "app_category": ["01", "02"], "app_package": "com.example.hospital",
    "dev_unit": "示例软件有限公司", "use_unit": "示例市第二医院", "use_unit_type": "B",
    "use_unit_people": "甲样本", "use_unit_phone": "19900000001",
    "use_unit_mail": "a@example.org", "app_url": "https://example.org/app",
    "img_url": "https://example.org/icon.png",
}  # fmt: skip
FORMS: Final = {
    "institutions": INSTITUTION, "terminals": TERMINAL, "modules": MODULE,
    "applications": APPLICATION,
}  # fmt: skip


BY_TWO: Final = {("institutions", "exit"), ("applications", "exit")}


def if_match(revision: int) -> dict[str, str]:
    """The header of someone who saw this revision."""
    return {"If-Match": f'"{revision}"'}


@dataclass(slots=True)
class Desk:
    """The province's operator at the console of one node."""

    node: RunningNode
    console: Console
    province: httpx.AsyncClient

    async def operator_of(self, institution_id: int) -> httpx.AsyncClient:
        """An operator of one institution."""
        return await self.console.as_(
            Role.INSTITUTION_OPERATOR, login="hospital", institution_id=institution_id
        )

    async def applied(self, register: str, **changes: Any) -> dict[str, Any]:
        """An entry that was applied for."""
        answer = await self.province.post(f"/api/{register}", json={**FORMS[register], **changes})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def act(self, register: str, entry: Mapping[str, Any], act: str, **body: Any) -> Any:
        """The answer to an act on the entry as it was last seen."""
        body = {"reason": "测试", **body}
        if (register, act) == ("applications", "approve"):
            body.setdefault("joint_test_on", "2026-03-01")
        return await self.province.post(
            f"/api/{register}/{entry['id']}/{act}", json=body, headers=if_match(entry["revision"])
        )

    async def done(self, register: str, entry: Mapping[str, Any], act: str, **body: Any) -> Any:
        """The entry after an act that succeeded, with a second person's consent if it needs one."""
        if (register, act) in BY_TWO:
            return await self.ended(register, entry)
        answer = await self.act(register, entry, act, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ended(self, register: str, entry: Mapping[str, Any]) -> Any:
        """The entry after two people ended its connection."""
        kind = self.node.parts.console.state.approval_kinds.get(f"{register}.exit")
        wish = {"id": entry["id"], "revision": entry["revision"], "reason": "测试"}
        asker, approver = (Actor(ActorKind.USER, login) for login in ("province", "second"))
        assert await kind.execute(wish, by=asker, approved_by=approver) is None
        return (await self.province.get(f"/api/{register}/{entry['id']}")).json()

    async def approved(self, register: str, **changes: Any) -> dict[str, Any]:
        """An entry that was applied for and approved."""
        entry = await self.applied(register, **changes)
        return dict(await self.done(register, entry, "approve"))

    async def finding(self, app: Mapping[str, Any] | None, situation: str) -> dict[str, Any]:
        """A finding that was recorded about software; None for software that is not registered."""
        form = {
            "application_id": app and app["id"], "subject": "示例掌上医院",
            "situation": situation, "evidence": "甲样本来电：在应用市场中看到",
        }  # fmt: skip
        answer = await self.province.post("/api/findings", json=form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def step(self, finding: Mapping[str, Any], what: str) -> dict[str, Any]:
        """The finding after a step that was taken about it."""
        answer = await self.province.post(
            f"/api/findings/{finding['id']}/{what}", json={"reason": "甲样本已答复"},
            headers=if_match(finding["revision"]),
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def hospital(self) -> dict[str, Any]:
        """The approved institution to which the other forms belong."""
        return await self.approved("institutions")


@pytest.fixture
async def desk(node: RunningNode, console: Console) -> Desk:
    return Desk(node, console, await console.as_(Role.PROVINCE_OPERATOR, login="province"))


async def hospital_in(access: AccessStore) -> int:
    """An institution that a program registered, for tests of stores."""
    return await access.save_institution(org_code=ORG_CODE, org_name="示例市第二医院")


@pytest.fixture
def plain_settings(tmp_path: Path) -> Settings:
    """Settings of a node that is never started."""
    return Settings(data=tmp_path, ehcin=EHCIN, mode=KeyPurpose.DEMO)
