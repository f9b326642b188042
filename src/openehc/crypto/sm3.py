"""SM3 hash and HMAC-SM3 (GB/T 32905-2016, RFC 2104).

The interpreter's own OpenSSL does the work; a build without SM3 falls back to the
OpenSSL inside `cryptography`, with the same results. Holds no keys and no state.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as library_hmac

_ABC_DIGEST: Final = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


class Sm3Missing(ImportError):
    """No library of this interpreter can compute SM3."""


@dataclass(frozen=True, slots=True)
class Sm3Backend:
    """One way to compute SM3: `digest(data)` and `keyed(key, data)`, 32 bytes each."""

    name: str
    digest: Callable[[bytes], bytes]
    keyed: Callable[[bytes, bytes], bytes]


def _hashlib_digest() -> Callable[[bytes], bytes]:
    """A digest that copies an empty context: finding one by name costs as much as hashing."""
    try:
        copy = hashlib.new("sm3").copy
    except ValueError:
        return _no_sm3

    def digest(data: bytes) -> bytes:
        context = copy()
        context.update(data)
        return context.digest()

    return digest


def _no_sm3(_data: bytes) -> bytes:
    raise ValueError("this interpreter's OpenSSL has no SM3")


def _hashlib_keyed(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sm3")


def hashlib_under(key: bytes) -> Callable[[bytes], bytes]:
    """`HASHLIB.keyed` under one key that is used often."""
    copy = hmac.new(key, digestmod="sm3").copy

    def keyed(data: bytes) -> bytes:
        context = copy()
        context.update(data)
        return context.digest()

    return keyed


def _library_digest(data: bytes) -> bytes:
    context = hashes.Hash(hashes.SM3())
    context.update(data)
    return context.finalize()


def _library_keyed(key: bytes, data: bytes) -> bytes:
    context = library_hmac.HMAC(key, hashes.SM3())
    context.update(data)
    return context.finalize()


def library_under(key: bytes) -> Callable[[bytes], bytes]:
    """`CRYPTOGRAPHY.keyed` under one key that is used often."""
    copy = library_hmac.HMAC(key, hashes.SM3()).copy

    def keyed(data: bytes) -> bytes:
        context = copy()
        context.update(data)
        return context.finalize()

    return keyed


HASHLIB: Final = Sm3Backend("hashlib", _hashlib_digest(), _hashlib_keyed)
CRYPTOGRAPHY: Final = Sm3Backend("cryptography", _library_digest, _library_keyed)


def first_working(backends: Sequence[Sm3Backend]) -> Sm3Backend:
    """The first backend that hashes the standard's example right; raises `Sm3Missing`."""
    for backend in backends:
        try:
            if backend.digest(b"abc").hex() == _ABC_DIGEST:
                return backend
        except (ValueError, UnsupportedAlgorithm):
            continue
    names = ", ".join(backend.name for backend in backends)
    raise Sm3Missing(
        f"SM3 is not available (tried: {names}). Install the 'cryptography' wheel from the"
        " package index, or a Python linked against OpenSSL 1.1.1 or later with SM3 enabled."
    )


_BACKEND: Final = first_working((HASHLIB, CRYPTOGRAPHY))

sm3: Final = _BACKEND.digest
"""`sm3(data)`: the SM3 hash of `data`, 32 bytes."""

hmac_sm3: Final = _BACKEND.keyed
"""`hmac_sm3(key, data)`: HMAC-SM3 of `data` under a key of any length, 32 bytes."""

hmac_sm3_under: Final = hashlib_under if _BACKEND is HASHLIB else library_under
"""`hmac_sm3_under(key)(data)`: the same, with the key made ready once."""


def sm3_upper(data: bytes) -> str:
    """The SM3 hash of `data` as 64 upper-case hex characters."""
    return sm3(data).hex().upper()
