"""`ehc` as an operator or an integrator types it: what it prints, and how it ends."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.ports import free_port
from openehc.envelope.client_side import Credentials
from openehc.kernel.clock import SystemClock
from tests.support.client import REGISTER, REGQUERY, GatewayClient
from tests.support.folders import new_folder
from tests.support.messages import Person, registration
from tests.support.node import Processes, environment
from tests.support.source_tree import ROOT


def _ehc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openehc", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT,
        timeout=300,
    )  # fmt: skip


def _call(demo: Processes, method: str, biz: str, *more: str) -> subprocess.CompletedProcess[str]:
    return _ehc("call", method, biz, "--profile", str(demo.data / "demo.json"), *more)


def _form(**more: Any) -> str:
    return json.dumps(registration(Person.invented(), **more), ensure_ascii=False)


@pytest.mark.parametrize("style", ["digest", "sign"])
def test_a_call_prints_one_object_with_the_opened_business_fields(
    demo: Processes, style: str
) -> None:
    done = _call(demo, REGISTER, _form(), "--style", style)

    printed = json.loads(done.stdout)
    assert (done.returncode, printed["ret_code"], printed["authentic"]) == (0, "0000", True)
    assert len(printed["biz_content"]["ehealth_card_id"]) == 64


def test_a_refused_call_prints_the_reply_and_exits_with_one(demo: Processes) -> None:
    done = _call(demo, REGQUERY, json.dumps({"id_type": "01", "id_no": Person.invented().id_no}))

    printed = json.loads(done.stdout)
    assert (done.returncode, printed["ret_code"], printed["biz_content"]) == (1, "3001", None)


@pytest.mark.parametrize("biz", ["{", "[]", "17", ""])
def test_what_is_no_object_is_refused_before_anything_is_sent(demo: Processes, biz: str) -> None:
    done = _call(demo, REGISTER, biz)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: JSON:")


def _profile(demo: Processes, folder: Path, **changes: str) -> str:
    file = folder / "profile.json"
    file.write_text(json.dumps({**demo.profile, **changes}), "utf-8")
    return str(file)


def test_with_a_wrong_secret_the_reply_is_not_believed(demo: Processes, tmp_path: Path) -> None:
    profile = _profile(demo, tmp_path, app_secret="not the secret")

    done = _ehc("call", REGISTER, _form(), "--profile", profile)

    assert (done.returncode, done.stdout) == (1, "")
    assert "应用密钥" in done.stderr


def test_a_gateway_that_is_away_is_named(demo: Processes, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/ehcService/gateway.do"
    profile = _profile(demo, tmp_path, gateway_url=url)

    done = _ehc("call", REGISTER, _form(), "--profile", profile)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {url}: ")
    assert "Traceback" not in done.stderr


def test_an_answer_that_is_no_message_is_told(demo: Processes, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{demo.port}/health/ready"
    profile = _profile(demo, tmp_path, gateway_url=url)

    done = _ehc("call", REGISTER, _form(), "--profile", profile)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_profile_that_lacks_something_says_what(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text('{"gateway_url": "http://127.0.0.1:1/", "app_id": "a"}', "utf-8")

    done = _ehc("call", REGISTER, "{}", "--profile", str(file))

    assert done.returncode == 1
    assert "app_secret, term_id missing" in done.stderr


def test_the_known_answers_all_come_out() -> None:
    done = _ehc("vectors")

    passed, _, failed, _ = done.stdout.splitlines()[-1].split()
    assert (done.returncode, failed) == (0, "0")
    assert int(passed) > 10


# ---------------------------------------------------------------- a node of one's own


@pytest.fixture
def folder() -> Iterator[Path]:
    """A fresh folder that the database server's user can pass through."""
    made = new_folder("ehc-own-")
    yield made
    shutil.rmtree(made)


def _initialised(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    secret = folder / "passphrase"
    secret.write_text("an invented passphrase\n", "utf-8")
    data = str(folder / "d")
    return _ehc("init", "--data", data, "--passphrase-file", str(secret), *more)


async def test_a_production_node_is_made_started_and_answers(folder: Path) -> None:
    assert _initialised(folder, "--ehcin", "9901A0001").returncode == 0
    node = Processes(folder / "d", free_port(), ("serve",))
    node.start()
    try:
        async with node.http() as http:
            reply = await _stranger(http).call(REGISTER, {})
    finally:
        code = node.stop()

    assert (reply.code, code) == ("1008", 0)


@pytest.mark.requirement("G1-D.1-3")
def test_a_node_whose_ehcin_was_changed_does_not_start(folder: Path) -> None:
    _initialised(folder, "--ehcin", "9901A0001")
    node = Processes(folder / "d", free_port(), ("serve",))
    node.start()
    node.stop()
    settings = folder / "d" / "node.toml"
    settings.write_text(settings.read_text("utf-8").replace("9901A0001", "9902A0001"), "utf-8")

    done = _ehc("serve", "--data", str(folder / "d"), "--port", str(free_port()))

    assert done.returncode == 1
    assert "9901A0001" in done.stderr
    assert "never changed" in done.stderr


def _stranger(http: httpx.AsyncClient) -> GatewayClient:
    return GatewayClient(http, Credentials("stranger", "no secret here", "T1"), SystemClock())


def test_a_node_is_not_made_twice(folder: Path) -> None:
    _initialised(folder, "--ehcin", "9901A0001")
    before = (folder / "d" / "keys.json").read_bytes()

    again = _initialised(folder, "--ehcin", "9901A0002")

    assert again.returncode == 1
    assert (folder / "d" / "keys.json").read_bytes() == before


def test_a_number_that_is_no_ehcin_is_refused(folder: Path) -> None:
    done = _initialised(folder, "--ehcin", "12345")

    assert done.returncode == 1
    assert "EHCIN" in done.stderr
    assert not (folder / "d" / "keys.json").exists()


def test_serving_without_a_node_says_how_to_make_one(folder: Path) -> None:
    done = _ehc("serve", "--data", str(folder / "nothing"))

    assert done.returncode == 1
    assert "ehc init --data" in done.stderr


def test_an_unknown_role_is_refused(folder: Path) -> None:
    _initialised(folder, "--ehcin", "9901A0001")

    done = _ehc("serve", "--data", str(folder / "d"), "--roles", "card,moon")

    assert done.returncode == 1
    assert "moon" in done.stderr
