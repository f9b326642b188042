"""Certificates on the command line: from a request to a chain that somebody relies on.

The `openssl` command has the second opinion where it is there.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from openehc.cli.main import main

SECRET: Final = "a passphrase of the test"


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody with a folder who types commands."""

    folder: Path

    def run(self, *words: str, secret: str = SECRET) -> Result:
        """`ehc keys cert ...`; words that begin with @ are files of the folder."""
        (self.folder / "secret").write_text(secret)
        placed = [str(self.folder / word[1:]) if word[0] == "@" else word for word in words]
        if words[0] not in {"check", "show"}:
            placed += ["--passphrase-file", str(self.folder / "secret")]
        return CliRunner().invoke(main, ["keys", "cert", *placed])

    def done(self, *words: str) -> str:
        """What a command says that has to succeed."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def requested(self, name: str = "node") -> None:
        self.done("request", "--name", name, "--id", "9901A0001", "--key-out", f"@{name}.key",
                  "--out", f"@{name}.csr")  # fmt: skip

    def issued(self, name: str = "node", *, kind: str = "node-signing") -> None:
        self.requested(name)
        self.done("issue", f"@{name}.csr", "--authority", "@ca", "--for", kind, "--out",
                  f"@{name}.pem")  # fmt: skip

    def listed(self, name: str) -> None:
        self.done("crl", "--authority", "@ca", "--out", f"@{name}")

    def check(self, name: str = "node", *more: str, crl: str = "now.crl") -> Result:
        return self.run(
            "check", f"@{name}.pem", "--root", "@ca/root.pem", "--known", "@ca/issuing.pem",
            "--crl", "@ca/root.crl.pem", "--crl", f"@{crl}", *more,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.done("authority", "--authority", "@ca")
    desk.issued()
    desk.listed("now.crl")
    return desk


@pytest.mark.requirement("G1-F-5.1-1", "G1-F-5.2-1")
def test_a_certificate_of_the_small_authority_is_relied_on(desk: Desk) -> None:
    checked = desk.check()

    assert checked.output.splitlines()[-1] == "Good."
    assert checked.output.count("certificate ") == 3


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_revoked_certificate_is_refused_once_the_list_says_so(desk: Desk) -> None:
    desk.done("revoke", "@node.pem", "--authority", "@ca", "--reason", "key-compromise")
    before = desk.check()
    desk.listed("later.crl")

    after = desk.check(crl="later.crl")

    assert (before.exit_code, after.exit_code) == (0, 1)
    assert "was revoked: key_compromise" in after.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--for", "timestamping"), "was not issued to sign timestamps"),
        (("--at", "2000-01-01"), "is valid from"),
        (("--at", "2099-01-01"), "was valid until"),
    ],
    ids=["purpose", "too early", "too late"],
)
def test_what_a_certificate_is_not_good_for_is_told(
    desk: Desk, words: tuple[str, ...], reason: str
) -> None:
    refused = desk.check("node", *words)

    assert (refused.exit_code, reason in refused.output) == (1, True)


def test_without_a_list_revocation_is_unknown_unless_that_is_accepted(desk: Desk) -> None:
    base = ("check", "@node.pem", "--root", "@ca/root.pem", "--known", "@ca/issuing.pem")

    strict, lenient = desk.run(*base), desk.run(*base, "--without-lists")

    assert (strict.exit_code, lenient.exit_code) == (1, 0)
    assert "no current revocation list" in strict.output


def test_the_root_of_another_authority_proves_nothing(desk: Desk) -> None:
    desk.done("authority", "--authority", "@other")

    refused = desk.run("check", "@node.pem", "--root", "@other/root.pem", "--known",
                       "@ca/issuing.pem", "--without-lists")  # fmt: skip

    assert refused.exit_code == 1
    assert "Error: " in refused.output


def test_a_changed_certificate_or_request_is_refused(desk: Desk) -> None:
    for name in ("node.pem", "node.csr"):
        text = (desk.folder / name).read_text()
        middle = len(text) // 2
        other = "A" if text[middle] != "A" else "B"
        (desk.folder / name).write_text(text[:middle] + other + text[middle + 1 :])

    checked = desk.check()
    issued = desk.run("issue", "@node.csr", "--authority", "@ca", "--for", "person", "--out", "@x")

    assert (checked.exit_code, issued.exit_code, (desk.folder / "x").exists()) == (1, 1, False)


def test_a_wrong_passphrase_opens_no_authority(desk: Desk) -> None:
    refused = desk.run("crl", "--authority", "@ca", "--out", "@x.crl", secret="another passphrase")

    assert (refused.exit_code, (desk.folder / "x.crl").exists()) == (1, False)


def test_nothing_is_overwritten(desk: Desk) -> None:
    key = (desk.folder / "node.key").read_bytes()
    again = desk.run("request", "--name", "n", "--key-out", "@node.key", "--out", "@y.csr")
    authority = desk.run("authority", "--authority", "@ca")

    assert (again.exit_code, authority.exit_code) == (1, 1)
    assert (desk.folder / "node.key").read_bytes() == key
    assert "PRIVATE KEY" in key.decode()
    assert "ENCRYPTED" in key.decode()


def test_only_what_was_issued_here_is_revoked_and_once(desk: Desk) -> None:
    desk.done("authority", "--authority", "@other")

    elsewhere = desk.run("revoke", "@node.pem", "--authority", "@other")
    desk.done("revoke", "@node.pem", "--authority", "@ca")
    twice = desk.run("revoke", "@node.pem", "--authority", "@ca")

    assert ("was not issued here" in elsewhere.output, "before" in twice.output) == (True, True)


def test_each_kind_of_file_is_shown(desk: Desk) -> None:
    desk.done("revoke", "@node.pem", "--authority", "@ca")
    desk.listed("later.crl")

    shown = [desk.done("show", name) for name in ("@node.pem", "@node.csr", "@later.crl")]

    assert "9901A0001" in shown[0]
    assert "request for node" in shown[1]
    assert "unspecified" in shown[2]


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "号"])
def test_what_is_no_certificate_is_told_as_that(desk: Desk, content: str) -> None:
    (desk.folder / "odd.pem").write_text(content)

    refused = desk.run("show", "@odd.pem")

    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_openssl_reads_the_certificate(desk: Desk) -> None:
    read = subprocess.run(
        ["openssl", "x509", "-in", str(desk.folder / "node.pem"), "-noout", "-subject"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "CN = node" in read.stdout
