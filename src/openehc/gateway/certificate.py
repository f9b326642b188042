"""Which client certificate a request came with (材料一 9.6), as the SHA-256 of its DER bytes.

Of the connection itself, where the node speaks TLS, or of the header in which a trusted proxy
in front passes on what a client showed to it. The header of anybody else is not read. Whether a
certificate is valid was judged in the handshake, whose it is stands in the register.
"""

import asyncio
import binascii
import hashlib
import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from openehc.gateway.peer import Headers, PeerFinder

HEADER: Final = b"x-client-cert"
"""PEM in the escapes of a URL, as nginx has it in $ssl_client_escaped_cert."""

SCOPE_KEY: Final = "openehc.client_certificate"
"""Where the state of an ASGI scope holds the certificate of the connection."""

LONGEST_HEADER: Final = 8192
_PEM: Final = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*"
)


def shown_on(transport: asyncio.BaseTransport) -> str:
    """What the peer showed in the handshake of this connection; "" when it showed nothing."""
    tls = transport.get_extra_info("ssl_object")
    shown: bytes | None = tls.getpeercert(binary_form=True) if tls else None
    return hashlib.sha256(shown).hexdigest() if shown else ""


def shown_until(transport: asyncio.BaseTransport) -> float:
    """When the certificate that was shown and judged ends, in seconds since 1970."""
    shown = transport.get_extra_info("ssl_object").getpeercert()
    return float(ssl.cert_time_to_seconds(shown["notAfter"]))


@dataclass(frozen=True, slots=True)
class ForwardedCertificate:
    """Reads what proxies say that clients showed them."""

    peers: PeerFinder

    def of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """The SHA-256 of the certificate; "" from others than proxies, and for anything unclear."""
        if client is None or not self.peers.is_trusted(client[0]):
            return ""
        values = [value for name, value in headers if name.lower() == HEADER]
        if len(values) != 1 or len(values[0]) > LONGEST_HEADER:
            return ""
        return _fingerprint(values[0])


@lru_cache(maxsize=1024)
def _fingerprint(escaped: bytes) -> str:
    """Of one certificate and nothing else; "" for another text."""
    found = _PEM.fullmatch(unquote_to_bytes(escaped))
    if not found:
        return ""
    try:
        der = binascii.a2b_base64(b"".join(found[1].split()), strict_mode=True)
    except binascii.Error:
        return ""
    return hashlib.sha256(der).hexdigest() if der else ""
