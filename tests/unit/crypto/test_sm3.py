"""SM3: both backends, and what happens when one or all are missing."""

from collections.abc import Callable

import pytest

from openehc.crypto.sm3 import (
    CRYPTOGRAPHY,
    HASHLIB,
    Sm3Backend,
    Sm3Missing,
    first_working,
    hashlib_under,
    library_under,
    sm3,
    sm3_upper,
)
from tests.support.crypto_oracle import oracle_hmac, oracle_sm3


def _absent(_data: bytes) -> bytes:
    raise ValueError("unsupported hash type sm3")


def _absent_keyed(_key: bytes, _data: bytes) -> bytes:
    raise ValueError("unsupported hash type sm3")


def _wrong(_data: bytes) -> bytes:
    return bytes(32)


ABSENT = Sm3Backend("absent", _absent, _absent_keyed)
WRONG = Sm3Backend("wrong", _wrong, _absent_keyed)


@pytest.mark.parametrize("backend", [HASHLIB, CRYPTOGRAPHY], ids=lambda backend: backend.name)
@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 1000])
def test_every_backend_hashes_as_an_independent_implementation(
    backend: Sm3Backend, size: int
) -> None:
    data = bytes(index % 251 for index in range(size))

    assert backend.digest(data) == oracle_sm3(data)


@pytest.mark.parametrize("backend", [HASHLIB, CRYPTOGRAPHY], ids=lambda backend: backend.name)
@pytest.mark.parametrize("key_size", [1, 16, 32, 64, 65])
def test_every_backend_makes_the_mac_of_an_independent_implementation(
    backend: Sm3Backend, key_size: int
) -> None:
    key = bytes(range(key_size))

    assert backend.keyed(key, b"message") == oracle_hmac(key, b"message")


@pytest.mark.parametrize("under", [hashlib_under, library_under])
def test_a_key_made_ready_gives_the_same_mac_each_time(
    under: Callable[[bytes], Callable[[bytes], bytes]],
) -> None:
    keyed = under(b"a key")

    macs = [keyed(data) for data in (b"one", b"two", b"one")]

    assert macs == [oracle_hmac(b"a key", data) for data in (b"one", b"two", b"one")]


def test_a_build_without_sm3_falls_back_to_the_library() -> None:
    assert first_working((ABSENT, CRYPTOGRAPHY)) is CRYPTOGRAPHY


def test_a_backend_that_hashes_wrong_is_passed_over() -> None:
    assert first_working((WRONG, HASHLIB)) is HASHLIB


def test_no_backend_at_all_says_what_to_install() -> None:
    with pytest.raises(Sm3Missing, match="cryptography"):
        first_working((ABSENT,))


def test_the_upper_form_is_the_digest_in_upper_hex() -> None:
    assert sm3_upper(b"abc") == sm3(b"abc").hex().upper()
