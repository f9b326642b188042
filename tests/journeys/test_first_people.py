"""A real node from `ehc init` to its first working people, and the way back in an emergency."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from bench.ports import free_port
from openehc.console.api.guards import CSRF_HEADER, SECURE_COOKIE
from tests.support.folders import new_folder
from tests.support.node import Processes, environment
from tests.support.source_tree import ROOT


def _ehc(*arguments: str) -> str:
    command = [sys.executable, "-m", "openehc", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(slots=True)
class Person:
    """Somebody at a browser, behind the TLS of a reverse proxy."""

    http: httpx.Client
    login: str
    headers: dict[str, str] = field(default_factory=dict)

    def sign_in(self, password: str, **more: Any) -> dict[str, Any]:
        """Sign in, and keep the cookie, which httpx would not send without TLS."""
        form = {"login": self.login, "password": password, **more}
        answer = self.http.post("/api/session", json=form)
        assert answer.status_code == 201, answer.text
        cookie = answer.headers["set-cookie"].split(";")[0]
        assert cookie.startswith(f"{SECURE_COOKIE}=")
        told: dict[str, Any] = answer.json()
        self.headers = {"Cookie": cookie, CSRF_HEADER: told["csrf"]}
        return told

    def ask(self, method: str, path: str, form: Any = None) -> httpx.Response:
        """A request of this session."""
        return self.http.request(method, path, json=form, headers=self.headers)

    def settle(self, old: str, new: str) -> None:
        """Change the one-time password and enrol an authenticator."""
        form = {"old_password": old, "new_password": new}
        assert self.ask("PUT", "/api/session/password", form).status_code == 204
        secret = self.ask("POST", "/api/session/totp").json()["secret"]
        code = pyotp.TOTP(secret).at(datetime.now(UTC))
        assert self.ask("PUT", "/api/session/totp", {"code": code}).status_code == 200


@pytest.fixture
def folder() -> Iterator[Path]:
    made = new_folder("ehc-people-")
    yield made
    shutil.rmtree(made)


@pytest.mark.slow
@pytest.mark.requirement("G2-B-5.3-2", "G2-B-5.3-14", "G1-9.7-2", "G1-9.4-2")
def test_three_administrators_set_a_node_up_and_one_is_helped_out(folder: Path) -> None:
    data, passphrase = folder / "d", folder / "passphrase"
    passphrase.write_text("an invented passphrase\n", "utf-8")
    told = _ehc("init", "--data", str(data), "--ehcin", "9901A0001",
                "--passphrase-file", str(passphrase))  # fmt: skip
    words = [line.split() for line in told.splitlines()]
    first = {one[0]: one[1] for one in words if len(one) == 2 and one[0].endswith("admin")}
    node = Processes(data, free_port(), ("serve",))
    node.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{node.port}", trust_env=False, timeout=60
        ) as http:
            _set_up(http, first)
            _help_out(http, data)
    finally:
        node.stop()


def _set_up(http: httpx.Client, first: dict[str, str]) -> None:
    system, security = Person(http, "sysadmin"), Person(http, "secadmin")
    told = system.sign_in(first["sysadmin"])
    assert (told["must_change_password"], told["must_enrol"]) == (True, True)
    assert system.ask("GET", "/api/users").status_code == 403
    system.settle(first["sysadmin"], "System-Pass-1")
    security.sign_in(first["secadmin"])
    security.settle(first["secadmin"], "Secure-Pass-1")

    form = {"login": "operator", "display_name": "省级操作员"}
    user = system.ask("POST", "/api/users", form).json()["user_id"]
    roles = {"roles": ["province_operator"], "reason": "首次配置", "revision": 1}
    given = security.ask("PUT", f"/api/users/{user}/roles", roles)

    assert given.json()["roles"] == ["province_operator"]


def _help_out(http: httpx.Client, data: Path) -> None:
    """`ehc people reset` beside the running node; whoever was signed in is out."""
    told = _ehc("people", "reset", "secadmin", "--data", str(data))
    listed = _ehc("people", "list", "--data", str(data))

    back = Person(http, "secadmin")
    assert back.sign_in(told.split()[-1])["must_enrol"]
    assert [line.split()[0] for line in listed.splitlines()] == [
        "auditadmin", "operator", "secadmin", "sysadmin",
    ]  # fmt: skip


def test_the_file_of_the_administrators_is_for_its_owner_and_holds_no_password(
    folder: Path,
) -> None:
    passphrase, passwords = folder / "passphrase", folder / "passwords"
    passphrase.write_text("an invented passphrase\n", "utf-8")

    told = _ehc("init", "--data", str(folder / "d"), "--ehcin", "9901A0001",
                "--passphrase-file", str(passphrase),
                "--administrators-file", str(passwords))  # fmt: skip

    kept = folder / "d" / "administrators.json"
    secrets = [line.split()[1] for line in passwords.read_text().splitlines()]
    assert (kept.stat().st_mode & 0o777, passwords.stat().st_mode & 0o777) == (0o600, 0o600)
    assert len(secrets) == 3
    assert not any(secret in told + kept.read_text() for secret in secrets)
