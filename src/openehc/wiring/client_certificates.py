"""How a node asks clients for TLS certificates (材料一 9.6), and which settings go together.

Reads no file and makes no connection: that is tls.py.
"""

from enum import StrEnum, unique
from pathlib import Path
from typing import Protocol


@unique
class ClientCertificates(StrEnum):
    """How clients show certificates."""

    OFF = "off"
    """Nobody is asked."""
    OFFERED = "offered"
    """The handshake asks; who shows none is let in, and the register decides by application."""
    DEMANDED = "demanded"
    """No connection without a valid one."""
    FORWARDED = "forwarded"
    """A proxy in front asks, and passes on in a header what it was shown."""


class TlsSettings(Protocol):
    """The settings, as far as they are judged here."""

    @property
    def roles(self) -> tuple[str, ...]: ...  # noqa: D102 (as in Settings)
    @property
    def proxies(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def tls_certificate(self) -> Path | None: ...  # noqa: D102
    @property
    def tls_client_certificates(self) -> ClientCertificates: ...  # noqa: D102
    @property
    def tls_client_ca(self) -> Path | None: ...  # noqa: D102
    @property
    def tls_client_crl(self) -> Path | None: ...  # noqa: D102


def asks(settings: TlsSettings) -> bool:
    """Whether the node's own handshake asks for a certificate."""
    return settings.tls_client_certificates in {
        ClientCertificates.OFFERED, ClientCertificates.DEMANDED,
    }  # fmt: skip


def contradiction(settings: TlsSettings) -> str:
    """What does not go together, and what to do; "" when everything does."""
    how = settings.tls_client_certificates
    if asks(settings):
        if settings.tls_certificate is None:
            return f"tls_client_certificates = {how}: needs tls_certificate and tls_key"
        if settings.tls_client_ca is None:
            return f"tls_client_certificates = {how}: needs tls_client_ca, who vouches for clients"
    elif settings.tls_client_ca or settings.tls_client_crl:
        return (
            f"tls_client_ca and tls_client_crl are not read while tls_client_certificates = {how}"
        )
    if how is ClientCertificates.DEMANDED and "crypto" in settings.roles:
        return (
            "the nodes that call a front proxy (--roles crypto) show no certificate: "
            "tls_client_certificates = demanded would shut them out"
        )
    if how is ClientCertificates.FORWARDED and not settings.proxies:
        return "tls_client_certificates = forwarded: console.proxies has to name who is believed"
    return ""
