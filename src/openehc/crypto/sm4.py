"""SM4 in ECB and GCM (GB/T 32907-2016, RFC 8998).

ECB is here because the published formats demand it (材料三 附录A 3.4.1, and the
identifiers of the crypto module); stored data uses GCM. Makes no keys and no nonces.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes

try:  # releases of the library move ciphers to `decrepit`, and warn at the old place
    from cryptography.hazmat.decrepit.ciphers.algorithms import (  # type: ignore[attr-defined,unused-ignore]
        SM4,
    )
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK: Final = 16
KEY_SIZE: Final = 16
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16


class PaddingError(ValueError):
    """The decrypted text does not end in PKCS#7 padding: wrong key or damaged text."""


class SealBroken(ValueError):
    """The sealed value was changed, cut, moved, or sealed under another key."""


class EcbCipher:
    """SM4-ECB under one key, with contexts that live as long as the object.

    One object belongs to one thread: two threads in one context mix their blocks.
    """

    __slots__ = ("_decrypt", "_encrypt")

    def __init__(self, key: bytes) -> None:
        """`key` is 16 bytes; raises ValueError otherwise."""
        cipher = Cipher(SM4(key), modes.ECB())  # noqa: S305 (the published formats demand ECB)
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def encrypt(self, data: bytes) -> bytes:
        """Encrypt whole blocks, no padding; raises ValueError for a partial block."""
        if len(data) % BLOCK:  # it would stay in the context and spoil every later call
            raise _partial_block(data)
        return self._encrypt(data)

    def decrypt(self, data: bytes) -> bytes:
        """Decrypt whole blocks, no padding; raises ValueError for a partial block."""
        if len(data) % BLOCK:
            raise _partial_block(data)
        return self._decrypt(data)

    def encrypt_padded(self, data: bytes) -> bytes:
        """Encrypt `data` of any length with PKCS#7 padding (1 to 16 bytes are added)."""
        count = BLOCK - len(data) % BLOCK
        return self._encrypt(data + bytes((count,)) * count)

    def decrypt_padded(self, data: bytes) -> bytes:
        """Decrypt and take off PKCS#7 padding; raises `PaddingError`.

        The error carries nothing that depends on the content, and callers check a
        digest first (材料三 附录A 3.4), so no padding oracle opens here.
        """
        if not data or len(data) % BLOCK:
            raise PaddingError("the ciphertext is not a positive number of 16-byte blocks")
        plain = self._decrypt(data)
        count = plain[-1]
        if not 1 <= count <= BLOCK or plain[-count:] != bytes((count,)) * count:
            raise PaddingError("the decrypted text does not end in PKCS#7 padding")
        return plain[:-count]


def ecb_encrypt(key: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks once under a key that is not used again, no padding."""
    if len(data) % BLOCK:
        raise _partial_block(data)
    return Cipher(SM4(key), modes.ECB()).encryptor().update(data)  # noqa: S305 (as above)


def ecb_decrypt(key: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks once under a key that is not used again, no padding."""
    if len(data) % BLOCK:
        raise _partial_block(data)
    return Cipher(SM4(key), modes.ECB()).decryptor().update(data)  # noqa: S305 (as above)


class GcmCipher:
    """SM4-GCM under one key; may be shared by threads."""

    __slots__ = ("_algorithm",)

    def __init__(self, key: bytes) -> None:
        """`key` is 16 bytes; raises ValueError otherwise."""
        self._algorithm = SM4(key)

    def seal(self, plaintext: bytes, *, aad: bytes, nonce: bytes) -> bytes:
        """Nonce (12) + ciphertext + tag (16); a nonce is used once per key.

        Raises ValueError for a nonce of another length.
        """
        if len(nonce) != NONCE_SIZE:
            raise ValueError(f"an SM4-GCM nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
        context = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        context.authenticate_additional_data(aad)
        return nonce + context.update(plaintext) + context.finalize() + context.tag

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """The plaintext of a sealed value; raises `SealBroken`."""
        if len(sealed) < NONCE_SIZE + TAG_SIZE:
            raise SealBroken("the sealed value is too short to hold a nonce and a tag")
        mode = modes.GCM(sealed[:NONCE_SIZE], sealed[-TAG_SIZE:])
        context = Cipher(self._algorithm, mode).decryptor()
        context.authenticate_additional_data(aad)
        plaintext = context.update(sealed[NONCE_SIZE:-TAG_SIZE])
        try:
            context.finalize()
        except (InvalidTag, ValueError):  # the library has been seen to report a wrong tag as both
            raise SealBroken(
                "the sealed value was changed, moved or sealed under another key"
            ) from None
        return plaintext


def gcm_seal(key: bytes, plaintext: bytes, *, aad: bytes, nonce: bytes) -> bytes:
    """Nonce (12) + ciphertext + tag (16) under a 16-byte key; see `GcmCipher.seal`."""
    return GcmCipher(key).seal(plaintext, aad=aad, nonce=nonce)


def gcm_open(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """The plaintext of a sealed value; raises `SealBroken`."""
    return GcmCipher(key).open(sealed, aad=aad)


def _partial_block(data: bytes) -> ValueError:
    return ValueError(f"SM4-ECB without padding takes multiples of {BLOCK} bytes, not {len(data)}")
