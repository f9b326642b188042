"""The key of the authenticating gateway, from its file: an SM2 public key, or one that is shared.

A file that begins with PEM holds the gateway's certificate or public key; any other holds
a shared secret of 32 or more bytes in hex, for HMAC-SM3.
"""

import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateMalformed
from openehc.crypto.sm2 import KeyMalformed, Sm2Error, Sm2PublicKey
from openehc.crypto.sm3 import hmac_sm3
from openehc.people.ports import GatewayKey
from openehc.wiring.settings import WrongSettings

_SHORTEST: Final = 32


@dataclass(frozen=True, slots=True)
class SharedKey:
    """HMAC-SM3 under a key that gateway and platform share."""

    key: bytes = field(repr=False)

    def holds(self, signature: bytes, *, text: bytes) -> bool:
        """As `GatewayKey`."""
        return hmac.compare_digest(hmac_sm3(self.key, text), signature)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """SM2 signatures of the gateway."""

    key: Sm2PublicKey

    def holds(self, signature: bytes, *, text: bytes) -> bool:
        """As `GatewayKey`."""
        try:
            self.key.verify(signature, data=text)
        except Sm2Error:
            return False
        return True


def read_gateway_key(path: Path | None) -> GatewayKey | None:
    """The key in the file; None without a file. Raises WrongSettings."""
    if path is None:
        return None
    try:
        text = path.read_text("ascii").strip()
        if text.startswith("-----BEGIN CERTIFICATE"):
            return PublicKey(Certificate.from_pem(text).key)
        if text.startswith("-----"):
            return PublicKey(Sm2PublicKey.from_pem(text))
        shared = bytes.fromhex(text)
    except OSError as trouble:
        raise WrongSettings(f"console.gateway_key_file: {path}: {trouble.strerror}") from None
    except (ValueError, CertificateMalformed, KeyMalformed):
        shared = b""
    if len(shared) < _SHORTEST:
        raise WrongSettings(
            f"console.gateway_key_file: {path} holds neither an SM2 certificate or public key "
            f"in PEM nor {_SHORTEST} or more bytes in hex"
        )
    return SharedKey(shared)
