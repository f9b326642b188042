"""`ehc trust`: a request for the authority, and who would be let in."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.certificates.requests import CertificateRequest
from openehc.crypto.certificates.structures import Validity
from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.creating import create_node
from openehc.wiring.trust_folder import TrustFolder
from tests.support.certificates import Holder, Issuer
from tests.support.node import environment
from tests.support.source_tree import ROOT

PASSPHRASE = "an invented passphrase"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "d"
    folder.mkdir()
    (folder / "passphrase").write_text(PASSPHRASE)
    create_node(
        folder, ehcin="9901A0001", mode=KeyPurpose.DEBUGGING, passphrase=PASSPHRASE,
        passphrase_file="passphrase",
    )  # fmt: skip
    return folder


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(datetime.now(UTC).replace(microsecond=0))


def _ehc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "openehc", "trust", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT,
        timeout=300,
    )  # fmt: skip


def _check(data: Path, who: Holder) -> subprocess.CompletedProcess[str]:
    file = data / "who.pem"
    file.write_text(who.certificate.pem())
    return _ehc("check", str(file), "--data", str(data))


async def test_the_certificate_for_the_request_proves_the_node(data: Path, issuer: Issuer) -> None:
    done = _ehc("request", "--data", str(data), "--name", "ehc.example.org")
    request = CertificateRequest.from_pem(done.stdout)
    certificate = issuer.authority.certify(
        request, profile=Profile.NODE_SIGNING, entropy=SystemEntropy(),
        validity=Validity(issuer.now, issuer.now + timedelta(days=30)),
    )  # fmt: skip
    (data / "trust" / "server.pem").write_text(certificate.pem())

    server = await TrustFolder(data / "trust", PASSPHRASE).server()
    again = _ehc("request", "--data", str(data), "--name", "ehc.example.org")

    assert server is not None
    assert server.certificate.subject.common_name == "ehc.example.org"
    assert ((data / "trust" / "server.key").stat().st_mode & 0o777, again.returncode) == (0o600, 1)
    assert "ENCRYPTED" in (data / "trust" / "server.key").read_text()


def test_it_says_who_would_be_let_in(data: Path, issuer: Issuer) -> None:
    good, bad = issuer.holder("SF-0001"), issuer.holder("SF-0002")
    issuer.furnish(data / "trust", revoked=[bad])

    let_in, refused = _check(data, good), _check(data, bad)

    assert let_in.returncode == 0
    assert (refused.returncode, "Revoked" in refused.stderr) == (1, True)


def test_a_certificate_that_names_nobody_is_told(data: Path, issuer: Issuer) -> None:
    issuer.furnish(data / "trust")

    done = _check(data, issuer.holder(""))

    assert done.returncode == 1
    assert "unique identifier" in done.stderr
