"""One parsed SM2 certificate (GM/T 0015, RFC 5280).

Parsing proves nothing: `trust.py` decides whether a certificate may be relied on.
Only what is read here is understood; a critical extension beyond that is refused.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from asn1crypto import x509

from openehc.crypto.certificates.errors import CertificateMalformed
from openehc.crypto.certificates.profiles import Allowance
from openehc.crypto.certificates.structures import (
    Asn1,
    Subject,
    Validity,
    check_signature,
    public_key_of,
    reading,
    require_sm2,
    signature_in,
)
from openehc.crypto.sm2 import Sm2PublicKey
from openehc.crypto.sm2_forms import pem_content, pem_of, signed_part
from openehc.crypto.sm3 import sm3

_LABEL: Final = "CERTIFICATE"
_UNDERSTOOD: Final = frozenset(
    {"basic_constraints", "key_usage", "extended_key_usage", "subject_alt_name"}
)
_LARGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. Equal when the DER is.

    `subject_name` and `issuer_name` are forms that compare as RFC 5280 7.1 asks;
    `subject_key_id` and `issuer_key_id` are empty when the certificate does not say.
    The holder, who may be a person, does not show in `repr`.
    """

    der: bytes = field(repr=False)
    serial: int = field(compare=False)
    subject: Subject = field(compare=False, repr=False)
    subject_name: str = field(compare=False, repr=False)
    issuer_name: str = field(compare=False, repr=False)
    issuer_der: bytes = field(compare=False, repr=False)
    validity: Validity = field(compare=False)
    key: Sm2PublicKey = field(compare=False, repr=False)
    allowance: Allowance = field(compare=False)
    subject_key_id: bytes = field(compare=False, repr=False)
    issuer_key_id: bytes = field(compare=False, repr=False)
    signed_part: bytes = field(compare=False, repr=False)
    signature: bytes = field(compare=False, repr=False)

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Read strictly; raises `CertificateMalformed`."""
        if len(der) > _LARGEST:
            raise CertificateMalformed(f"a certificate has at most {_LARGEST} bytes")
        with reading("an SM2 certificate"):
            return cls(**_parts(der))

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """The first CERTIFICATE block; raises `CertificateMalformed`."""
        with reading("a certificate in PEM"):
            return cls.from_der(pem_content(text, label=_LABEL))

    def pem(self) -> str:
        """A CERTIFICATE block."""
        return pem_of(self.der, label=_LABEL)

    @property
    def fingerprint(self) -> bytes:
        """SM3 of the DER, 32 bytes."""
        return sm3(self.der)

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer have the same name."""
        return self.subject_name == self.issuer_name

    @property
    def title(self) -> str:
        """How error messages name it: by serial number, without the holder."""
        return f"certificate {self.serial:x}"

    def check_signed_by(self, issuer: Sm2PublicKey) -> None:
        """Raise `SignatureBroken` or `WithoutId` unless this key issued the certificate."""
        check_signature(self.signature, data=self.signed_part, key=issuer, whose=lambda: self.title)


def _parts(der: bytes) -> dict[str, Any]:
    parsed = x509.Certificate.load(der, strict=True)
    tbs = parsed["tbs_certificate"]
    require_sm2(parsed["signature_algorithm"], tbs["signature"])
    _check_extensions(parsed)
    start, end = (tbs["validity"][name].native for name in ("not_before", "not_after"))
    return {
        "der": der,
        "serial": tbs["serial_number"].native,
        "subject": Subject.from_name(tbs["subject"]),
        "subject_name": tbs["subject"].hashable,
        "issuer_name": tbs["issuer"].hashable,
        "issuer_der": tbs["issuer"].dump(),
        "validity": Validity(_aware(start), _aware(end)),
        "key": public_key_of(tbs["subject_public_key_info"]),
        "allowance": _allowance(parsed),
        "subject_key_id": parsed.key_identifier or b"",
        "issuer_key_id": parsed.authority_key_identifier or b"",
        "signed_part": signed_part(der),
        "signature": signature_in(parsed["signature_value"]),
    }


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a validity time has no zone")
    return moment


def _check_extensions(parsed: Asn1) -> None:
    tbs = parsed["tbs_certificate"]
    names = [one["extn_id"].native for one in tbs["extensions"]]
    if tbs["version"].native != "v3" or len(set(names)) != len(names):
        raise ValueError("another version than 3, or an extension twice")
    unknown = parsed.critical_extensions - _UNDERSTOOD
    if unknown:
        raise ValueError(f"critical extensions that are not understood: {sorted(unknown)}")


def _allowance(parsed: Asn1) -> Allowance:
    usage, extended = parsed.key_usage_value, parsed.extended_key_usage_value
    basic = parsed.basic_constraints_value
    authority = bool(basic and basic["ca"].native)
    return Allowance(
        usages=frozenset(usage.native) if usage else frozenset(),
        extended=frozenset(oid.dotted for oid in extended) if extended else frozenset(),
        authority=authority,
        path_length=basic["path_len_constraint"].native if authority else None,
    )
