"""A device behind an SDF library: one session per thread, opened again after an error.

Every call here blocks; `sdf.py` keeps them off the event loop. What the values mean,
this module does not know.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from openehc.crypto.module.port import DeviceInformation
from openehc.crypto.module.sdf_library import SdfFailed, SdfLibrary
from openehc.kernel.refusal import CryptoModuleDown

T = TypeVar("T")

SM4_ECB: Final = 0x00000401
SM3: Final = 0x00000001


@dataclass(frozen=True, slots=True)
class KeyByIndex:
    """A key that lies in the device; not every library has `SDF_GetSymmKeyHandle`."""

    index: int


@dataclass(frozen=True, slots=True)
class KeyUnderKek:
    """A key that lies outside, encrypted under the device's key `kek_index`."""

    kek_index: int
    encrypted: bytes


KeyAccess = KeyByIndex | KeyUnderKek


@dataclass(frozen=True, slots=True, kw_only=True)
class SdfSettings:
    """How the device is used.

    `waiting` is how many calls may wait for one of the `threads`; `call_seconds` bounds
    a call with its waiting; a device that failed is opened again at most every
    `reopen_seconds`. The algorithm numbers are those of GM/T 0006.
    """

    safe_key: KeyAccess
    protect_key: KeyAccess
    threads: int = 4
    waiting: int = 1024
    call_seconds: float = 2.0
    reopen_seconds: float = 1.0
    sm4_ecb: int = SM4_ECB
    sm3: int = SM3


class SdfSession:
    """One thread's session and the handles of both keys in it."""

    __slots__ = ("_handle", "_library", "_protect", "_safe", "_settings", "generation")

    def __init__(
        self, library: SdfLibrary, *, device: int, generation: int, settings: SdfSettings
    ) -> None:
        """Open it; raises `SdfFailed`."""
        self.generation: Final = generation
        self._library = library
        self._settings = settings
        self._handle = library.open_session(device)
        try:
            self._safe = self._key(settings.safe_key)
            self._protect = self._key(settings.protect_key)
        except SdfFailed:
            self.close()
            raise

    def close(self) -> None:
        """End it, as far as the device still answers."""
        with suppress(SdfFailed):
            self._library.close_session(self._handle)

    def device_information(self) -> DeviceInformation:
        """What the device tells of itself."""
        return self._library.device_information(self._handle)

    def digest(self, data: bytes) -> bytes:
        """SM3 of `data`, 32 bytes."""
        return self._library.digest(self._handle, algorithm=self._settings.sm3, data=data)

    def encrypt(self, plain: bytes, *, derivation: bytes | None) -> bytes:
        """SM4-ECB under the protect key, or the key that the derivation gives."""
        return self._under_key(self._library.encrypt, plain, derivation)

    def decrypt(self, cipher: bytes, *, derivation: bytes | None) -> bytes:
        """The way back of `encrypt`."""
        return self._under_key(self._library.decrypt, cipher, derivation)

    def _under_key(
        self, cipher: Callable[..., bytes], data: bytes, derivation: bytes | None
    ) -> bytes:
        algorithm = self._settings.sm4_ecb
        if derivation is None:
            return cipher(self._handle, key=self._protect, algorithm=algorithm, data=data)
        # The interface has no derivation: the resident's key passes through this process.
        user_key = self._library.encrypt(
            self._handle, key=self._safe, algorithm=algorithm, data=derivation
        )
        handle = self._library.import_key(self._handle, key=user_key)
        try:
            return cipher(self._handle, key=handle, algorithm=algorithm, data=data)
        finally:
            with suppress(SdfFailed):  # what went wrong before says more
                self._library.destroy_key(self._handle, key=handle)

    def _key(self, access: KeyAccess) -> int:
        if isinstance(access, KeyByIndex):
            return self._library.internal_key(self._handle, index=access.index)
        return self._library.import_key_under_kek(
            self._handle,
            algorithm=self._settings.sm4_ecb,
            kek_index=access.kek_index,
            encrypted=access.encrypted,
        )


class SdfDevice:
    """The device, shared by threads; opened by the first call."""

    def __init__(
        self,
        path: Path,
        *,
        settings: SdfSettings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Load the library; raises `UnfitLibrary`."""
        self._library = SdfLibrary(path, needs=_needed(settings))
        self._settings = settings
        self._monotonic = monotonic
        self._gate = threading.Condition()
        self._own = threading.local()
        self._device: int | None = None
        self._sessions: list[SdfSession] = []
        self._generation = 0
        self._inside = 0
        self._retiring = False
        self._closed = False
        self._retire_from = 0.0
        self._open_from = 0.0

    def run(self, work: Callable[[SdfSession], T]) -> T:
        """What `work` returns with this thread's session; raises `CryptoModuleDown`.

        After an error of the device it is opened again, and the work, which is pure,
        is done once more.
        """
        try:
            return self._run_once(work)
        except SdfFailed as failed:
            if not failed.wants_reopening or not self._retired(self._last_generation()):
                raise
        return self._run_once(work)

    def close(self) -> None:
        """End all sessions and give the device back; waits for calls under way."""
        with self._gate:
            self._closed = True
            self._retire()

    def _run_once(self, work: Callable[[SdfSession], T]) -> T:
        device, generation = self._enter()
        try:
            return work(self._session(device, generation))
        finally:
            with self._gate:
                self._inside -= 1
                self._gate.notify_all()

    def _enter(self) -> tuple[int, int]:
        with self._gate:
            self._gate.wait_for(lambda: not self._retiring)
            if self._closed:
                raise CryptoModuleDown("the crypto module is closed")
            self._own.generation = self._generation
            if self._device is None:
                self._device = self._opened()
            self._inside += 1
            return self._device, self._generation

    def _opened(self) -> int:
        """Under the gate: others wait for the outcome rather than open it as well."""
        now = self._monotonic()
        if now < self._open_from:
            raise CryptoModuleDown("the crypto device could not be opened a moment ago")
        try:
            return self._library.open_device()
        except SdfFailed:
            self._open_from = now + self._settings.reopen_seconds
            raise

    def _session(self, device: int, generation: int) -> SdfSession:
        session: SdfSession | None = getattr(self._own, "session", None)
        if session is None or session.generation != generation:
            session = SdfSession(
                self._library, device=device, generation=generation, settings=self._settings
            )
            self._own.session = session
            with self._gate:
                self._sessions.append(session)
        return session

    def _last_generation(self) -> int:
        generation: int = self._own.generation
        return generation

    def _retired(self, generation: int) -> bool:
        """Whether the device that failed is given back, so that a new one may do better."""
        with self._gate:
            self._gate.wait_for(lambda: not self._retiring)
            if generation != self._generation:
                return True  # another thread saw to it
            now = self._monotonic()
            if self._device is None or now < self._retire_from:
                return False
            self._retire_from = now + self._settings.reopen_seconds
            self._retire()
            return True

    def _retire(self) -> None:
        """Under the gate. A thread that hangs in the library keeps its handles for good."""
        self._retiring = True
        drained = self._gate.wait_for(lambda: not self._inside, timeout=self._settings.call_seconds)
        device, sessions = self._device, self._sessions
        self._device, self._sessions = None, []
        self._generation += 1
        if drained and device is not None:
            for session in sessions:
                session.close()
            with suppress(SdfFailed):
                self._library.close_device(device)
        self._retiring = False
        self._gate.notify_all()


def _needed(settings: SdfSettings) -> frozenset[str]:
    names = {KeyByIndex: "SDF_GetSymmKeyHandle", KeyUnderKek: "SDF_ImportKeyWithKEK"}
    return frozenset(names[type(key)] for key in (settings.safe_key, settings.protect_key))
