"""SM2 keys: every form comes back, nothing else is taken, and no key is ever shown."""

import hashlib
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import algos, core, keys

from openehc.crypto.sm2 import KeyMalformed, Sm2PrivateKey, Sm2PublicKey, WrongKeyPassphrase
from openehc.crypto.sm2_forms import pem_of
from openehc.crypto.sm4_cbc import cbc_encrypt
from tests.support.counted_entropy import CountedEntropy
from tests.support.invented_holders import openssl
from tests.support.sm2_oracle import PUBLISHED_KEY, PUBLISHED_POINT

KEY = Sm2PrivateKey(PUBLISHED_KEY)
PASSPHRASE = "an invented passphrase"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
BARE_PKCS8 = (
    bytes.fromhex("3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420")
    + PUBLISHED_KEY
)
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


def test_the_published_key_has_the_published_point() -> None:
    assert KEY.public.raw == PUBLISHED_POINT


def test_a_public_key_comes_back_from_every_form() -> None:
    public = KEY.public

    assert Sm2PublicKey.from_spki(public.spki()) == public
    assert Sm2PublicKey.from_pem(public.pem()) == public


def test_a_private_key_comes_back_from_every_form() -> None:
    assert Sm2PrivateKey.from_pkcs8(KEY.pkcs8()).raw() == PUBLISHED_KEY
    assert Sm2PrivateKey.from_pem(KEY.pem()).raw() == PUBLISHED_KEY


def test_a_pkcs8_key_without_its_public_half_is_read() -> None:
    assert Sm2PrivateKey.from_pkcs8(BARE_PKCS8).public == KEY.public


def test_an_encrypted_key_comes_back() -> None:
    text = KEY.encrypted_pem(PASSPHRASE, entropy=CountedEntropy())

    assert Sm2PrivateKey.from_encrypted_pem(text, passphrase=PASSPHRASE).raw() == PUBLISHED_KEY


def test_a_wrong_passphrase_is_named_so() -> None:
    text = KEY.encrypted_pem(PASSPHRASE, entropy=CountedEntropy())

    with pytest.raises(WrongKeyPassphrase):
        Sm2PrivateKey.from_encrypted_pem(text, passphrase="another passphrase")


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(ValueError, match="8 characters"):
        KEY.encrypted_pem("short", entropy=CountedEntropy())


def test_two_keys_are_never_the_same() -> None:
    assert Sm2PrivateKey.generate().public != Sm2PrivateKey.generate().public


@pytest.mark.parametrize(
    "scalar",
    [bytes(32), (ORDER - 1).to_bytes(32, "big"), ORDER.to_bytes(32, "big"), b"\1" * 31, b"\1" * 33],
    ids=["zero", "n-1", "n", "short", "long"],
)
def test_a_scalar_out_of_range_is_refused(scalar: bytes) -> None:
    with pytest.raises(KeyMalformed):
        Sm2PrivateKey(scalar)


@pytest.mark.parametrize(
    "point",
    [
        PUBLISHED_POINT[:-1] + b"\0",
        PUBLISHED_POINT[1:],
        b"\2" + PUBLISHED_POINT[1:33],
        b"\0",
        b"\4" + bytes(64),
        b"",
    ],
    ids=["off the curve", "without 04", "compressed", "infinity", "zeros", "nothing"],
)
def test_what_is_no_point_of_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(KeyMalformed):
        Sm2PublicKey(point)


@pytest.mark.parametrize(
    "damage",
    [
        lambda info: info[:-1],
        lambda info: info + b"\0",
        # the curve P-256 in place of SM2
        lambda info: info.replace(
            bytes.fromhex("06082a811ccf5501822d"), bytes.fromhex("06082a8648ce3d030107")
        ),
    ],
    ids=["cut", "longer", "another curve"],
)
def test_a_damaged_key_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(KeyMalformed):
        Sm2PrivateKey.from_pkcs8(damage(KEY.pkcs8()))
    with pytest.raises(KeyMalformed):
        Sm2PublicKey.from_spki(damage(KEY.public.spki()))


def test_halves_that_do_not_belong_together_are_refused() -> None:
    other = Sm2PrivateKey.generate().public.raw

    with pytest.raises(KeyMalformed, match="belong together"):
        Sm2PrivateKey.from_pkcs8(KEY.pkcs8().replace(PUBLISHED_POINT, other))


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN PRIVATE KEY-----", KEY.public.pem(), KEY.pem().replace("M", "%")]
)
def test_a_text_without_a_whole_block_is_refused(text: str) -> None:
    with pytest.raises(KeyMalformed):
        Sm2PrivateKey.from_pem(text)


def test_no_private_key_is_shown() -> None:
    shown = f"{KEY!r} {KEY}".lower()

    assert PUBLISHED_KEY.hex() not in shown
    assert "***" in shown


def test_no_private_key_is_pickled() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(KEY)


@needs_openssl
def test_openssl_reads_our_encrypted_key(tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_text(KEY.encrypted_pem(PASSPHRASE, entropy=CountedEntropy()))

    shown = openssl("pkey", "-in", place, "-passin", f"pass:{PASSPHRASE}", "-outform", "DER")

    assert PUBLISHED_KEY in shown


@needs_openssl
@pytest.mark.parametrize("prf", ["hmacWithSHA1", "hmacWithSHA256"])
def test_we_read_an_encrypted_key_of_openssl(tmp_path: Path, prf: str) -> None:
    place = tmp_path / "key.pem"
    place.write_text(KEY.pem())
    text = openssl(
        "pkcs8", "-topk8", "-in", place, "-v2", "sm4-cbc", "-v2prf", prf,
        "-passout", f"pass:{PASSPHRASE}",
    ).decode()  # fmt: skip

    assert Sm2PrivateKey.from_encrypted_pem(text, passphrase=PASSPHRASE).raw() == PUBLISHED_KEY


@pytest.mark.parametrize("prf", ["1.2.156.10197.1.401.2", "1.2.156.10197.1.401.3.1"])
def test_a_key_under_the_national_hash_is_read(prf: str) -> None:
    salt, iv = bytes(range(8)), bytes(range(16))
    sealing = hashlib.pbkdf2_hmac("sm3", PASSPHRASE.encode(), salt, 1000, 16)
    derivation = {
        "salt": algos.Pbkdf2Salt("specified", core.OctetString(salt)),
        "iteration_count": 1000,
        "prf": {"algorithm": prf},
    }
    cipher = {"algorithm": "1.2.156.10197.1.104.2", "parameters": core.OctetString(iv)}
    scheme = algos.Pbes2Params(
        {
            "key_derivation_func": {
                "algorithm": "pbkdf2", "parameters": algos.Pbkdf2Params(derivation)
            },
            "encryption_scheme": cipher,
        }
    )  # fmt: skip
    info = keys.EncryptedPrivateKeyInfo(
        {
            "encryption_algorithm": {"algorithm": "pbes2", "parameters": scheme},
            "encrypted_data": cbc_encrypt(sealing, KEY.pkcs8(), iv=iv),
        }
    )
    text = pem_of(info.dump(), label="ENCRYPTED PRIVATE KEY")

    assert Sm2PrivateKey.from_encrypted_pem(text, passphrase=PASSPHRASE).raw() == PUBLISHED_KEY


@needs_openssl
def test_an_encrypted_key_under_another_cipher_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_text(KEY.pem())
    text = openssl(
        "pkcs8", "-topk8", "-in", place, "-v2", "aes-256-cbc", "-passout", f"pass:{PASSPHRASE}"
    ).decode()

    with pytest.raises(KeyMalformed, match="SM4"):
        Sm2PrivateKey.from_encrypted_pem(text, passphrase=PASSPHRASE)
