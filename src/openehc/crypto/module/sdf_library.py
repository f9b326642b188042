"""The C interface of cryptographic devices (GM/T 0018-2012), called through ctypes.

One method per function that we use, bytes in and bytes out, return codes told by name.
Which device, session and key are used, and when, `sdf_device.py` decides.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_uint32, c_void_p
from pathlib import Path
from typing import Any, Final

from openehc.crypto.module.port import DeviceInformation
from openehc.kernel.refusal import CryptoModuleDown

_BASE: Final = 0x01000000
_NAMES: Final = (
    "UNKNOWERR", "NOTSUPPORT", "COMMFAIL", "HARDFAIL", "OPENDEVICE", "OPENSESSION", "PARDENY",
    "KEYNOTEXIST", "ALGNOTSUPPORT", "ALGMODNOTSUPPORT", "PKOPERR", "SKOPERR", "SIGNERR",
    "VERIFYERR", "SYMOPERR", "STEPERR", "FILESIZEERR", "FILENOEXIST", "FILEOFSERR", "KEYTYPEERR",
    "KEYERR", "ENCDATAERR", "RANDERR", "PRKRERR", "MACERR", "FILEEXISTS", "FILEWERR", "NOBUFFER",
    "INARGERR", "OUTARGERR",
)  # fmt: skip
RETURN_CODES: Final = {_BASE + at: f"SDR_{name}" for at, name in enumerate(_NAMES, start=1)}
"""Return codes of the standard; makers add their own."""

_ANSWERS: Final = frozenset(
    {
        "SDR_NOTSUPPORT",
        "SDR_PARDENY",
        "SDR_KEYNOTEXIST",
        "SDR_ALGNOTSUPPORT",
        "SDR_ALGMODNOTSUPPORT",
    }
)
"""Codes that a device in good order gives: opening it again would change nothing."""

_DIGEST_SIZE: Final = 32
_BLOCK: Final = 16
_SYMMETRIC: Final = {0x100: "SM1", 0x200: "SSF33", 0x400: "SM4", 0x800: "ZUC"}
_HASHES: Final = {0x1: "SM3", 0x2: "SHA1", 0x4: "SHA256"}
_OUT_HANDLE: Final = POINTER(c_void_p)
_OUT_SIZE: Final = POINTER(c_uint32)
_CIPHER: Final = (c_void_p, c_void_p, c_uint32, c_char_p, c_char_p, c_uint32, c_char_p, _OUT_SIZE)
_SIGNATURES: Final[dict[str, tuple[Any, ...]]] = {
    "SDF_OpenDevice": (_OUT_HANDLE,),
    "SDF_CloseDevice": (c_void_p,),
    "SDF_OpenSession": (c_void_p, _OUT_HANDLE),
    "SDF_CloseSession": (c_void_p,),
    "SDF_GetDeviceInfo": (c_void_p, c_void_p),
    "SDF_ImportKey": (c_void_p, c_char_p, c_uint32, _OUT_HANDLE),
    "SDF_DestroyKey": (c_void_p, c_void_p),
    "SDF_Encrypt": _CIPHER,
    "SDF_Decrypt": _CIPHER,
    "SDF_HashInit": (c_void_p, c_uint32, c_void_p, c_char_p, c_uint32),
    "SDF_HashUpdate": (c_void_p, c_char_p, c_uint32),
    "SDF_HashFinal": (c_void_p, c_char_p, _OUT_SIZE),
}
_OPTIONAL: Final[dict[str, tuple[Any, ...]]] = {
    "SDF_GetSymmKeyHandle": (c_void_p, c_uint32, _OUT_HANDLE),
    "SDF_ImportKeyWithKEK": (c_void_p, c_uint32, c_uint32, c_char_p, c_uint32, _OUT_HANDLE),
    "SDF_GenerateKeyWithKEK": (
        c_void_p,
        c_uint32,
        c_uint32,
        c_uint32,
        c_char_p,
        _OUT_SIZE,
        _OUT_HANDLE,
    ),
}


class UnfitLibrary(ValueError):
    """The file is no library of GM/T 0018, or lacks a function that the settings ask for."""


class SdfFailed(CryptoModuleDown):
    """A function of the library returned a code other than 0."""

    def __init__(self, function: str, code: int) -> None:
        """`code` as the library returned it."""
        self.name = RETURN_CODES.get(code, "a code of the maker")
        super().__init__(f"{function} failed with {self.name} (0x{code:08X})")

    @property
    def wants_reopening(self) -> bool:
        """Whether the device, rather than the request, may be at fault."""
        return self.name not in _ANSWERS


class _DeviceInfo(Structure):
    _fields_ = (
        ("issuer_name", c_char * 40),
        ("device_name", c_char * 16),
        ("device_serial", c_char * 16),
        ("device_version", c_uint32),
        ("standard_version", c_uint32),
        ("asymmetric_ability", c_uint32 * 2),
        ("symmetric_ability", c_uint32),
        ("hash_ability", c_uint32),
        ("buffer_size", c_uint32),
    )


class SdfLibrary:
    """The functions; every method raises `SdfFailed`. Threads may share it.

    Handles are plain numbers: a device's, a session's, a key's.
    """

    def __init__(self, path: Path, *, needs: frozenset[str] = frozenset()) -> None:
        """Load it; raises `UnfitLibrary`. `needs` names optional functions."""
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise UnfitLibrary(f"{path} cannot be loaded as a library: {error}") from None
        signatures = _SIGNATURES | {name: _OPTIONAL[name] for name in needs}
        missing = [name for name in signatures if not hasattr(library, name)]
        if missing:
            raise UnfitLibrary(f"{path} lacks {', '.join(missing)}")
        self._functions = {
            name: _prepared(library, name, arguments=arguments)
            for name, arguments in signatures.items()
        }

    def open_device(self) -> int:
        """A handle of the device."""
        return self._handle("SDF_OpenDevice")

    def close_device(self, device: int) -> None:
        """Give the device back."""
        self._call("SDF_CloseDevice", device)

    def open_session(self, device: int) -> int:
        """A handle of a session with the device."""
        return self._handle("SDF_OpenSession", device)

    def close_session(self, session: int) -> None:
        """End the session."""
        self._call("SDF_CloseSession", session)

    def device_information(self, session: int) -> DeviceInformation:
        """Maker, model, serial number, version and what we may want to know of algorithms."""
        info = _DeviceInfo()
        self._call("SDF_GetDeviceInfo", session, byref(info))
        return DeviceInformation(
            maker=_text(info.issuer_name),
            model=_text(info.device_name),
            serial=_text(info.device_serial),
            version=str(info.device_version),
            algorithms=(
                *(name for bit, name in _HASHES.items() if info.hash_ability & bit),
                *(name for bit, name in _SYMMETRIC.items() if info.symmetric_ability & bit),
            ),
        )

    def internal_key(self, session: int, *, index: int) -> int:
        """A handle of the key that lies at `index` in the device."""
        return self._handle("SDF_GetSymmKeyHandle", session, index)

    def import_key(self, session: int, *, key: bytes) -> int:
        """A handle of a session key given in plain."""
        return self._handle("SDF_ImportKey", session, key, len(key))

    def import_key_under_kek(
        self, session: int, *, algorithm: int, kek_index: int, encrypted: bytes
    ) -> int:
        """A handle of a session key that the device decrypts under its key `kek_index`."""
        return self._handle(
            "SDF_ImportKeyWithKEK", session, algorithm, kek_index, encrypted, len(encrypted)
        )

    def generate_key_under_kek(
        self, session: int, *, algorithm: int, kek_index: int
    ) -> tuple[int, bytes]:
        """A handle of a new session key, and the key encrypted under the device's `kek_index`."""
        handle, room = c_void_p(), 2 * _BLOCK
        out, size = ctypes.create_string_buffer(room), c_uint32(room)
        name = "SDF_GenerateKeyWithKEK"
        self._call(name, session, 8 * _BLOCK, algorithm, kek_index, out, byref(size), byref(handle))
        return handle.value or 0, _result(name, out, size, expected=_BLOCK)

    def destroy_key(self, session: int, *, key: int) -> None:
        """Forget a session key."""
        self._call("SDF_DestroyKey", session, key)

    def encrypt(self, session: int, *, key: int, algorithm: int, data: bytes) -> bytes:
        """As many bytes as `data` has."""
        return self._cipher("SDF_Encrypt", session, key, algorithm, data)

    def decrypt(self, session: int, *, key: int, algorithm: int, data: bytes) -> bytes:
        """As many bytes as `data` has."""
        return self._cipher("SDF_Decrypt", session, key, algorithm, data)

    def digest(self, session: int, *, algorithm: int, data: bytes) -> bytes:
        """The hash, 32 bytes."""
        out, size = ctypes.create_string_buffer(_DIGEST_SIZE * 2), c_uint32(_DIGEST_SIZE * 2)
        self._call("SDF_HashInit", session, algorithm, None, None, 0)
        self._call("SDF_HashUpdate", session, data, len(data))
        self._call("SDF_HashFinal", session, out, byref(size))
        return _result("SDF_HashFinal", out, size, expected=_DIGEST_SIZE)

    def _cipher(self, name: str, session: int, key: int, algorithm: int, data: bytes) -> bytes:
        room = len(data) + _BLOCK  # should a device add padding, it must not write elsewhere
        out, size = ctypes.create_string_buffer(room), c_uint32(room)
        # ECB has no vector, yet some libraries read one
        vector = bytes(_BLOCK)
        self._call(name, session, key, algorithm, vector, data, len(data), out, byref(size))
        return _result(name, out, size, expected=len(data))

    def _handle(self, name: str, *arguments: object) -> int:
        handle = c_void_p()
        self._call(name, *arguments, byref(handle))
        return handle.value or 0

    def _call(self, name: str, *arguments: object) -> None:
        code = self._functions[name](*arguments)
        if code:
            raise SdfFailed(name, code)


def _prepared(library: ctypes.CDLL, name: str, *, arguments: tuple[Any, ...]) -> Callable[..., int]:
    function = getattr(library, name)
    function.argtypes = arguments
    function.restype = c_uint32
    prepared: Callable[..., int] = function
    return prepared


def _result(name: str, out: "ctypes.Array[c_char]", size: c_uint32, *, expected: int) -> bytes:
    if size.value != expected:
        raise CryptoModuleDown(f"{name} gave {size.value} bytes instead of {expected}")
    return out.raw[:expected]


def _text(field: bytes) -> str:
    return field.decode("ascii", errors="replace").strip()
