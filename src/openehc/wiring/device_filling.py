"""Keys for a device behind an SDF library (密钥灌装): brought in, or made inside.

GM/T 0018 has no call that puts a symmetric key at an index; it takes and makes keys under a
key encryption key that lies in the device. So the key is kept outside as the device
encrypted it, and only that device can use it. Nothing here ever sees a key in plain.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openehc.crypto.module.sdf_device import SM4_ECB
from openehc.crypto.module.sdf_library import SdfLibrary, UnfitLibrary
from openehc.crypto.shares import CHECK_LENGTH
from openehc.crypto.sm4 import BLOCK
from openehc.wiring.crypto_backend import CryptoBackend, Kind
from openehc.wiring.filling import FillingRefused

_IMPORT: Final = "SDF_ImportKeyWithKEK"
_GENERATE: Final = "SDF_GenerateKeyWithKEK"
_ELSEWHERE: Final = {
    Kind.SOFT: "the software module keeps its keys in the key file: ehc keys fill",
    Kind.MACHINE: (
        "crypto machines of the SJJ1310 family are filled with their maker's tool: the protocol"
        " that this program speaks has no command for it; compare afterwards: ehc keys check"
    ),
    Kind.PROXY: "the keys lie behind the front proxy: fill them in there",
}


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A key as the device encrypted it, and its check value."""

    encrypted: bytes
    check: str


def brought_in(backend: CryptoBackend, encrypted: bytes, *, kek_index: int) -> DeviceKey:
    """Check that the device opens the key, and what its check value is.

    Raises FillingRefused and what the device answers (`SdfFailed`).
    """
    with _session(backend, needs=_IMPORT) as (library, session):
        handle = library.import_key_under_kek(
            session, algorithm=SM4_ECB, kek_index=kek_index, encrypted=encrypted
        )
        return DeviceKey(encrypted, _check(library, session, handle))


def made_inside(backend: CryptoBackend, *, kek_index: int) -> DeviceKey:
    """A new key that nobody ever sees; raises as `brought_in`."""
    with _session(backend, needs=_GENERATE) as (library, session):
        handle, encrypted = library.generate_key_under_kek(
            session, algorithm=SM4_ECB, kek_index=kek_index
        )
        return DeviceKey(encrypted, _check(library, session, handle))


def _check(library: SdfLibrary, session: int, handle: int) -> str:
    """A block of zeros, enciphered: what machines show too."""
    try:
        block = library.encrypt(session, key=handle, algorithm=SM4_ECB, data=bytes(BLOCK))
    finally:
        library.destroy_key(session, key=handle)
    return block.hex().upper()[:CHECK_LENGTH]


@contextmanager
def _session(backend: CryptoBackend, *, needs: str) -> Iterator[tuple[SdfLibrary, int]]:
    library = _library(backend, needs)
    device = library.open_device()
    try:
        session = library.open_session(device)
        try:
            yield library, session
        finally:
            library.close_session(session)
    finally:
        library.close_device(device)


def _library(backend: CryptoBackend, needs: str) -> SdfLibrary:
    if backend.kind is not Kind.SDF or backend.library is None:
        raise FillingRefused(_ELSEWHERE[backend.kind])
    try:
        return SdfLibrary(Path(backend.library), needs=frozenset({needs}))
    except UnfitLibrary as unfit:
        raise FillingRefused(str(unfit)) from None
