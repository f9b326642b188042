"""SM4: contexts that survive refused input, padding, and seals that break."""

import pytest

from openehc.crypto.sm4 import (
    EcbCipher,
    PaddingError,
    SealBroken,
    ecb_decrypt,
    ecb_encrypt,
    gcm_open,
    gcm_seal,
)
from tests.support.crypto_oracle import oracle_decrypt, oracle_encrypt

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
NONCE = bytes(range(12))
BLOCKS = bytes(range(48))


def test_ecb_encrypts_as_an_independent_implementation() -> None:
    assert EcbCipher(KEY).encrypt(BLOCKS) == oracle_encrypt(KEY, BLOCKS)


def test_ecb_decrypts_as_an_independent_implementation() -> None:
    assert EcbCipher(KEY).decrypt(BLOCKS) == oracle_decrypt(KEY, BLOCKS)


def test_ecb_once_encrypts_as_the_long_lived_context() -> None:
    assert ecb_encrypt(KEY, BLOCKS) == EcbCipher(KEY).encrypt(BLOCKS)


def test_ecb_once_decrypts_as_the_long_lived_context() -> None:
    assert ecb_decrypt(KEY, BLOCKS) == EcbCipher(KEY).decrypt(BLOCKS)


@pytest.mark.parametrize("size", [1, 15, 17, 31])
def test_a_refused_partial_block_does_not_spoil_the_next_encryption(size: int) -> None:
    cipher = EcbCipher(KEY)

    with pytest.raises(ValueError, match=f"not {size}"):
        cipher.encrypt(bytes(size))

    assert cipher.encrypt(BLOCKS) == oracle_encrypt(KEY, BLOCKS)


@pytest.mark.parametrize("size", [1, 15, 17, 31])
def test_a_refused_partial_block_does_not_spoil_the_next_decryption(size: int) -> None:
    cipher = EcbCipher(KEY)

    with pytest.raises(ValueError, match=f"not {size}"):
        cipher.decrypt(bytes(size))

    assert cipher.decrypt(BLOCKS) == oracle_decrypt(KEY, BLOCKS)


@pytest.mark.parametrize("once", [ecb_encrypt, ecb_decrypt])
def test_a_partial_block_is_refused_without_a_context_too(once: object) -> None:
    assert callable(once)
    with pytest.raises(ValueError, match="multiples of 16"):
        once(KEY, bytes(17))


@pytest.mark.parametrize("size", [0, 15, 24])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError):
        EcbCipher(bytes(size))


@pytest.mark.parametrize("size", [0, 1, 17, 33])
def test_a_ciphertext_that_is_not_whole_blocks_is_a_padding_error(size: int) -> None:
    with pytest.raises(PaddingError):
        EcbCipher(KEY).decrypt_padded(bytes(size))


@pytest.mark.parametrize(
    "plain",
    [
        bytes(32),
        b"\x11" * 32,
        b"x" * 30 + b"\x03\x02",
        b"x" * 29 + b"\x02\x03\x03",
    ],
    ids=["zero", "over-sixteen", "last-two-differ", "third-differs"],
)
def test_wrong_padding_is_a_padding_error(plain: bytes) -> None:
    cipher = EcbCipher(KEY)
    ciphertext = cipher.encrypt(plain)

    with pytest.raises(PaddingError):
        cipher.decrypt_padded(ciphertext)


def test_a_seal_opens_with_the_same_key_and_associated_data() -> None:
    sealed = gcm_seal(KEY, b"profile", aad=b"row 1", nonce=NONCE)

    assert gcm_open(KEY, sealed, aad=b"row 1") == b"profile"


def test_a_seal_begins_with_its_nonce_and_adds_a_full_tag() -> None:
    sealed = gcm_seal(KEY, b"profile", aad=b"", nonce=NONCE)

    assert (sealed[:12], len(sealed)) == (NONCE, 12 + len(b"profile") + 16)


def test_a_seal_does_not_open_under_another_key() -> None:
    sealed = gcm_seal(KEY, b"profile", aad=b"", nonce=NONCE)

    with pytest.raises(SealBroken):
        gcm_open(bytes(16), sealed, aad=b"")


@pytest.mark.parametrize("kept", [0, 11, 12, 27])
def test_a_seal_cut_short_is_broken(kept: int) -> None:
    sealed = gcm_seal(KEY, b"profile", aad=b"", nonce=NONCE)

    with pytest.raises(SealBroken, match="too short"):
        gcm_open(KEY, sealed[:kept], aad=b"")


@pytest.mark.parametrize("size", [0, 8, 16])
def test_a_nonce_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        gcm_seal(KEY, b"profile", aad=b"", nonce=bytes(size))
