"""The key of an authenticating gateway, from its file."""

from pathlib import Path

import pytest

from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.crypto.sm3 import hmac_sm3
from openehc.wiring.gateway_key import read_gateway_key
from openehc.wiring.settings import WrongSettings


def test_no_file_is_no_key() -> None:
    assert read_gateway_key(None) is None


def test_a_shared_key_checks_what_was_made_with_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("ab" * 32 + "\n")

    key = read_gateway_key(file)

    assert key is not None
    assert key.holds(hmac_sm3(b"\xab" * 32, b"text"), text=b"text")
    assert not key.holds(hmac_sm3(b"\xab" * 32, b"text"), text=b"other")


def test_a_public_key_checks_signatures(tmp_path: Path) -> None:
    private, file = Sm2PrivateKey.generate(), tmp_path / "key"
    file.write_text(private.public.pem())

    key = read_gateway_key(file)

    assert key is not None
    assert key.holds(private.sign(b"text"), text=b"text")
    assert not key.holds(private.sign(b"text"), text=b"other")
    assert not key.holds(b"no signature", text=b"text")


@pytest.mark.parametrize("content", ["", "ab" * 31, "not hex", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_a_file_without_a_usable_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)

    with pytest.raises(WrongSettings, match="gateway_key_file"):
        read_gateway_key(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="No such file"):
        read_gateway_key(tmp_path / "key")
