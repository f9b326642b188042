"""The ASN.1 of GM/T 0010: content types, SignedData, EnvelopedData, and their strict reading.

PKCS#7 1.5 with identifiers of its own (GM/T 0010 5, GM/T 0006). Computes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from asn1crypto import algos, cms, core, x509

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.messages.errors import MessageMalformed, MessageRefused

Asn1: TypeAlias = Any
"""A value of the ASN.1 library, which has no static types."""

SM3: Final = "1.2.156.10197.1.401"
SM4_CBC: Final = "1.2.156.10197.1.104.2"
SM2_SIGNATURE: Final = "1.2.156.10197.1.301.1"
SM2_ENCRYPTION: Final = "1.2.156.10197.1.301.3"
# what senders in the field name in the place of SM2_SIGNATURE or SM2_ENCRYPTION
SIGNATURE_NAMES: Final = frozenset({SM2_SIGNATURE, "1.2.156.10197.1.501", "1.2.156.10197.1.301"})
ENCRYPTION_NAMES: Final = frozenset({SM2_ENCRYPTION, "1.2.156.10197.1.301"})

CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"

VERSION: Final = 1
_LARGEST: Final = 64 * 1024 * 1024


class ContentType(core.ObjectIdentifier):  # type: ignore[misc] # the library has no types
    """GM/T 0010 5; a timestamp keeps the type of RFC 3161 (GM/T 0033)."""

    _map: Final = {
        "1.2.156.10197.6.1.4.2.1": "data",
        "1.2.156.10197.6.1.4.2.2": "signed_data",
        "1.2.156.10197.6.1.4.2.3": "enveloped_data",
        "1.2.840.113549.1.9.16.1.4": "timestamp",
    }


class ContentInfo(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 6; the content of a signed message is an OCTET STRING."""

    _fields: Final = [
        ("content_type", ContentType),
        ("content", core.Any, {"explicit": 0, "optional": True}),
    ]
    _oid_pair: Final = ("content_type", "content")
    _oid_specs: dict[str, Asn1] = {"data": core.OctetString, "timestamp": core.OctetString}  # noqa: RUF012


class DigestAlgorithms(core.SetOf):  # type: ignore[misc] # as above
    """SET OF DigestAlgorithmIdentifier."""

    _child_spec = algos.DigestAlgorithm


class Certificates(core.SetOf):  # type: ignore[misc] # as above
    """SET OF X.509 certificates."""

    _child_spec = x509.Certificate


class RevocationLists(core.SetOf):  # type: ignore[misc] # as above
    """SET OF revocation lists, which are carried and not read here."""

    _child_spec = core.Any


class Algorithm(core.Sequence):  # type: ignore[misc] # as above
    """AlgorithmIdentifier that attaches no meaning to the parameters."""

    _fields: Final = [
        ("algorithm", core.ObjectIdentifier),
        ("parameters", core.Any, {"optional": True}),
    ]


class AttributeValues(core.SetOf):  # type: ignore[misc] # as above
    """SET OF values of one attribute."""

    _child_spec = core.Any


class Attribute(core.Sequence):  # type: ignore[misc] # as above
    """An attribute by number: the library's own names depend on what else was imported."""

    _fields: Final = [("type", core.ObjectIdentifier), ("values", AttributeValues)]


class Attributes(core.SetOf):  # type: ignore[misc] # as above
    """SET OF attributes."""

    _child_spec = Attribute


class SignerInfo(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 8.2."""

    _fields: Final = [
        ("version", core.Integer),
        ("issuer_and_serial", cms.IssuerAndSerialNumber),
        ("digest_algorithm", algos.DigestAlgorithm),
        ("attributes", Attributes, {"implicit": 0, "optional": True}),
        ("signature_algorithm", Algorithm),
        ("signature", core.OctetString),
        ("unsigned_attributes", Attributes, {"implicit": 1, "optional": True}),
    ]


class SignerInfos(core.SetOf):  # type: ignore[misc] # as above
    """SET OF SignerInfo."""

    _child_spec = SignerInfo


class SignedData(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 8.1."""

    _fields: Final = [
        ("version", core.Integer),
        ("digest_algorithms", DigestAlgorithms),
        ("content_info", ContentInfo),
        ("certificates", Certificates, {"implicit": 0, "optional": True}),
        ("lists", RevocationLists, {"implicit": 1, "optional": True}),
        ("signer_infos", SignerInfos),
    ]


class RecipientInfo(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 9.2; the key is an SM2Cipher."""

    _fields: Final = [
        ("version", core.Integer),
        ("issuer_and_serial", cms.IssuerAndSerialNumber),
        ("key_algorithm", Algorithm),
        ("encrypted_key", core.OctetString),
    ]


class RecipientInfos(core.SetOf):  # type: ignore[misc] # as above
    """SET OF RecipientInfo."""

    _child_spec = RecipientInfo


class EncryptedContentInfo(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 9.1; the parameters of SM4-CBC are the initial vector."""

    _fields: Final = [
        ("content_type", ContentType),
        ("cipher", Algorithm),
        ("encrypted", core.OctetString, {"implicit": 0, "optional": True}),
    ]


class EnvelopedData(core.Sequence):  # type: ignore[misc] # as above
    """GM/T 0010 9.1."""

    _fields: Final = [
        ("version", core.Integer),
        ("recipient_infos", RecipientInfos),
        ("content_info", EncryptedContentInfo),
    ]


ContentInfo._oid_specs |= {"signed_data": SignedData, "enveloped_data": EnvelopedData}  # noqa: SLF001


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn every complaint of the ASN.1 library into `MessageMalformed`."""
    try:
        yield
    except MessageRefused:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as broken:
        raise MessageMalformed(f"not {what}: {broken}") from None


def content_of(message: bytes, expected: str) -> Asn1:
    """The content of a ContentInfo of the expected type; raises ValueError."""
    if len(message) > _LARGEST:
        raise ValueError(f"a message has at most {_LARGEST} bytes")
    info = ContentInfo.load(message, strict=True)
    if info["content_type"].native != expected:
        raise ValueError(f"the content type is {info['content_type'].native}")
    content = info["content"]
    if content["version"].native != VERSION:
        raise ValueError("the version is not 1")
    return content


def require(algorithm: Asn1, allowed: str | frozenset[str]) -> None:
    """Raise ValueError unless the AlgorithmIdentifier names one of these."""
    named = algorithm["algorithm"].dotted
    if named != allowed and named not in allowed:
        raise ValueError(f"the algorithm {named} is not used here")


def attribute(name: str, value: Asn1) -> Asn1:
    """A signed attribute with one value."""
    return Attribute({"type": name, "values": [core.Any(value)]})


def attribute_value(attributes: Asn1, name: str, spec: type[Asn1]) -> Asn1:
    """The one value of a signed attribute; raises ValueError unless there is just one."""
    found = [value for one in attributes if one["type"].dotted == name for value in one["values"]]
    if len(found) != 1:
        raise ValueError(f"the attribute {name} does not stand there once")
    return found[0].parse(spec)


def has_attribute(attributes: Asn1, name: str) -> bool:
    """Whether the attribute stands there at all."""
    return any(one["type"].dotted == name for one in attributes)


def issuer_and_serial(certificate: Certificate) -> Asn1:
    """How a message points to a certificate."""
    return cms.IssuerAndSerialNumber(
        {"issuer": x509.Name.load(certificate.issuer_der), "serial_number": certificate.serial}
    )


def points_to(pointer: Asn1, certificate: Certificate) -> bool:
    """Whether an IssuerAndSerialNumber means this certificate."""
    same_serial: bool = pointer["serial_number"].native == certificate.serial
    same_issuer: bool = pointer["issuer"].hashable == certificate.issuer_name
    return same_serial and same_issuer
