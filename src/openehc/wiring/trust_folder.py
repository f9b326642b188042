"""Certificates in the node's folder `trust/`, read again whenever a file changed.

    roots/          authorities that are recognised     *.pem
    intermediates/  authorities below them              *.pem
    crls/           their revocation lists              *.pem, *.crl (DER)
    server.pem      the platform's own certificate, to prove itself to whoever signs in
    server.key      its key, PEM; sealed under the node's passphrase or in the clear

A file that cannot be read refuses every certificate, so that a broken revocation list
lets nobody in. Fetches nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateMalformed, CertificateRefused
from openehc.crypto.certificates.profiles import Purpose
from openehc.crypto.certificates.revocation import RevocationList
from openehc.crypto.certificates.trust import TrustList
from openehc.crypto.sm2 import KeyMalformed, Sm2PrivateKey, WrongKeyPassphrase
from openehc.people.ports import ServerIdentity

FOLDER: Final = "trust"
_SUFFIXES: Final = frozenset({".pem", ".crl"})
_log: Final = logging.getLogger("openehc.trust")

Result = TypeVar("Result")
_State = tuple[tuple[str, int, int], ...]


class TrustFolderBroken(CertificateRefused):
    """A file of the folder cannot be used; the log names it."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What the folder holds."""

    trust: TrustList = field(default_factory=TrustList)
    intermediates: tuple[Certificate, ...] = ()
    server: ServerIdentity | None = None
    broken: str = ""


class TrustFolder:
    """`Trust` over a folder."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._state: _State | None = None
        self._read = _Read()
        self._reading = asyncio.Lock()

    async def check(self, certificate: Certificate, *, now: datetime) -> None:
        """As `Trust`."""
        held = await self._present()
        await asyncio.to_thread(
            held.trust.check, certificate, purpose=Purpose.LOGIN, now=now,
            known=held.intermediates,
        )  # fmt: skip

    async def server(self) -> ServerIdentity | None:
        """As `Trust`."""
        return (await self._present()).server

    async def _present(self) -> _Read:
        async with self._reading:
            state = _state_of(self._folder)
            if state != self._state:
                self._read = await asyncio.to_thread(self._read_again)
                self._state = state
        if self._read.broken:
            raise TrustFolderBroken(self._read.broken)
        return self._read

    def _read_again(self) -> _Read:
        try:
            trust = TrustList()
            for root in _all(self._folder / "roots", _certificate):
                trust = trust.trusting(root)
            for listed in _all(self._folder / "crls", _list):
                trust = trust.with_revocations(listed)
            below = tuple(_all(self._folder / "intermediates", _certificate))
            place = self._folder / "server.pem"
            server = _usable(place, self._server) if place.exists() else None
        except CertificateRefused as broken:
            _log.error("no certificate is let in: %s", broken)
            return _Read(broken=str(broken))
        return _Read(trust, below, server)

    def _server(self, place: Path) -> ServerIdentity:
        certificate = _certificate(place)
        text = place.with_suffix(".key").read_text("ascii")
        key = (
            Sm2PrivateKey.from_encrypted_pem(text, passphrase=self._passphrase)
            if "ENCRYPTED" in text
            else Sm2PrivateKey.from_pem(text)
        )
        if key.public != certificate.key:
            raise CertificateMalformed("server.key does not belong to server.pem")
        return ServerIdentity(certificate, key)


def _all(folder: Path, read: Callable[[Path], Result]) -> list[Result]:
    return [_usable(place, read) for place in _files(folder)]


def _usable(place: Path, read: Callable[[Path], Result]) -> Result:
    """What a file holds; raises TrustFolderBroken with its name."""
    try:
        return read(place)
    except (CertificateRefused, KeyMalformed, WrongKeyPassphrase, OSError, ValueError) as wrong:
        raise TrustFolderBroken(f"{place}: {type(wrong).__name__}") from None


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _state_of(folder: Path) -> _State:
    """Name, time and size of every file: what changes when one is replaced."""
    places = [folder / "server.pem", folder / "server.key"]
    for name in ("roots", "intermediates", "crls"):
        places += _files(folder / name)
    found = []
    for place in places:
        try:
            told = place.stat()
        except FileNotFoundError:
            continue
        found.append((str(place), told.st_mtime_ns, told.st_size))
    return tuple(found)


def _certificate(place: Path) -> Certificate:
    return Certificate.from_pem(place.read_text("ascii"))


def _list(place: Path) -> RevocationList:
    content = place.read_bytes()
    if content.startswith(b"-----"):
        return RevocationList.from_pem(content.decode("ascii"))
    return RevocationList.from_der(content)
