"""The one place that binds libcrypto (OpenSSL) 3 or later: the SM2 operations of GB/T 32918.

    LibcryptoError
    ├── LibcryptoMissing    no library that was found can do SM2
    └── OperationRefused    the library said no: bad key, bad ciphertext, wrong key

Takes and gives bytes: scalars of 32, points of 65 (04 || X || Y), digests of 32,
signatures and ciphertexts as DER. Knows no files, no ids and no certificates, and
hashes nothing: `sm2.py` forms the digest that is signed.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final

from openehc.crypto.libcrypto_loading import (
    LibcryptoError,
    LibcryptoMissing,
    Params,
    candidates,
    declare,
)

__all__ = [
    "LibcryptoError",
    "LibcryptoMissing",
    "NativeKey",
    "OperationRefused",
    "first_usable",
    "fresh_scalar",
    "library_version",
    "point_of",
    "private_key",
    "public_key",
]

SCALAR_SIZE: Final = 32
POINT_SIZE: Final = 65
DIGEST_SIZE: Final = 32

_OLDEST: Final = 0x3000_0000
_NID_SM2: Final = 1172
_POINT_UNCOMPRESSED: Final = 4
_PUBLIC_KEY: Final = 0x86  # EVP_PKEY_PUBLIC_KEY
_KEY_PAIR: Final = 0x87  # EVP_PKEY_KEYPAIR
_LONGEST_SIGNATURE: Final = 72
_CIPHERTEXT_EXTRA: Final = 128  # two integers, a hash and the headers of the DER form
_ERROR_TEXT: Final = 256
# n - 2 of the curve sm2p256v1: the largest private key (GB/T 32918.1 6.1)
_LARGEST_SCALAR: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54121


class OperationRefused(LibcryptoError):
    """The library refused the key or the data; its own words are in the message."""


class _Handle:
    """A native object that is freed with its Python owner."""

    __slots__ = ("_free", "pointer")

    def __init__(self, pointer: int | None, free: Callable[[int], object]) -> None:
        if not pointer:
            raise _refused("allocation")
        self.pointer = pointer
        self._free = free

    def __del__(self) -> None:
        pointer = getattr(self, "pointer", None)
        if pointer:
            self._free(pointer)


class _Operation:
    """One initialised EVP_PKEY_CTX, used by one thread at a time."""

    __slots__ = ("context", "handle")

    def __init__(self, key: _Handle, begin: str) -> None:
        lib = _lib()
        self.handle = _Handle(
            lib.EVP_PKEY_CTX_new_from_pkey(None, key.pointer, None), lib.EVP_PKEY_CTX_free
        )
        self.context = self.handle.pointer
        if getattr(lib, begin)(self.context) != 1:
            raise _refused(begin)


class _Pool:
    """Idle operations of one kind; list.pop and list.append are atomic in CPython."""

    __slots__ = ("_begin", "_idle", "_key")

    def __init__(self, key: _Handle, begin: str) -> None:
        self._key = key
        self._begin = begin
        self._idle: list[_Operation] = []

    def take(self) -> _Operation:
        try:
            return self._idle.pop()
        except IndexError:
            return _Operation(self._key, self._begin)

    def give_back(self, operation: _Operation) -> None:
        self._idle.append(operation)


class NativeKey:
    """A key inside the library; may be shared by threads, cannot be copied or pickled."""

    __slots__ = ("_decrypting", "_encrypting", "_key", "_signing", "_verifying")

    def __init__(self, key: _Handle) -> None:
        self._key = key
        self._signing = _Pool(key, "EVP_PKEY_sign_init")
        self._verifying = _Pool(key, "EVP_PKEY_verify_init")
        self._encrypting = _Pool(key, "EVP_PKEY_encrypt_init")
        self._decrypting = _Pool(key, "EVP_PKEY_decrypt_init")

    def __reduce__(self) -> str:
        """Refuse to be pickled: a key would travel in the clear."""
        raise TypeError("a key inside the library cannot be pickled")

    def sign(self, digest: bytes) -> bytes:
        """The DER signature of a 32-byte digest (GB/T 32918.2 6.1); a fresh k each time."""
        operation = self._signing.take()
        buffer = ctypes.create_string_buffer(_LONGEST_SIGNATURE)
        size = ctypes.c_size_t(_LONGEST_SIGNATURE)
        done = _lib().EVP_PKEY_sign(
            operation.context, buffer, ctypes.byref(size), digest, len(digest)
        )
        if done != 1:
            raise _refused("sign")
        self._signing.give_back(operation)
        return buffer.raw[: size.value]

    def verify(self, signature: bytes, *, digest: bytes) -> bool:
        """Whether the DER signature belongs to the 32-byte digest (GB/T 32918.2 7.1)."""
        operation = self._verifying.take()
        lib = _lib()
        answer: int = lib.EVP_PKEY_verify(
            operation.context, signature, len(signature), digest, len(digest)
        )
        if answer != 1:
            lib.ERR_clear_error()  # a malformed signature leaves its reason behind
            return False
        self._verifying.give_back(operation)
        return True

    def encrypt(self, plaintext: bytes) -> bytes:
        """The DER ciphertext (GM/T 0009 7.2) of 1 byte or more."""
        return self._transform(
            "EVP_PKEY_encrypt", self._encrypting, plaintext, room=len(plaintext) + _CIPHERTEXT_EXTRA
        )

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of a DER ciphertext, C3 checked; raises `OperationRefused`."""
        return self._transform(
            "EVP_PKEY_decrypt", self._decrypting, ciphertext, room=len(ciphertext)
        )

    def scalar(self) -> bytes:
        """The private key, 32 bytes big-endian; raises `OperationRefused` without one."""
        return _scalar_of(self._key)

    def _transform(self, name: str, pool: _Pool, data: bytes, *, room: int) -> bytes:
        operation = pool.take()
        buffer = ctypes.create_string_buffer(room)
        size = ctypes.c_size_t(room)
        done = getattr(_lib(), name)(operation.context, buffer, ctypes.byref(size), data, len(data))
        if done != 1:
            raise _refused(name)
        pool.give_back(operation)
        return buffer.raw[: size.value]


def private_key(scalar: bytes, *, point: bytes) -> NativeKey:
    """The key pair of a scalar and its point; raises `OperationRefused` when impossible."""
    _require_scalar(scalar)
    return NativeKey(_from_data(_KEY_PAIR, point=point, scalar=scalar))


def public_key(point: bytes) -> NativeKey:
    """The public key of a point; raises `OperationRefused` when it is not on the curve."""
    return NativeKey(_from_data(_PUBLIC_KEY, point=point, scalar=None))


def fresh_scalar() -> bytes:
    """A new private key from the library's own generator, 32 bytes."""
    lib = _lib()
    maker = _Handle(lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None), lib.EVP_PKEY_CTX_free)
    made = ctypes.c_void_p()
    if lib.EVP_PKEY_keygen_init(maker.pointer) != 1:
        raise _refused("keygen_init")
    if lib.EVP_PKEY_generate(maker.pointer, ctypes.byref(made)) != 1:
        raise _refused("generate")
    return _scalar_of(_Handle(made.value, lib.EVP_PKEY_free))


def point_of(scalar: bytes) -> bytes:
    """The public point of a private key, 65 bytes; raises `OperationRefused` out of range."""
    _require_scalar(scalar)
    lib = _lib()
    group = _Handle(lib.EC_GROUP_new_by_curve_name(_NID_SM2), lib.EC_GROUP_free)
    point = _Handle(lib.EC_POINT_new(group.pointer), lib.EC_POINT_free)
    number = _Handle(lib.BN_bin2bn(scalar, len(scalar), None), lib.BN_clear_free)
    if lib.EC_POINT_mul(group.pointer, point.pointer, number.pointer, None, None, None) != 1:
        raise _refused("EC_POINT_mul")
    buffer = ctypes.create_string_buffer(POINT_SIZE)
    written = lib.EC_POINT_point2oct(
        group.pointer, point.pointer, _POINT_UNCOMPRESSED, buffer, POINT_SIZE, None
    )
    if written != POINT_SIZE:
        raise _refused("EC_POINT_point2oct")
    return buffer.raw


def library_version() -> str:
    """What the loaded library calls itself; raises `LibcryptoMissing`."""
    text: bytes = _lib().OpenSSL_version(0)
    return text.decode("ascii", "replace")


def _require_scalar(scalar: bytes) -> None:
    if len(scalar) != SCALAR_SIZE or not 1 <= int.from_bytes(scalar, "big") <= _LARGEST_SCALAR:
        raise OperationRefused("an SM2 private key has 32 bytes and lies in 1..n-2")


def _from_data(selection: int, *, point: bytes, scalar: bytes | None) -> _Handle:
    if len(point) != POINT_SIZE or point[0] != _POINT_UNCOMPRESSED:
        raise OperationRefused("an SM2 public key is 04 || X || Y, 65 bytes")
    lib = _lib()
    maker = _Handle(lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None), lib.EVP_PKEY_CTX_free)
    params = Params(point=point, scalar=scalar)
    made = ctypes.c_void_p()
    if lib.EVP_PKEY_fromdata_init(maker.pointer) != 1:
        raise _refused("fromdata_init")
    done = lib.EVP_PKEY_fromdata(maker.pointer, ctypes.byref(made), selection, params.array)
    if done != 1:
        raise _refused("the public key is no point of the curve")
    return _Handle(made.value, lib.EVP_PKEY_free)


def _scalar_of(key: _Handle) -> bytes:
    lib = _lib()
    made = ctypes.c_void_p()
    if lib.EVP_PKEY_get_bn_param(key.pointer, b"priv", ctypes.byref(made)) != 1:
        raise _refused("the key holds no private part")
    number = _Handle(made.value, lib.BN_clear_free)
    buffer = ctypes.create_string_buffer(SCALAR_SIZE)
    if lib.BN_bn2binpad(number.pointer, buffer, SCALAR_SIZE) != SCALAR_SIZE:
        raise _refused("BN_bn2binpad")
    return buffer.raw


def _refused(what: str) -> OperationRefused:
    """The library's own reasons, taken off its queue so that nobody else meets them."""
    reasons = "; ".join(_pending_errors()) or "no reason given"
    return OperationRefused(f"{what}: {reasons}")


def _pending_errors() -> Iterator[str]:
    lib = _lib()
    while code := lib.ERR_get_error():
        buffer = ctypes.create_string_buffer(_ERROR_TEXT)
        lib.ERR_error_string_n(code, buffer, _ERROR_TEXT)
        yield buffer.value.decode("ascii", "replace")


@cache
def _lib() -> Any:  # noqa: ANN401 (ctypes gives functions no static types)
    return first_usable(candidates())


def first_usable(found: Iterable[tuple[str, Any]]) -> Any:  # noqa: ANN401 (as above)
    """The first library that is new enough and can do SM2; raises `LibcryptoMissing`.

    `found` are places and loaded libraries; later ones are loaded only when needed.
    """
    tried: list[str] = []
    for place, library in found:
        problem = _problem_with(library)
        if problem is None:
            return library
        tried.append(f"{place}: {problem}")
    raise LibcryptoMissing(
        "SM2 needs OpenSSL's libcrypto 3.0 or later with SM2 enabled; found"
        f" {'; '.join(tried) or 'no libcrypto at all'}. Install the distribution's OpenSSL 3"
        " (package libssl3 or openssl-libs), or a Python that brings its own."
    )


def _problem_with(library: Any) -> str | None:  # noqa: ANN401 (as above)
    try:
        declare(library)
    except AttributeError as missing:
        return f"too old, or without the needed functions ({missing})"
    version: int = library.OpenSSL_version_num()
    if version < _OLDEST:
        return f"version {version:#x} is older than 3.0"
    group = library.EC_GROUP_new_by_curve_name(_NID_SM2)
    context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    library.EC_GROUP_free(group)
    library.EVP_PKEY_CTX_free(context)
    library.ERR_clear_error()
    return None if group and context else "built without SM2"
