"""Private keys under a passphrase: PKCS#8 EncryptedPrivateKeyInfo with PBES2 (RFC 8018).

Writes PBKDF2-HMAC-SHA256 with SM4-CBC, which `openssl` and the Java providers read;
reads HMAC-SM3 in the same place too, as GmSSL writes it. Where the passphrase comes
from is the caller's business; keys under other ciphers are not read.
"""

import hashlib
import unicodedata
from typing import Any, Final, TypeAlias

from asn1crypto import algos, core, keys

from openehc.crypto.sm2_forms import KeyMalformed, WrongKeyPassphrase
from openehc.crypto.sm4 import PaddingError
from openehc.crypto.sm4_cbc import IV_SIZE, KEY_SIZE, cbc_decrypt, cbc_encrypt
from openehc.kernel.ids import Entropy

Asn1: TypeAlias = Any  # the ASN.1 library has no static types

SHORTEST_PASSPHRASE: Final = 8
ITERATIONS: Final = 600_000
_MOST_ITERATIONS: Final = 10_000_000  # a hostile file may not keep the processor busy
_SALT_SIZE: Final = 16
_SM4_CBC: Final = "1.2.156.10197.1.104.2"
_HASHES: Final = {
    "sha1": "sha1",  # what RFC 8018 means when the file names none
    "sha256": "sha256",
    "1.2.156.10197.1.401.2": "sm3",
    "1.2.156.10197.1.401.3.1": "sm3",
}


def encrypted(info: bytes, passphrase: str, *, entropy: Entropy) -> bytes:
    """EncryptedPrivateKeyInfo DER around a PrivateKeyInfo.

    Raises ValueError for a passphrase of fewer than 8 characters.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ValueError(f"choose a passphrase of at least {SHORTEST_PASSPHRASE} characters")
    salt, iv = entropy.bytes(_SALT_SIZE), entropy.bytes(IV_SIZE)
    key = _derived("sha256", passphrase, salt=salt, iterations=ITERATIONS)
    derivation = algos.Pbkdf2Params(
        {
            "salt": algos.Pbkdf2Salt("specified", core.OctetString(salt)),
            "iteration_count": ITERATIONS,
            "prf": {"algorithm": "sha256", "parameters": core.Null()},
        }
    )
    scheme = algos.Pbes2Params(
        {
            "key_derivation_func": {"algorithm": "pbkdf2", "parameters": derivation},
            "encryption_scheme": {"algorithm": _SM4_CBC, "parameters": core.OctetString(iv)},
        }
    )
    sealed = keys.EncryptedPrivateKeyInfo(
        {
            "encryption_algorithm": {"algorithm": "pbes2", "parameters": scheme},
            "encrypted_data": cbc_encrypt(key, info, iv=iv),
        }
    )
    return bytes(sealed.dump())


def decrypted(content: bytes, passphrase: str) -> bytes:
    """The PrivateKeyInfo inside; raises `KeyMalformed` or `WrongKeyPassphrase`."""
    try:
        sealed = keys.EncryptedPrivateKeyInfo.load(content, strict=True)
        key, iv = _opening_key(sealed["encryption_algorithm"], passphrase)
        data = sealed["encrypted_data"].native
    except (ValueError, TypeError, LookupError, AttributeError) as broken:
        raise KeyMalformed(f"not a private key encrypted with PBES2 and SM4: {broken}") from None
    try:
        return cbc_decrypt(key, data, iv=iv)
    except PaddingError:
        raise WrongKeyPassphrase("the passphrase does not open the private key") from None


def _opening_key(algorithm: Asn1, passphrase: str) -> tuple[bytes, bytes]:
    """Key and initial vector; raises ValueError or KeyError for what is not read here."""
    if algorithm["algorithm"].native != "pbes2":
        raise ValueError("the scheme is not PBES2")
    scheme = algorithm["parameters"]
    derivation, cipher = scheme["key_derivation_func"], scheme["encryption_scheme"]
    if derivation["algorithm"].native != "pbkdf2" or cipher["algorithm"].dotted != _SM4_CBC:
        raise ValueError("the cipher is not SM4-CBC under PBKDF2")
    params = derivation["parameters"]
    rounds = params["iteration_count"].native
    if not 1 <= rounds <= _MOST_ITERATIONS:
        raise ValueError(f"{rounds} iterations are refused")
    iv = cipher["parameters"].parse(core.OctetString).native
    if len(iv) != IV_SIZE:
        raise ValueError("the initial vector has a wrong size")
    name = _HASHES[params["prf"]["algorithm"].native]
    key = _derived(name, passphrase, salt=params["salt"].native, iterations=rounds)
    return key, iv


def _derived(name: str, passphrase: str, *, salt: bytes, iterations: int) -> bytes:
    # NFC: keyboards and systems write the same characters in different code points
    secret = unicodedata.normalize("NFC", passphrase).encode()
    return hashlib.pbkdf2_hmac(name, secret, salt, iterations, KEY_SIZE)
