"""SM2 encryption: the published text, three input forms, other implementations, broken ones."""

import shutil
from pathlib import Path

import pytest

from openehc.crypto.sm2 import CiphertextBroken, Sm2PrivateKey
from openehc.crypto.sm2_forms import der_ciphertexts, raw_ciphertext
from tests.support.invented_holders import openssl
from tests.support.sm2_oracle import (
    PUBLISHED_CIPHERTEXT,
    PUBLISHED_KEY,
    PUBLISHED_POINT,
    oracle_decrypt,
    oracle_encrypt,
)

KEY = Sm2PrivateKey(PUBLISHED_KEY)
PLAIN = b"encryption standard"
DER = next(der_ciphertexts(PUBLISHED_CIPHERTEXT))
C3_AT = 65
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


@pytest.mark.parametrize(
    "ciphertext",
    [PUBLISHED_CIPHERTEXT, PUBLISHED_CIPHERTEXT[1:], DER],
    ids=["with 04", "without 04", "DER"],
)
def test_the_published_ciphertext_opens_in_every_form(ciphertext: bytes) -> None:
    # its X begins with 04, on which careless readers stumble
    assert KEY.decrypt(ciphertext) == PLAIN


def test_our_ciphertext_is_der() -> None:
    ciphertext = KEY.public.encrypt(PLAIN)

    assert next(der_ciphertexts(ciphertext)) == ciphertext
    assert raw_ciphertext(ciphertext)[0] == 4


@pytest.mark.requirement("G1-F-5.2-1")
def test_another_implementation_opens_our_ciphertext() -> None:
    ciphertext = raw_ciphertext(KEY.public.encrypt(PLAIN))

    assert oracle_decrypt(PUBLISHED_KEY, ciphertext) == PLAIN


@pytest.mark.requirement("G1-F-5.2-1")
def test_we_open_the_ciphertext_of_another_implementation() -> None:
    assert KEY.decrypt(oracle_encrypt(PUBLISHED_POINT, PLAIN)) == PLAIN


def test_a_changed_c3_is_refused() -> None:
    changed = bytearray(PUBLISHED_CIPHERTEXT)
    changed[C3_AT] ^= 1

    with pytest.raises(CiphertextBroken):
        KEY.decrypt(bytes(changed))


@pytest.mark.parametrize("cut", [1, 19, 20, 50, 115])
def test_a_truncated_ciphertext_is_refused(cut: int) -> None:
    for whole in (PUBLISHED_CIPHERTEXT, PUBLISHED_CIPHERTEXT[1:], DER):
        with pytest.raises(CiphertextBroken):
            KEY.decrypt(whole[:-cut])


def test_the_older_order_c1_c2_c3_is_refused() -> None:
    c1, c3, c2 = PUBLISHED_CIPHERTEXT[:65], PUBLISHED_CIPHERTEXT[65:97], PUBLISHED_CIPHERTEXT[97:]

    with pytest.raises(CiphertextBroken):
        KEY.decrypt(c1 + c2 + c3)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(CiphertextBroken):
        Sm2PrivateKey.generate().decrypt(PUBLISHED_CIPHERTEXT)


@pytest.mark.parametrize("ciphertext", [b"", b"0", DER + b"\0", b"\4" * 200])
def test_what_is_no_ciphertext_is_refused(ciphertext: bytes) -> None:
    with pytest.raises(CiphertextBroken):
        KEY.decrypt(ciphertext)


def test_nothing_cannot_be_encrypted() -> None:
    with pytest.raises(ValueError, match="one byte"):
        KEY.public.encrypt(b"")


@needs_openssl
def test_openssl_opens_our_ciphertext(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(KEY.pem())
    (tmp_path / "sealed").write_bytes(KEY.public.encrypt(PLAIN))

    opened = openssl(
        "pkeyutl", "-decrypt", "-inkey", tmp_path / "key.pem", "-in", tmp_path / "sealed"
    )

    assert opened == PLAIN
