"""ASN.1 pieces that certificates, requests and revocation lists share, and their strict reading.

Holds the object identifiers of GM/T 0006. Signs nothing, checks no signature.
"""

import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeAlias

from asn1crypto import algos, core, x509

from openehc.crypto.certificates.errors import CertificateMalformed, SignatureBroken, WithoutId
from openehc.crypto.sm2 import SignatureWrong, SignedWithoutId, Sm2Error, Sm2PublicKey
from openehc.crypto.sm3 import sm3

Asn1: TypeAlias = Any
"""A value of the ASN.1 library, which has no static types."""

SM2_WITH_SM3: Final = "1.2.156.10197.1.501"
_PRINTABLE: Final = frozenset(string.ascii_letters + string.digits + " '()+,-./:=?")
_UTC_TIME_ENDS: Final = 2050  # RFC 5280 4.1.2.5


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names; empty parts are left out.

    `unique_id` identifies the holder within the authority (附录F 4.1 (10)) and stands in
    the serialNumber attribute, whose letters are those of a PrintableString.
    """

    common_name: str
    organization: str = ""
    unit: str = ""
    unique_id: str = ""
    country: str = "CN"

    def to_name(self) -> Asn1:
        """The X.501 name; raises ValueError for letters that its parts cannot hold."""
        if not self.common_name or not _PRINTABLE.issuperset(self.unique_id + self.country):
            raise ValueError(
                "a subject has a common name, and letters, digits and ' ()+,-./:=? in its"
                " unique identifier"
            )
        parts = {
            "country_name": self.country,
            "organization_name": self.organization,
            "organizational_unit_name": self.unit,
            "common_name": self.common_name,
            "serial_number": self.unique_id,
        }
        return x509.Name.build({name: text for name, text in parts.items() if text})

    @classmethod
    def from_name(cls, name: Asn1) -> Self:
        """The parts of an X.501 name; of a part that repeats, the first counts."""
        found: dict[str, str] = {}
        for relative in name.chosen:
            for pair in relative:
                found.setdefault(pair["type"].native, str(pair["value"].native))
        return cls(
            common_name=found.get("common_name", ""),
            organization=found.get("organization_name", ""),
            unit=found.get("organizational_unit_name", ""),
            unique_id=found.get("serial_number", ""),
            country=found.get("country_name", ""),
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """From `start` to `end`, both included; aware, whole seconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a time that ends before it starts, or that no certificate can hold."""
        if self.end <= self.start or self.start.microsecond or self.end.microsecond:
            raise ValueError("a validity time has whole seconds and ends after it starts")


def sm2_algorithm() -> Asn1:
    """AlgorithmIdentifier of SM2 with SM3, without parameters (RFC 8998 3.2.1)."""
    return algos.SignedDigestAlgorithm({"algorithm": SM2_WITH_SM3})


def certificate_time(moment: datetime) -> Asn1:
    """UTCTime up to 2049, GeneralizedTime later."""
    moment = moment.astimezone(UTC)
    kind = "utc_time" if moment.year < _UTC_TIME_ENDS else "general_time"
    return x509.Time({kind: moment})


def key_identifier(key: Sm2PublicKey) -> bytes:
    """20 bytes that name a key (RFC 7093 2: a hash, cut)."""
    return sm3(key.raw)[:20]


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every complaint of the ASN.1 libraries into `CertificateMalformed`."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as broken:
        if isinstance(broken, CertificateMalformed):
            raise
        raise CertificateMalformed(f"not {what}: {broken}") from None


def require_sm2(*algorithms: Asn1) -> None:
    """Raise ValueError unless every AlgorithmIdentifier is SM2 with SM3."""
    for algorithm in algorithms:
        if algorithm["algorithm"].dotted != SM2_WITH_SM3:
            raise ValueError("the signature algorithm is not SM2 with SM3")
        if not isinstance(algorithm["parameters"], core.Null | core.Void):
            raise ValueError("the signature algorithm has parameters")  # noqa: TRY004 (of the data)


def signature_in(bits: Asn1) -> bytes:
    """The octets of a BIT STRING that holds a signature; raises ValueError for odd bits."""
    unused, octets = bits.contents[:1], bits.contents[1:]
    if unused != b"\0":
        raise ValueError("the signature does not consist of whole octets")
    return bytes(octets)


def check_signature(
    signature: bytes, *, data: bytes, key: Sm2PublicKey, whose: Callable[[], str]
) -> None:
    """Raise `SignatureBroken` or `WithoutId` unless `key` signed `data`."""
    try:
        key.verify(signature, data=data)
    except SignedWithoutId as wrong:
        raise WithoutId(f"{whose()}: {wrong}") from None
    except SignatureWrong as wrong:
        raise SignatureBroken(f"{whose()}: {wrong}") from None


def public_key_of(info: Asn1) -> Sm2PublicKey:
    """The key of a PublicKeyInfo; raises `CertificateMalformed`."""
    try:
        return Sm2PublicKey.from_spki(info.dump())
    except Sm2Error as broken:
        raise CertificateMalformed(f"the public key is not SM2: {broken}") from None
