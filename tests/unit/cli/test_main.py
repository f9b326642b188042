"""The command line as people meet it, without a server behind it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openehc import __version__
from openehc.cli.main import COMMANDS, main
from openehc.cli.serve_commands import EXAMPLE
from openehc.spec import load
from openehc.wiring.settings import read_settings
from tests.support.node import environment

PROFILE = {
    "gateway_url": "http://127.0.0.1:9/ehcService/gateway.do",
    "app_id": "a", "app_secret": "s", "term_id": "t",
}  # fmt: skip


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, words, input=typed)


def call(folder: Path, *, biz: str = "{}", profile: object = PROFILE) -> Result:
    path = folder / "demo.json"
    path.write_text(profile if isinstance(profile, str) else json.dumps(profile))
    return run("call", "ehc.ehealthcode.verify", biz, "--profile", str(path))


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    shown = run(option).output

    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", shown, re.MULTILINE)] == []


def test_no_command_loads_what_only_workers_need() -> None:
    modules = sorted({module for module, _ in COMMANDS.values()})
    lines = [f"import {module}" for module in modules]
    told = "; ".join([*lines, "import sys", "print({'fastapi', 'openpyxl'} & set(sys.modules))"])

    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment()
    )

    assert done.stdout == "set()\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert run(command, "--help").output.startswith("Usage: ")


def test_the_version_is_told() -> None:
    assert __version__ in run("--version").output


def test_an_unknown_command_is_refused() -> None:
    assert run("fly").exit_code == 2


def test_init_makes_a_node(tmp_path: Path) -> None:
    typed = "a passphrase of my own\n" * 2
    result = run("init", "--data", str(tmp_path / "n"), "--ehcin", "9901A0001", typed=typed)

    assert result.exit_code == 0
    assert read_settings(tmp_path / "n").ehcin == "9901A0001"


def test_init_takes_the_passphrase_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a passphrase of my own\n")
    result = run(
        "init", "--data", str(tmp_path / "n"), "--ehcin", "9901A0001", "--passphrase-file",
        str(secret),
    )  # fmt: skip

    assert result.exit_code == 0
    assert read_settings(tmp_path / "n").passphrase_file == secret


@pytest.mark.parametrize(
    ("ehcin", "passphrase", "told"),
    [("9901", "a passphrase of my own", "EHCIN"), ("9901A0001", "short", "passphrase")],
)
def test_init_refuses_in_one_line(tmp_path: Path, ehcin: str, passphrase: str, told: str) -> None:
    typed = f"{passphrase}\n" * 2
    result = run("init", "--data", str(tmp_path / "n"), "--ehcin", ehcin, typed=typed)

    assert result.exit_code == 1
    assert re.search(rf"^Error: .*{told}", result.output, re.MULTILINE)


def test_init_never_shows_the_passphrase(tmp_path: Path) -> None:
    typed = "a passphrase of my own\n" * 2
    result = run("init", "--data", str(tmp_path / "n"), "--ehcin", "9901A0001", typed=typed)

    assert "of my own" not in result.output


def test_serve_without_a_node_says_how_to_make_one(tmp_path: Path) -> None:
    assert "ehc init" in run("serve", "--data", str(tmp_path)).output


def test_serve_with_an_unknown_role_names_it(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('[node]\nehcin = "9901A0001"\n')

    assert "moon" in run("serve", "--data", str(tmp_path), "--roles", "moon").output


@pytest.mark.parametrize("biz", ["{", "[]", "1", "x"])
def test_call_wants_an_object(tmp_path: Path, biz: str) -> None:
    result = call(tmp_path, biz=biz)

    assert result.output.startswith("Error: JSON")


@pytest.mark.parametrize("name", PROFILE)
def test_call_names_what_the_profile_lacks(tmp_path: Path, name: str) -> None:
    result = call(tmp_path, profile={key: PROFILE[key] for key in PROFILE if key != name})

    assert f"{name} missing" in result.output


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_call_refuses_a_profile_of_another_kind(tmp_path: Path, text: str) -> None:
    assert call(tmp_path, profile=text).output.startswith("Error: ")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/hostname", "gateway.do"])
def test_call_speaks_http_only(tmp_path: Path, url: str) -> None:
    assert "http://" in call(tmp_path, profile={**PROFILE, "gateway_url": url}).output


def test_call_says_that_nobody_answers(tmp_path: Path) -> None:
    result = call(tmp_path)

    assert result.exit_code == 1
    assert result.output.startswith("Error: http://127.0.0.1:9/")


def test_the_example_of_the_demo_passes_the_field_table() -> None:
    assert load().methods["ehc.ehealthcard.register"].check(EXAMPLE).faults == ()
