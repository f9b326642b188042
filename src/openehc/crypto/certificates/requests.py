"""Certificate requests (PKCS#10, GM/T 0092): making one and checking one.

A request proves that its maker holds the private key, and nothing else: whether the
subject may have that name is for the authority's people to decide.
"""

from dataclasses import dataclass
from typing import Final, Self

from asn1crypto import csr, keys

from openehc.crypto.certificates.structures import (
    Asn1,
    Subject,
    check_signature,
    public_key_of,
    reading,
    require_sm2,
    signature_in,
    sm2_algorithm,
)
from openehc.crypto.sm2 import Sm2PrivateKey, Sm2PublicKey
from openehc.crypto.sm2_forms import pem_content, pem_of, signed_part

_LABEL: Final = "CERTIFICATE REQUEST"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature was checked; made by `make_request` or `from_der` only."""

    der: bytes
    subject: Subject
    key: Sm2PublicKey

    @classmethod
    def from_der(cls, der: bytes) -> Self:
        """Read and check.

        Raises `CertificateMalformed`, `SignatureBroken`, or `WithoutId`, which is one.
        """
        with reading("a certificate request"):
            parsed = csr.CertificationRequest.load(der, strict=True)
            info = parsed["certification_request_info"]
            require_sm2(parsed["signature_algorithm"])
            request = cls(der, Subject.from_name(info["subject"]), _key_in(info))
            signature, data = signature_in(parsed["signature"]), signed_part(der)
        check_signature(signature, data=data, key=request.key, whose=lambda: "request")
        return request

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """The first CERTIFICATE REQUEST block; raises as `from_der` does."""
        with reading("a certificate request in PEM"):
            der = pem_content(text, label=_LABEL)
        return cls.from_der(der)

    def pem(self) -> str:
        """A CERTIFICATE REQUEST block."""
        return pem_of(self.der, label=_LABEL)


def make_request(subject: Subject, *, key: Sm2PrivateKey) -> CertificateRequest:
    """A request for `subject`, signed with the key that it is for."""
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": subject.to_name(),
            "subject_pk_info": keys.PublicKeyInfo.load(key.public.spki()),
            "attributes": [],
        }
    )
    request = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": sm2_algorithm(),
            "signature": key.sign(info.dump()),
        }
    )
    return CertificateRequest(request.dump(), subject, key.public)


def _key_in(info: Asn1) -> Sm2PublicKey:
    return public_key_of(info["subject_pk_info"])
