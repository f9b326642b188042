"""A crypto device behind the C interface of GM/T 0018, compiled from `sdf_double.c`.

Each double is a library of its own: what one test breaks, no other sees.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openehc.crypto.module.soft import ModuleKeys
from openehc.crypto.sm4 import ecb_encrypt

SAFE_INDEX: Final = 1
PROTECT_INDEX: Final = 2
KEK_INDEX: Final = 9
KEK: Final = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")

COMMFAIL: Final = 0x01000003
KEYNOTEXIST: Final = 0x01000008

_SOURCE: Final = Path(__file__).with_suffix(".c")
_BUILD: Final = Path(__file__).parents[2] / "build" / "sdf-double"
_FLAGS: Final = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread")


@dataclass(frozen=True, slots=True)
class OpenHandles:
    """What is open in the device now, and how often it was opened."""

    devices: int
    sessions: int
    keys: int
    openings: int


class SdfDouble:
    """One device: its library's path, and the test's own ways into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._library = ctypes.CDLL(str(path))

    def fill(self, index: int, key: bytes) -> None:
        self._library.DOUBLE_SetKey(index, key)

    def unplug(self) -> None:
        self._library.DOUBLE_Unplug(1)

    def plug_in(self) -> None:
        self._library.DOUBLE_Unplug(0)

    def fail(self, code: int, *, times: int) -> None:
        self._library.DOUBLE_Fail(code, times)

    def behave(self, *, delay_ms: int = 0, extra_bytes: int = 0) -> None:
        self._library.DOUBLE_Behave(delay_ms, extra_bytes)

    def count(self) -> OpenHandles:
        counted = (ctypes.c_int * 4)()
        self._library.DOUBLE_Count(counted)
        return OpenHandles(*counted)


@contextmanager
def sdf_double(keys: ModuleKeys, *, flags: tuple[str, ...] = ()) -> Iterator[SdfDouble]:
    """A device that holds `keys`, and under `KEK_INDEX` the key for keys from outside."""
    with tempfile.TemporaryDirectory(prefix="sdf-double-") as folder:
        # a library is known by its file: a copy has a state of its own
        double = SdfDouble(Path(shutil.copy(_compiled(flags), folder)))
        double.fill(SAFE_INDEX, keys.safe_key)
        double.fill(PROTECT_INDEX, keys.protect_key)
        double.fill(KEK_INDEX, KEK)
        yield double


def under_kek(key: bytes) -> bytes:
    """`key` as whoever fills keys hands it out: encrypted under the device's `KEK`."""
    return ecb_encrypt(KEK, key)


def _compiled(flags: tuple[str, ...]) -> Path:
    seed = _SOURCE.read_bytes() + repr((_FLAGS, flags)).encode()
    library = _BUILD / f"{hashlib.sha256(seed).hexdigest()[:16]}.so"
    if library.exists():
        return library
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("the tests of SDF libraries need a C compiler: apt-get install gcc")
    _BUILD.mkdir(parents=True, exist_ok=True)
    own = library.with_suffix(f".{os.getpid()}")
    subprocess.run([compiler, *_FLAGS, *flags, "-o", own, _SOURCE], check=True)
    own.replace(library)  # whole or not at all, for those who compile at the same time
    return library
