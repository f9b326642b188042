"""Signed messages: GM/T 0010 signedData with SM2 and SM3.

The content travels inside; everybody can read it. Times in a message are what the signer
claims: only a timestamp proves them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto import core, x509

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Purpose
from openehc.crypto.certificates.structures import certificate_time
from openehc.crypto.certificates.trust import TrustList
from openehc.crypto.messages.errors import (
    MessageMalformed,
    MessageSignatureBroken,
    MessageWithoutId,
    SignerUnknown,
)
from openehc.crypto.messages.structures import (
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    SIGNATURE_NAMES,
    SIGNING_TIME,
    SM2_SIGNATURE,
    SM3,
    VERSION,
    Asn1,
    Attributes,
    ContentInfo,
    ContentType,
    SignedData,
    attribute,
    attribute_value,
    content_of,
    has_attribute,
    issuer_and_serial,
    points_to,
    reading,
    require,
)
from openehc.crypto.sm2 import SignatureWrong, SignedWithoutId, Sm2PrivateKey
from openehc.crypto.sm2_forms import SEQUENCE, der
from openehc.crypto.sm3 import sm3

_SET: Final = 0x31
_MOST_SIGNERS: Final = 8
_MOST_CERTIFICATES: Final = 32


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its key, and the authorities between it and its root.

    Raises ValueError when certificate and key do not belong together.
    """

    certificate: Certificate
    key: Sm2PrivateKey = field(repr=False, compare=False)
    chain: tuple[Certificate, ...] = ()

    def __post_init__(self) -> None:
        """Refuse the key of somebody else."""
        if self.key.public != self.certificate.key:
            raise ValueError("certificate and key of the signer do not belong together")


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A signed message taken apart, nothing of it proved yet but its own signatures.

    `attributes` are those of the first signer, None when it signed the content alone.
    """

    content: bytes = field(repr=False)
    signers: tuple[Certificate, ...]
    certificates: tuple[Certificate, ...] = field(repr=False)
    attributes: Asn1 = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SignedContent:
    """The proved content, and who signed it; `claimed_time` is the first signer's word."""

    content: bytes = field(repr=False)
    signers: tuple[Certificate, ...]
    claimed_time: datetime | None = None


def sign_message(content: bytes, *, signer: Signer, claimed_time: datetime | None = None) -> bytes:
    """A signedData message around `content`, DER, with the signer's certificates.

    With a time, time and digest stand in signed attributes; without one the signature
    covers the content itself, the form that every signature server reads.
    """
    extra = []
    if claimed_time is not None:
        moment = certificate_time(claimed_time.replace(microsecond=0))
        extra.append(attribute(SIGNING_TIME, moment))
    return signed_data(content, content_type="data", signer=signer, extra=extra)


def signed_data(
    content: bytes, *, content_type: str, signer: Signer, extra: Sequence[Asn1]
) -> bytes:
    """The same for any content type; `extra` attributes bring type and digest with them."""
    info = ContentInfo({"content_type": content_type, "content": core.OctetString(content)})
    signer_info: dict[str, Asn1] = {
        "version": VERSION,
        "issuer_and_serial": issuer_and_serial(signer.certificate),
        "digest_algorithm": {"algorithm": SM3},
        "signature_algorithm": {"algorithm": SM2_SIGNATURE},
    }
    covered = content
    if extra:
        attributes = Attributes(
            [
                attribute(CONTENT_TYPE, info["content_type"]),
                attribute(MESSAGE_DIGEST, core.OctetString(sm3(content))),
                *extra,
            ]
        )
        signer_info["attributes"] = attributes
        covered = attributes.dump()
    signer_info["signature"] = signer.key.sign(covered)
    signed = SignedData(
        {
            "version": VERSION,
            "digest_algorithms": [{"algorithm": SM3}],
            "content_info": info,
            "certificates": [_parsed(one) for one in (signer.certificate, *signer.chain)],
            "signer_infos": [signer_info],
        }
    )
    return bytes(ContentInfo({"content_type": "signed_data", "content": signed}).dump())


def open_signed(
    message: bytes, *, trust: TrustList, now: datetime, known: Iterable[Certificate] = ()
) -> SignedContent:
    """The content of a signed message, when every signature and every signer holds.

    `known` are certificates that the message may leave out. Raises `MessageRefused` or
    `CertificateRefused`; the order is that of 附录F 5.1.
    """
    # 1. the signatures over the content
    read = read_signed(message, content_type="data", known=known)
    with reading("a signed message"):
        claimed_time = _claimed_time(read.attributes)
    # 2. to 4. each signer: chain, validity time, revocation
    for signer in read.signers:
        trust.check(signer, purpose=Purpose.SIGNING, now=now, known=read.certificates)
    return SignedContent(read.content, read.signers, claimed_time)


def read_signed(
    message: bytes, *, content_type: str, known: Iterable[Certificate] = ()
) -> ReadMessage:
    """Take a message apart and check its signatures against its own certificates.

    Proves nothing about the signers: `open_signed` does. Raises `MessageRefused`.
    """
    with reading("a signed message"):
        signed = content_of(message, "signed_data")
        content = _content(signed["content_info"], content_type)
        carried = signed["certificates"] or []
        if len(carried) > _MOST_CERTIFICATES:
            raise ValueError(f"more than {_MOST_CERTIFICATES} certificates")
        certificates = (
            *(Certificate.from_der(der(SEQUENCE, one.contents)) for one in carried),
            *known,
        )
        infos = list(signed["signer_infos"])
    if not 1 <= len(infos) <= _MOST_SIGNERS:
        raise SignerUnknown(f"the message has {len(infos)} signers, not 1 to {_MOST_SIGNERS}")
    signers = tuple(
        _check_signer(info, content=content, content_type=content_type, certificates=certificates)
        for info in infos
    )
    return ReadMessage(content, signers, certificates, _attributes(infos[0]))


def _content(info: Asn1, content_type: str) -> bytes:
    if info["content_type"].native != content_type:
        raise ValueError(f"the content is {info['content_type'].native}, not {content_type}")
    content = info["content"].native
    if not isinstance(content, bytes):
        raise MessageMalformed("the message holds no content")
    return content


def _check_signer(
    info: Asn1, *, content: bytes, content_type: str, certificates: Sequence[Certificate]
) -> Certificate:
    with reading("a signed message"):
        require(info["digest_algorithm"], SM3)
        require(info["signature_algorithm"], SIGNATURE_NAMES)
        pointer, signature = info["issuer_and_serial"], info["signature"].native
        covered = _covered(info, content=content, content_type=content_type)
        signer = next((one for one in certificates if points_to(pointer, one)), None)
    if signer is None:
        raise SignerUnknown("the certificate of the signer is neither in the message nor known")
    try:
        signer.key.verify(signature, data=covered)
    except SignedWithoutId as wrong:
        raise MessageWithoutId(str(wrong)) from None
    except SignatureWrong as wrong:
        raise MessageSignatureBroken(str(wrong)) from None
    return signer


def _covered(info: Asn1, *, content: bytes, content_type: str) -> bytes:
    """What the signature is about: the content, or attributes that name its digest."""
    attributes = _attributes(info)
    if attributes is None:
        # else signed attributes could be passed off as the content they were made for
        if content[:1] == bytes((_SET,)) and _reads_as_attributes(content):
            raise ValueError("the content reads as signed attributes")
        return content
    if attribute_value(attributes, CONTENT_TYPE, ContentType).dotted != _dotted(content_type):
        raise ValueError("the signed content type is another one")
    if attribute_value(attributes, MESSAGE_DIGEST, core.OctetString).native != sm3(content):
        raise MessageSignatureBroken("the signed digest is not that of the content")
    # the signature covers the attributes as a SET OF, whose tag the message replaces
    return der(_SET, attributes.contents)


def _attributes(info: Asn1) -> Asn1:
    attributes = info["attributes"]
    return None if isinstance(attributes, core.Void) else attributes


def _reads_as_attributes(content: bytes) -> bool:
    try:
        return has_attribute(Attributes.load(content), MESSAGE_DIGEST)
    except ValueError:
        return False


def _claimed_time(attributes: Asn1) -> datetime | None:
    if attributes is None or not has_attribute(attributes, SIGNING_TIME):
        return None
    moment: datetime = attribute_value(attributes, SIGNING_TIME, x509.Time).native
    return moment


def _dotted(content_type: str) -> str:
    return str(ContentInfo({"content_type": content_type})["content_type"].dotted)


def _parsed(certificate: Certificate) -> Asn1:
    return x509.Certificate.load(certificate.der)
