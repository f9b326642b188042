"""Which certificate files a node takes, and how it names those it does not."""

from pathlib import Path

import pytest

from openehc.wiring.settings import WrongSettings, read_settings
from openehc.wiring.tls import WrongCertificate, server_context
from tests.journeys.test_tls import make_certificate

SMALLEST = '[node]\nehcin = "9901A0001"\n'


def test_files_of_the_settings_lie_beside_them(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        f'{SMALLEST}tls_certificate = "tls.pem"\ntls_key = "tls.key"\n', "utf-8"
    )

    settings = read_settings(tmp_path, port=8443)

    assert (settings.tls_certificate, settings.tls_key) == (
        tmp_path / "tls.pem", tmp_path / "tls.key",
    )  # fmt: skip
    assert settings.base_url == "https://127.0.0.1:8443"


@pytest.mark.parametrize("given", ["tls_certificate", "tls_key"])
def test_one_file_without_the_other_stops_the_start(tmp_path: Path, given: str) -> None:
    (tmp_path / "node.toml").write_text(SMALLEST, "utf-8")

    with pytest.raises(WrongSettings, match="together"):
        read_settings(tmp_path, **{given: tmp_path / "file"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    key.unlink()

    with pytest.raises(WrongCertificate, match=r"tls\.key: no such file"):
        server_context(certificate, key)


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = make_certificate(tmp_path / "other")

    with pytest.raises(WrongCertificate, match="do not go together"):
        server_context(certificate, key)


def test_a_key_with_a_password_asks_nobody(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, password=b"an invented password")

    with pytest.raises(WrongCertificate, match="has a password"):
        server_context(certificate, key)


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    _, key = make_certificate(tmp_path)
    (tmp_path / "tls.pem").write_text("not a certificate", "utf-8")

    with pytest.raises(WrongCertificate, match="cannot be read"):
        server_context(tmp_path / "tls.pem", key)
