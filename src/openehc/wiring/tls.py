"""TLS in the node itself: what workers show (材料三 附录A 3.1) and ask clients for (材料一 9.6).

TLS 1.2 and 1.3 only (材料一 9.6). Files are read when a worker starts, so a renewed
certificate or list takes new workers: SIGHUP starts them and lets the old ones answer what they
have begun, after which every client has to shake hands again. National TLS (TLCP) needs a
terminator in front.
"""

import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvicorn
from cryptography import x509

from openehc.wiring.client_certificates import ClientCertificates, asks
from openehc.wiring.settings import Settings

_CRL: Final = b"-----BEGIN X509 CRL-----"
_log: Final = logging.getLogger("openehc.node")


class WrongCertificate(ValueError):
    """Certificate, key or list cannot be used; the text names the file."""


class _Locked(Exception):
    """The key wants a password, and nobody is there to type one."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a worker shows; `certificate` holds the chain in PEM, the node's own first.

    Raises WrongCertificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        if not path.is_file():
            raise WrongCertificate(f"{path}: no such file")

    def locked() -> str:
        raise _Locked

    try:
        context.load_cert_chain(certificate, key, password=locked)
    except _Locked:
        raise WrongCertificate(
            f"{key}: the key has a password; give one without, readable for the node alone"
        ) from None
    except (ssl.SSLError, OSError) as error:
        raise WrongCertificate(
            f"{certificate} and {key} do not go together or cannot be read: {error}"
        ) from None
    return context


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """Whose certificates clients may show.

    `authorities` holds certificates in PEM: roots, and authorities under them that clients do
    not send along. `revoked` holds a list in PEM of each, the root's too; without it nothing is
    looked up.
    """

    how: ClientCertificates
    authorities: Path
    revoked: Path | None = None

    def ask(self, context: ssl.SSLContext) -> None:
        """Ask for certificates in every handshake of `context`; raises WrongCertificate."""
        loaded = _loaded(context, self.authorities)
        roots = [one for one in context.get_ca_certs() if one["subject"] == one["issuer"]]
        if not roots or loaded["crl"]:
            raise WrongCertificate(
                f"{self.authorities}: a root is expected, authorities under it, and nothing else"
            )
        # the same with every Python, some of which set more; with a part of the chain OpenSSL
        # cannot look up who revoked its end
        context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
        if self.revoked:
            self._look_up_revoked(context, self.revoked)
        demanded = self.how is ClientCertificates.DEMANDED
        context.verify_mode = ssl.CERT_REQUIRED if demanded else ssl.CERT_OPTIONAL

    def _look_up_revoked(self, context: ssl.SSLContext, path: Path) -> None:
        loaded = _loaded(context, path)
        if not loaded["crl"] or loaded["x509"]:
            raise WrongCertificate(f"{path}: revocation lists in PEM are expected, nothing else")
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        for ended in ended_lists(path.read_bytes(), now=datetime.now(UTC)):
            _log.error("%s: %s; certificates of this authority are refused", path, ended)


def _loaded(context: ssl.SSLContext, path: Path) -> dict[str, int]:
    """How many certificates and lists a file brought."""
    before = context.cert_store_stats()
    if not path.is_file():
        raise WrongCertificate(f"{path}: no such file")
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise WrongCertificate(f"{path} cannot be read: {error}") from None
    after = context.cert_store_stats()
    return {kind: after[kind] - before[kind] for kind in after}


def ended_lists(pem: bytes, *, now: datetime) -> list[str]:
    """The revocation lists whose successor is due, each named with its issuer and its end."""
    read = [x509.load_pem_x509_crl(_CRL + part) for part in pem.split(_CRL)[1:]]
    return [
        f"the list of {listed.issuer.rfc4514_string()} ended at {listed.next_update_utc}"
        for listed in read
        if listed.next_update_utc and listed.next_update_utc <= now
    ]


@dataclass(frozen=True, slots=True)
class ContextFactory:
    """Makes the context in each worker; travels there, so it holds paths and no key."""

    certificate: Path
    key: Path
    clients: ClientTrust | None = None

    def __call__(
        self, _config: uvicorn.Config, _usual: Callable[[], ssl.SSLContext]
    ) -> ssl.SSLContext:
        """The context of `server_context`, which knows the versions to refuse."""
        return self.context()

    def context(self) -> ssl.SSLContext:
        """What a worker shows and asks for; raises WrongCertificate."""
        context = server_context(self.certificate, self.key)
        if self.clients:
            self.clients.ask(context)
        return context


def context_factory(settings: Settings) -> ContextFactory | None:
    """How the workers speak TLS, None when they do not; raises WrongCertificate."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    clients = None
    if asks(settings) and settings.tls_client_ca:
        clients = ClientTrust(
            settings.tls_client_certificates, settings.tls_client_ca, settings.tls_client_crl
        )
    factory = ContextFactory(settings.tls_certificate, settings.tls_key, clients)
    factory.context()  # files that cannot be used stop the start
    return factory


def unchecked_context() -> ssl.SSLContext:
    """For asking oneself over loopback whether one is ready: the name there is another one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def greet(host: str, port: int) -> None:
    """Shake hands with a worker that will not speak to who has no certificate; raises OSError.

    A worker shakes hands only once its application runs, and under TLS 1.3 the client's part
    is over before it can be refused.
    """
    context = unchecked_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection((host, port), timeout=2) as plain:
        context.wrap_socket(plain).close()
