"""A small certificate authority: root, intermediate, node, person and timestamp certificates.

For demonstration, tests and closed networks; in production the certificates come from
a licensed authority (材料一 9.2), and only the checks of this package are used. Keeps no
register: who was issued what, and what was revoked, is the caller's to remember.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from asn1crypto import crl, keys, x509

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import ALLOWANCES, TIME_STAMPING, Allowance, Profile
from openehc.crypto.certificates.requests import CertificateRequest
from openehc.crypto.certificates.revocation import Revocation, RevocationList
from openehc.crypto.certificates.structures import (
    Asn1,
    Subject,
    Validity,
    certificate_time,
    key_identifier,
    sm2_algorithm,
)
from openehc.crypto.sm2 import Sm2PrivateKey, Sm2PublicKey
from openehc.kernel.ids import Entropy

_SERIAL_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An authority certificate with its key; raises ValueError when they do not belong together."""

    certificate: Certificate
    key: Sm2PrivateKey = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a key of somebody else, and a certificate that may not issue others."""
        if self.key.public != self.certificate.key or not self.certificate.allowance.authority:
            raise ValueError("an authority has an authority certificate and the key of it")

    @classmethod
    def root(
        cls, subject: Subject, *, key: Sm2PrivateKey, validity: Validity, entropy: Entropy
    ) -> Self:
        """A new authority that vouches for itself."""
        tbs = _tbs(
            subject.to_name(),
            issuer=subject.to_name(),
            keys_of=(key.public, key.public),
            profile=Profile.ROOT,
            validity=validity,
            entropy=entropy,
        )
        return cls(_signed(tbs, key), key)

    def subordinate(
        self, subject: Subject, *, key: Sm2PrivateKey, validity: Validity, entropy: Entropy
    ) -> "CertificateAuthority":
        """A new authority under this one, which may issue to end users only."""
        certificate = self.issue(
            subject, key=key.public, profile=Profile.INTERMEDIATE, validity=validity,
            entropy=entropy,
        )  # fmt: skip
        return CertificateAuthority(certificate, key)

    def issue(
        self, subject: Subject, *, key: Sm2PublicKey, profile: Profile, validity: Validity,
        entropy: Entropy,
    ) -> Certificate:  # fmt: skip
        """A certificate under a random serial number of 16 bytes.

        Raises ValueError when it would outlive this authority, or when this one may
        not issue the profile.
        """
        own, limit = self.certificate.validity, self.certificate.allowance.path_length
        if validity.start < own.start or validity.end > own.end:
            raise ValueError("a certificate lives within the time of its issuer")
        if profile is Profile.ROOT or (ALLOWANCES[profile].authority and limit == 0):
            raise ValueError(f"this authority may not issue {profile.value} certificates")
        tbs = _tbs(
            subject.to_name(),
            issuer=x509.Name.load(_subject_der(self.certificate)),
            keys_of=(key, self.key.public),
            profile=profile,
            validity=validity,
            entropy=entropy,
        )
        return _signed(tbs, self.key)

    def certify(
        self, request: CertificateRequest, *, profile: Profile, validity: Validity,
        entropy: Entropy,
    ) -> Certificate:  # fmt: skip
        """A certificate for a checked request, with the subject that it names."""
        return self.issue(
            request.subject, key=request.key, profile=profile, validity=validity, entropy=entropy
        )

    def revocation_list(
        self, revoked: Sequence[Revocation], *, number: int, made: datetime, next_due: datetime
    ) -> RevocationList:
        """A list of everything revoked so far; `number` grows from list to list."""
        times = Validity(made, next_due)
        tbs: dict[str, Any] = {
            "version": "v2",
            "signature": sm2_algorithm(),
            "issuer": x509.Name.load(_subject_der(self.certificate)),
            "this_update": certificate_time(times.start),
            "next_update": certificate_time(times.end),
            "crl_extensions": [
                _extension("authority_key_identifier", _issuer_id(self.key.public)),
                _extension("crl_number", number),
            ],
        }
        if revoked:  # RFC 5280 5.1.2.6: an empty list is left out
            tbs["revoked_certificates"] = [_entry(one) for one in revoked]
        listed = crl.TbsCertList(tbs)
        signed = crl.CertificateList(
            {
                "tbs_cert_list": listed,
                "signature_algorithm": sm2_algorithm(),
                "signature": self.key.sign(listed.dump()),
            }
        )
        return RevocationList.from_der(signed.dump())


def _tbs(
    subject: Asn1, *, issuer: Asn1, keys_of: tuple[Sm2PublicKey, Sm2PublicKey], profile: Profile,
    validity: Validity, entropy: Entropy,
) -> Asn1:  # fmt: skip
    """TBSCertificate; `keys_of` are the keys of the subject and of the issuer."""
    own, issuing = keys_of
    return x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": _fresh_serial(entropy),
            "signature": sm2_algorithm(),
            "issuer": issuer,
            "validity": {
                "not_before": certificate_time(validity.start),
                "not_after": certificate_time(validity.end),
            },
            "subject": subject,
            "subject_public_key_info": keys.PublicKeyInfo.load(own.spki()),
            "extensions": _extensions(ALLOWANCES[profile], own=own, issuing=issuing),
        }
    )


def _signed(tbs: Asn1, key: Sm2PrivateKey) -> Certificate:
    signed = x509.Certificate(
        {
            "tbs_certificate": tbs,
            "signature_algorithm": sm2_algorithm(),
            "signature_value": key.sign(tbs.dump()),
        }
    )
    return Certificate.from_der(signed.dump())


def _extensions(
    allowance: Allowance, *, own: Sm2PublicKey, issuing: Sm2PublicKey
) -> list[dict[str, Any]]:
    extensions = [
        _extension("key_identifier", key_identifier(own)),
        _extension("authority_key_identifier", _issuer_id(issuing)),
        _critical("key_usage", set(allowance.usages)),
    ]
    if allowance.authority:
        limit = {"path_len_constraint": allowance.path_length}
        constraints = {"ca": True, **(limit if allowance.path_length is not None else {})}
        extensions.append(_critical("basic_constraints", constraints))
    if allowance.extended:
        # RFC 3161 2.3: critical for timestamps, so that nobody takes the key for more
        make = _critical if TIME_STAMPING in allowance.extended else _extension
        extensions.append(make("extended_key_usage", sorted(allowance.extended)))
    return extensions


def _extension(name: str, value: object) -> dict[str, Any]:
    return {"extn_id": name, "critical": False, "extn_value": value}


def _critical(name: str, value: object) -> dict[str, Any]:
    return {"extn_id": name, "critical": True, "extn_value": value}


def _issuer_id(key: Sm2PublicKey) -> dict[str, bytes]:
    return {"key_identifier": key_identifier(key)}


def _entry(revoked: Revocation) -> dict[str, Any]:
    return {
        "user_certificate": revoked.serial,
        "revocation_date": certificate_time(revoked.moment),
        "crl_entry_extensions": [_extension("crl_reason", revoked.reason.value)],
    }


def _fresh_serial(entropy: Entropy) -> int:
    # positive and always 16 bytes long: the first bit is 0, the second 1
    first, *rest = entropy.bytes(_SERIAL_SIZE)
    return int.from_bytes(bytes((first & 0x3F | 0x40, *rest)), "big")


def _subject_der(certificate: Certificate) -> bytes:
    """The name as it stands in the certificate: an issuer repeats it octet by octet."""
    parsed = x509.Certificate.load(certificate.der)
    return bytes(parsed["tbs_certificate"]["subject"].dump())
