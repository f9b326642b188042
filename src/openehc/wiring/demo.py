"""The demo: a node with an invented registry, ready for a first call.

Everything in it is made up; its keys are the public test keys.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from openehc.access.model import Application, Terminal
from openehc.access.store import AccessStore
from openehc.crypto.keyfile import KeyPurpose
from openehc.spec import load
from openehc.wiring.creating import FOLDER_MODE, create_node, new_secret, write_private
from openehc.wiring.demo_entries import describe_demo
from openehc.wiring.demo_people import ADMINISTRATOR, console_users, demo_passwords
from openehc.wiring.settings import FILE, Settings, read_settings

EHCIN: Final = "9901A0001"
"""Province 99 does not exist: nobody takes a demo code for a real one."""

APP_ID: Final = "demo-hospital-his"
EHCAPPID: Final = f"{EHCIN}XXTB0001"
TERM_ID: Final = f"{EHCIN}STMB0001"
ORG_CODE: Final = "99019901000000000A1001"
PROFILE: Final = "demo.json"
_PASSPHRASE_FILE: Final = "passphrase"  # noqa: S105 (a file name)

GUIDE_APP_ID: Final = "vzusug4lhvq2enpxer"
GUIDE_TERM_ID: Final = "3500000104341"
GUIDE_SECRET: Final = "BEE975CC71E21F3FE87DE9F7121DE31F09B93D1AC804A60BBF877C240EBB0FC6"  # noqa: S105 (published, 材料三 附录A 3.4.1)


@dataclass(frozen=True, slots=True)
class DemoRegistry:
    """The secrets of the invented registry, kept from one start to the next."""

    app_secret: str
    console_password: str
    people: Mapping[str, str] = field(default_factory=demo_passwords)
    """Passwords by login, beside that of the administrator."""


def prepare_demo(data: Path) -> DemoRegistry:
    """Make the demo's node unless it exists, and withdraw the last profile until it is ready."""
    profile = data / PROFILE
    kept = _kept(profile)
    if not (data / FILE).exists():
        data.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        passphrase = secrets.token_urlsafe(24)
        write_private(data / _PASSPHRASE_FILE, passphrase + "\n")
        create_node(
            data, ehcin=EHCIN, mode=KeyPurpose.DEMO, passphrase=passphrase,
            passphrase_file=_PASSPHRASE_FILE,
        )  # fmt: skip
    profile.unlink(missing_ok=True)
    return kept or DemoRegistry(new_secret(), secrets.token_urlsafe(12))


def _kept(profile: Path) -> DemoRegistry | None:
    try:
        told = json.loads(profile.read_text(encoding="utf-8"))
        return DemoRegistry(
            told["app_secret"], told["console_password"],
            demo_passwords(told.get("console_users", ())),
        )  # fmt: skip
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def demo_settings(data: Path, *, guide_sample: str | None, **overrides: Any) -> Settings:  # noqa: ANN401
    """The demo's settings; with the guide's sample any timestamp is let through."""
    settings = read_settings(data, **overrides)
    return replace(settings, window=None) if guide_sample else settings


async def fill_registry(
    store: AccessStore, registry: DemoRegistry, *, guide_sample: str | None
) -> None:
    """Register the invented institution, application and terminal, with every grant."""
    institution = await store.save_institution(org_code=ORG_CODE, org_name="示例市第一医院")
    app = Application(
        app_id=APP_ID, secret=registry.app_secret, institution_id=institution,
        app_name="示例医院信息系统", app_channel="601", ehcappid=EHCAPPID,
        grants=frozenset(load().methods),
    )  # fmt: skip
    await store.save_application(app)
    await store.save_terminal(Terminal(TERM_ID, institution, "门诊收费窗口1"))
    await describe_demo(
        store, institution, org_code=ORG_CODE, ehcin=EHCIN, app_name=app.app_name,
        numbers=(EHCAPPID, TERM_ID),
    )  # fmt: skip
    if guide_sample:
        await store.save_application(
            replace(app, app_id=GUIDE_APP_ID, secret=GUIDE_SECRET, app_name="指引附录样例应用",
                    ehcappid=f"{EHCIN}XXTB0002")
        )  # fmt: skip
        await store.save_terminal(Terminal(GUIDE_TERM_ID, institution, "指引附录样例终端"))


def write_profile(settings: Settings, registry: DemoRegistry) -> Path:
    """Write demo.json: everything that a client needs for its first call."""
    path = settings.data / PROFILE
    profile = {
        "gateway_url": f"{settings.base_url}/ehcService/gateway.do",
        "app_id": APP_ID,
        "app_secret": registry.app_secret,
        "term_id": TERM_ID,
        "ehcin": settings.ehcin,
        "ehcappid": EHCAPPID,
        "org_code": ORG_CODE,
        "console_url": f"{settings.base_url}/",
        "console_user": ADMINISTRATOR,
        "console_password": registry.console_password,
        "console_users": console_users(registry),
        "pid": os.getpid(),
    }
    write_private(path, json.dumps(profile, ensure_ascii=False, indent=2) + "\n")
    return path
