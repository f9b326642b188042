"""The calls of tutorial and README, typed as they stand there, give what stands there."""

import base64
import json
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import zxingcpp
from PIL import Image

from tests.support.node import Processes, environment
from tests.support.source_tree import ROOT

TUTORIAL: Final = ROOT / "docs" / "tutorial.md"
READMES: Final = ("README.md", "README.zh-CN.md")
_PROGRAM: Final = ".venv/bin/ehc call "
_PROFILE: Final = "var/demo/demo.json"


@dataclass(slots=True)
class Page:
    """What a page tells people to type, and what it says that they see."""

    text: str
    commands: list[str] = field(init=False)
    replies: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        blocks = re.findall(r"(?m)(?:^ {4}\S.*\n(?:^ {4,}\S.*\n)*)", self.text)
        self.commands = [block for block in blocks if _PROGRAM in block]
        found = re.findall(r"(?s)```json\n(.*?)```", self.text)
        self.replies = [json.loads(reply) for reply in found]


@dataclass(slots=True)
class Typed:
    """A terminal in the folder of a demo."""

    demo: Processes

    def type(self, command: str, **changes: str) -> dict[str, Any]:
        """The reply to the command of a page, in which other words stand for some of it."""
        line = " ".join(command.partition(" >")[0].split())
        for old, new in changes.items():
            assert old.replace("_", "-") in line
            line = line.replace(old.replace("_", "-"), new)
        words = shlex.split(line.removeprefix(_PROGRAM))
        assert words[-2:] == ["--profile", _PROFILE]
        profile = str(self.demo.data / "demo.json")
        done = subprocess.run(
            [sys.executable, "-m", "openehc", "call", *words[:-1], profile],
            capture_output=True, text=True, check=False, env=environment(), timeout=300,
        )  # fmt: skip
        assert done.stdout, done.stderr
        reply: dict[str, Any] = json.loads(done.stdout)
        return reply


def page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def test_the_tutorial_works_from_registration_to_verified_card(own_demo: Processes) -> None:
    told, terminal = page(TUTORIAL), Typed(own_demo)
    register, generate, verify, link, query, draw = told.commands
    generated, verified = told.replies

    card = terminal.type(register)
    again = terminal.type(register)
    same = terminal.type(register, first_call_1="first-call-2")
    code = terminal.type(generate)["biz_content"]
    at_window = verify.replace(generated["ehealth_code"], code["ehealth_code"])
    seen = terminal.type(at_window)
    twice = terminal.type(at_window)
    first_part = terminal.type(
        at_window.replace(code["ehealth_code"], code["ehealth_card_id"]), window_1="window-2"
    )

    static = card["biz_content"]["ehealth_code"]
    assert f'"ehealth_code": "{static}"' in told.text
    assert (card["ret_code"], again["ret_code"]) == ("0000", "3002")
    assert same["biz_content"]["ehealth_card_id"] == card["biz_content"]["ehealth_card_id"]
    assert code.keys() == generated.keys()
    assert code["mindex_id"] == generated["mindex_id"]
    assert seen["biz_content"] == verified
    for refused in (twice, first_part):
        assert f'"ret_code": "{refused["ret_code"]}"' in told.text
        assert f'"ret_msg": "{refused["ret_msg"]}"' in told.text
    _kiosk(terminal, link, query, code=static)
    assert _read(terminal.type(draw)) == ((300, 300), static)
    refused, let_on = _stopped_and_let_on(terminal, generate)
    assert (refused["ret_code"], let_on["ret_code"]) == ("1010", "0000")
    assert refused["ret_msg"].endswith("应用已停用")


def _kiosk(terminal: Typed, link: str, query: str, *, code: str) -> None:
    address = terminal.type(link)["biz_content"]["ehealth_authurl"]
    waiting = terminal.type(query)["biz_content"]
    form = {"decision": "confirm", "ehealth_code": code}
    confirmed = httpx.post(address, data=form, timeout=60, trust_env=False)
    done = terminal.type(query)["biz_content"]

    assert urlsplit(address).path.startswith("/a/")
    assert (waiting["auth_status"], confirmed.status_code) == ("ing", httpx.codes.SEE_OTHER)
    assert (done["auth_status"], done["user_name"]) == ("succ", "张示例")


def _stopped_and_let_on(terminal: Typed, call: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The replies to the call while the province has suspended the software, and afterwards."""
    people = {one["login"]: one["password"] for one in terminal.demo.profile["console_users"]}
    address, number = (terminal.demo.profile[name] for name in ("console_url", "ehcappid"))
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as console:
        form = {"login": "province", "password": people["province"]}
        token = {"X-CSRF-Token": console.post("/api/session", json=form).json()["csrf"]}

        def act(name: str) -> None:
            [entry] = console.get("/api/applications", params={"q": number}).json()["items"]
            done = console.post(
                f"/api/applications/{entry['id']}/{name}", json={"reason": "演示暂停"},
                headers={**token, "If-Match": f'"{entry["revision"]}"'},
            )  # fmt: skip
            assert done.status_code == httpx.codes.OK, done.text

        def answered(code: str) -> dict[str, Any]:
            deadline = time.monotonic() + 60  # each worker hears of it by itself
            while (reply := terminal.type(call))["ret_code"] != code:
                assert time.monotonic() < deadline, reply
            return reply

        act("suspend")
        refused = answered("1010")
        act("resume")
        return refused, answered("0000")


def _read(reply: dict[str, Any]) -> tuple[tuple[int, int], str]:
    image = Image.open(BytesIO(base64.b64decode(reply["biz_content"]["image"])))
    return image.size, zxingcpp.read_barcodes(image)[0].text


@pytest.mark.parametrize("name", READMES)
def test_the_call_of_the_readme_gives_the_reply_of_the_readme(
    own_demo: Processes, name: str
) -> None:
    told = page(ROOT / name)
    [call], [printed] = told.commands, told.replies

    reply = Typed(own_demo).type(call)

    moving = {"timestamp", "digest"}
    assert {key: reply[key] for key in reply.keys() - moving} == {
        key: printed[key] for key in printed.keys() - moving
    }
