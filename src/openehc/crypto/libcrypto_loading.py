"""Finding libcrypto, and the prototype of every function that `libcrypto.py` calls.

    LibcryptoError
    └── LibcryptoMissing    no library that was found can do SM2

Looks where the interpreter's own hash module leads, then beside it, then in the
system, then in the wheels that bring an OpenSSL of their own. Decides nothing
about a library's age or abilities, and calls none of its functions.
"""

import ctypes
import ctypes.util
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final


class LibcryptoError(Exception):
    """libcrypto is missing or refused an operation."""


class LibcryptoMissing(LibcryptoError):
    """No libcrypto that was found can do SM2; the message says what was tried."""


_HANDLE: Final = ctypes.c_void_p
_BYTES: Final = ctypes.c_char_p
_SIZE: Final = ctypes.c_size_t
_INT: Final = ctypes.c_int

_PROTOTYPES: Final[Mapping[str, tuple[Any, tuple[Any, ...]]]] = {
    "OpenSSL_version": (_BYTES, (_INT,)),
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "ERR_get_error": (ctypes.c_ulong, ()),
    "ERR_clear_error": (None, ()),
    "ERR_error_string_n": (None, (ctypes.c_ulong, _BYTES, _SIZE)),
    "BN_bin2bn": (_HANDLE, (_BYTES, _INT, _HANDLE)),
    "BN_bn2binpad": (_INT, (_HANDLE, _BYTES, _INT)),
    "BN_clear_free": (None, (_HANDLE,)),
    "EC_GROUP_new_by_curve_name": (_HANDLE, (_INT,)),
    "EC_GROUP_free": (None, (_HANDLE,)),
    "EC_POINT_new": (_HANDLE, (_HANDLE,)),
    "EC_POINT_free": (None, (_HANDLE,)),
    "EC_POINT_mul": (_INT, (_HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE)),
    "EC_POINT_point2oct": (_SIZE, (_HANDLE, _HANDLE, _INT, _BYTES, _SIZE, _HANDLE)),
    "EVP_PKEY_CTX_new_from_name": (_HANDLE, (_HANDLE, _BYTES, _BYTES)),
    "EVP_PKEY_CTX_new_from_pkey": (_HANDLE, (_HANDLE, _HANDLE, _BYTES)),
    "EVP_PKEY_CTX_free": (None, (_HANDLE,)),
    "EVP_PKEY_free": (None, (_HANDLE,)),
    "EVP_PKEY_keygen_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_generate": (_INT, (_HANDLE, _HANDLE)),
    "EVP_PKEY_fromdata_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_fromdata": (_INT, (_HANDLE, _HANDLE, _INT, _HANDLE)),
    "EVP_PKEY_get_bn_param": (_INT, (_HANDLE, _BYTES, _HANDLE)),
    "EVP_PKEY_sign_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_sign": (_INT, (_HANDLE, _BYTES, _HANDLE, _BYTES, _SIZE)),
    "EVP_PKEY_verify_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_verify": (_INT, (_HANDLE, _BYTES, _SIZE, _BYTES, _SIZE)),
    "EVP_PKEY_encrypt_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_encrypt": (_INT, (_HANDLE, _BYTES, _HANDLE, _BYTES, _SIZE)),
    "EVP_PKEY_decrypt_init": (_INT, (_HANDLE,)),
    "EVP_PKEY_decrypt": (_INT, (_HANDLE, _BYTES, _HANDLE, _BYTES, _SIZE)),
}

_UNSIGNED_INTEGER: Final = 2  # OSSL_PARAM_UNSIGNED_INTEGER: in the machine's byte order
_UTF8_STRING: Final = 4
_OCTET_STRING: Final = 5


class _Param(ctypes.Structure):
    """OSSL_PARAM of <openssl/core.h>."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


class Params:
    """The parameters of an SM2 key, alive and in place as long as the object.

    `point`: 65 bytes; `scalar`: 32 bytes big-endian, or None for a public key.
    """

    __slots__ = ("_kept", "array")

    def __init__(self, *, point: bytes, scalar: bytes | None) -> None:
        """Copy the values into buffers of their own."""
        values = [(b"group", _UTF8_STRING, b"SM2"), (b"pub", _OCTET_STRING, point)]
        if scalar is not None:
            native = scalar if sys.byteorder == "big" else scalar[::-1]
            values.append((b"priv", _UNSIGNED_INTEGER, native))
        self._kept = [ctypes.create_string_buffer(data, len(data)) for _, _, data in values]
        self.array = (_Param * (len(values) + 1))()  # a zeroed entry ends the list
        for entry, (key, kind, data), kept in zip(self.array, values, self._kept, strict=False):
            entry.key, entry.data_type = key, kind
            entry.data, entry.data_size = ctypes.addressof(kept), len(data)


def declare(library: Any) -> None:  # noqa: ANN401 (a ctypes library has no static type)
    """Set every prototype; raises AttributeError naming the first function that is missing."""
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, list(arguments)


def candidates() -> Iterator[tuple[str, ctypes.CDLL]]:
    """Every libcrypto that can be loaded, best first, with the place where it was found."""
    for place in _places():
        try:
            yield place, ctypes.CDLL(place)
        except OSError:
            continue


def _places() -> Iterator[str]:
    hashing = importlib.util.find_spec("_hashlib")
    if hashing and hashing.origin and hashing.has_location:
        # on Linux and macOS its symbols include those of the libcrypto it is linked to
        yield hashing.origin
        yield from _matching(Path(hashing.origin).parent, "libcrypto-3*.dll")
    yield from _matching(Path(sys.base_prefix, "Library", "bin"), "libcrypto-3*.dll")
    found = ctypes.util.find_library("crypto")
    if found:
        yield found
    yield from _in_wheels()


def _in_wheels() -> Iterator[str]:
    """The database driver's wheel brings an OpenSSL, for interpreters that hide theirs."""
    driver = importlib.util.find_spec("psycopg_binary")
    if driver is None or driver.origin is None:
        return
    package = Path(driver.origin).parent
    yield from _matching(package.parent / "psycopg_binary.libs", "libcrypto*")
    yield from _matching(package / ".dylibs", "libcrypto*")


def _matching(folder: Path, pattern: str) -> list[str]:
    return [str(path) for path in sorted(folder.glob(pattern))]
