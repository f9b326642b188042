"""Certificate revocation lists (RFC 5280 5, GM/T 0015).

Reads whole lists of one issuer; lists by parts, deltas and lists for others carry
critical extensions and are refused. Fetches nothing from anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, unique
from typing import Any, Final, Self

from asn1crypto import crl

from openehc.crypto.certificates.structures import (
    Asn1,
    check_signature,
    reading,
    require_sm2,
    signature_in,
)
from openehc.crypto.sm2 import Sm2PublicKey
from openehc.crypto.sm2_forms import pem_content, pem_of, signed_part

_LABEL: Final = "X509 CRL"


@unique
class RevocationReason(Enum):
    """Why an issuer takes a certificate back (RFC 5280 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AUTHORITY_COMPROMISE = "ca_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CEASED = "cessation_of_operation"
    ON_HOLD = "certificate_hold"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


# the holder changed or stopped, the key was good: what it signed before still counts
_HARMLESS: Final = frozenset(
    {
        RevocationReason.AFFILIATION_CHANGED,
        RevocationReason.SUPERSEDED,
        RevocationReason.CEASED,
    }
)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate taken back at a moment."""

    serial: int
    moment: datetime
    reason: RevocationReason = RevocationReason.UNSPECIFIED

    def counts(self, *, at: datetime) -> bool:
        """Whether it speaks against a signature made at `at`.

        With a harmless reason only from its moment on: a stolen key can sign with any date.
        """
        return self.moment <= at or self.reason not in _HARMLESS


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a list says; equal when the DER is. `number` is -1 when the list has none."""

    der: bytes = field(repr=False)
    issuer_name: str = field(compare=False)
    issuer_key_id: bytes = field(compare=False, repr=False)
    number: int = field(compare=False)
    made: datetime = field(compare=False)
    next_due: datetime = field(compare=False)
    entries: Mapping[int, Revocation] = field(compare=False, repr=False)
    signed_part: bytes = field(compare=False, repr=False)
    signature: bytes = field(compare=False, repr=False)

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Read without checking the signature; raises `CertificateMalformed`."""
        with reading("a revocation list with SM2 and a date for the next one"):
            return cls(**_parts(der))

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """The first X509 CRL block; raises `CertificateMalformed`."""
        with reading("a revocation list in PEM"):
            return cls.from_der(pem_content(text, label=_LABEL))

    def pem(self) -> str:
        """An X509 CRL block."""
        return pem_of(self.der, label=_LABEL)

    def check_signed_by(self, issuer: Sm2PublicKey) -> None:
        """Raise `SignatureBroken` or `WithoutId` unless this key issued the list."""
        check_signature(
            self.signature,
            data=self.signed_part,
            key=issuer,
            whose=lambda: f"revocation list {self.number}",
        )


def _parts(der: bytes) -> dict[str, Any]:
    parsed = crl.CertificateList.load(der, strict=True)
    tbs = parsed["tbs_cert_list"]
    require_sm2(parsed["signature_algorithm"], tbs["signature"])
    if parsed.critical_extensions:
        raise ValueError(f"critical extensions: {sorted(parsed.critical_extensions)}")
    number = parsed.crl_number_value
    return {
        "der": der,
        "issuer_name": tbs["issuer"].hashable,
        "issuer_key_id": parsed.authority_key_identifier or b"",
        "number": -1 if number is None else number.native,
        "made": tbs["this_update"].native,
        "next_due": tbs["next_update"].native,
        "entries": {entry.serial: entry for entry in map(_entry, tbs["revoked_certificates"])},
        "signed_part": signed_part(der),
        "signature": signature_in(parsed["signature"]),
    }


def _entry(raw: Asn1) -> Revocation:
    if raw.critical_extensions:
        raise ValueError(f"critical extensions: {sorted(raw.critical_extensions)}")
    reason = raw.crl_reason_value
    return Revocation(
        serial=raw["user_certificate"].native,
        moment=raw["revocation_date"].native,
        reason=RevocationReason(reason.native) if reason else RevocationReason.UNSPECIFIED,
    )
