"""SM4-CBC with PKCS#7 padding (GB/T 32907-2016), for envelopes and encrypted private keys.

It proves nothing about who wrote a text: whoever needs that signs the content first.
Makes no keys and no initial vectors.
"""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

from openehc.crypto.sm4 import PaddingError

try:  # releases of the library move ciphers to `decrepit`, and warn at the old place
    from cryptography.hazmat.decrepit.ciphers.algorithms import (  # type: ignore[attr-defined,unused-ignore]
        SM4,
    )
except ImportError:
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4

BLOCK: Final = 16
IV_SIZE: Final = BLOCK
KEY_SIZE: Final = 16


def cbc_encrypt(key: bytes, plaintext: bytes, *, iv: bytes) -> bytes:
    """Encrypt a text of any length under a 16-byte key and a fresh 16-byte iv."""
    padder = PKCS7(8 * BLOCK).padder()
    context = Cipher(SM4(key), modes.CBC(iv)).encryptor()
    return context.update(padder.update(plaintext) + padder.finalize()) + context.finalize()


def cbc_decrypt(key: bytes, ciphertext: bytes, *, iv: bytes) -> bytes:
    """Decrypt and take off the padding; raises `PaddingError`, saying nothing of the content."""
    if not ciphertext or len(ciphertext) % BLOCK:
        raise PaddingError("the ciphertext is not a positive number of 16-byte blocks")
    context = Cipher(SM4(key), modes.CBC(iv)).decryptor()
    padded = context.update(ciphertext) + context.finalize()
    unpadder = PKCS7(8 * BLOCK).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise PaddingError("the decrypted text does not end in PKCS#7 padding") from None
