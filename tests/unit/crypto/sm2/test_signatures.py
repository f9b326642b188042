"""SM2 signatures: the published one, both forms, other implementations, and being wrong."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openehc.crypto.sm2 import SignatureWrong, SignedWithoutId, Sm2PrivateKey
from openehc.crypto.sm2_forms import der_signature, raw_signature
from tests.support.invented_holders import ID, openssl
from tests.support.sm2_oracle import (
    PUBLISHED_KEY,
    PUBLISHED_POINT,
    PUBLISHED_SIGNATURE,
    oracle_accepts,
    oracle_sign,
)

KEY = Sm2PrivateKey(PUBLISHED_KEY)
DATA = b"message digest"
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


def without_id(tmp_path: Path, key: Sm2PrivateKey, data: bytes) -> bytes:
    """What OpenSSL before 4.0 makes when nobody tells it the id."""
    (tmp_path / "key.pem").write_text(key.pem())
    (tmp_path / "data").write_bytes(data)
    openssl(
        "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", tmp_path / "key.pem",
        "-in", tmp_path / "data", "-out", tmp_path / "signature", "-pkeyopt", "distid:",
    )  # fmt: skip
    return (tmp_path / "signature").read_bytes()


@pytest.mark.parametrize("signature", [PUBLISHED_SIGNATURE, der_signature(PUBLISHED_SIGNATURE)])
def test_the_published_signature_is_accepted(signature: bytes) -> None:
    KEY.public.verify(signature, data=DATA)


def test_our_signatures_are_accepted_in_both_forms() -> None:
    KEY.public.verify(KEY.sign(DATA), data=DATA)
    KEY.public.verify(KEY.sign_raw(DATA), data=DATA)


def test_two_signatures_of_the_same_data_differ() -> None:
    assert KEY.sign(DATA) != KEY.sign(DATA)


@pytest.mark.requirement("G1-F-5.2-1")
def test_another_implementation_accepts_our_signature() -> None:
    assert oracle_accepts(PUBLISHED_POINT, b"some data", KEY.sign_raw(b"some data"))


@pytest.mark.requirement("G1-F-5.2-1")
def test_we_accept_the_signature_of_another_implementation() -> None:
    KEY.public.verify(oracle_sign(PUBLISHED_KEY, b"some data"), data=b"some data")


def test_other_data_are_refused() -> None:
    with pytest.raises(SignatureWrong):
        KEY.public.verify(PUBLISHED_SIGNATURE, data=b"another message")


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureWrong):
        Sm2PrivateKey.generate().public.verify(PUBLISHED_SIGNATURE, data=DATA)


def test_another_id_is_refused() -> None:
    signature = oracle_sign(PUBLISHED_KEY, DATA, identity=b"ALICE123@YAHOO.COM")

    with pytest.raises(SignatureWrong):
        KEY.public.verify(signature, data=DATA)


@needs_openssl
def test_a_signature_with_an_empty_id_is_refused_by_that_name(tmp_path: Path) -> None:
    signature = without_id(tmp_path, KEY, DATA)

    with pytest.raises(SignedWithoutId):
        KEY.public.verify(signature, data=DATA)


def test_a_signature_of_the_bare_hash_is_refused_by_that_name() -> None:
    from openehc.crypto.libcrypto import private_key  # noqa: PLC0415 (no other test signs so)
    from openehc.crypto.sm3 import sm3  # noqa: PLC0415

    signature = private_key(PUBLISHED_KEY, point=PUBLISHED_POINT).sign(sm3(DATA))

    with pytest.raises(SignedWithoutId):
        KEY.public.verify(signature, data=DATA)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        PUBLISHED_SIGNATURE[:-1],
        bytes(64),
        der_signature(PUBLISHED_SIGNATURE) + b"\0",
        der_signature(PUBLISHED_SIGNATURE)[:-1],
        # the length in two bytes where one does
        bytes.fromhex("3081") + der_signature(PUBLISHED_SIGNATURE)[1:],
        # r without the 00 that makes it positive
        bytes.fromhex("3045022" + "0") + PUBLISHED_SIGNATURE[:32] + bytes.fromhex("022100")
        + PUBLISHED_SIGNATURE[32:],
    ],
    ids=["nothing", "cut raw", "zeros", "longer", "cut", "long form", "negative"],
)  # fmt: skip
def test_a_signature_in_another_form_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureWrong):
        KEY.public.verify(signature, data=DATA)


@pytest.mark.parametrize("extra", ["outside", "inside"])
def test_nothing_may_follow_r_and_s(extra: str) -> None:
    inner = der_signature(PUBLISHED_SIGNATURE)[2:]
    signature = {"outside": b"\x30\x46" + inner + b"\0", "inside": b"\x30\x47" + inner + b"\0"}

    with pytest.raises(SignatureWrong, match="followed by something"):
        raw_signature(signature[extra])


def test_r_and_s_come_back_from_der() -> None:
    small = b"\0" * 31 + b"\x80" + b"\0" * 31 + b"\x7f"

    assert raw_signature(der_signature(small)) == small


def test_threads_can_share_a_key() -> None:
    def sign_and_check(turn: int) -> None:
        data = turn.to_bytes(4, "big") * 50
        KEY.public.verify(KEY.sign(data), data=data)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(sign_and_check, range(200))) == [None] * 200


@needs_openssl
def test_openssl_accepts_our_signature(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEY.public.pem())
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "signature").write_bytes(KEY.sign(DATA))

    said = openssl(
        "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-inkey", tmp_path / "key.pem",
        "-in", tmp_path / "data", "-sigfile", tmp_path / "signature", "-pkeyopt", ID,
    )  # fmt: skip

    assert b"Verified Successfully" in said
