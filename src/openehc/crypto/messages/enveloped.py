"""Enveloped messages: GM/T 0010 envelopedData, an SM4-CBC key carried under SM2.

An envelope hides its content and says nothing about who made it, nor does CBC notice
every change: to a party that matters goes a signed message in an envelope
(`seal_signed`, `open_signed_envelope`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from asn1crypto import core

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Purpose, require_purpose
from openehc.crypto.certificates.trust import TrustList
from openehc.crypto.messages.errors import EnvelopeBroken, WrongRecipient
from openehc.crypto.messages.signed import SignedContent, Signer, open_signed, sign_message
from openehc.crypto.messages.structures import (
    ENCRYPTION_NAMES,
    SM2_ENCRYPTION,
    SM4_CBC,
    VERSION,
    Asn1,
    ContentInfo,
    EnvelopedData,
    content_of,
    issuer_and_serial,
    points_to,
    reading,
    require,
)
from openehc.crypto.sm2 import CiphertextBroken, Sm2PrivateKey
from openehc.crypto.sm4 import PaddingError
from openehc.crypto.sm4_cbc import IV_SIZE, KEY_SIZE, cbc_decrypt, cbc_encrypt
from openehc.kernel.ids import Entropy

_MOST_RECIPIENTS: Final = 64


def seal_message(content: bytes, *, recipients: Sequence[Certificate], entropy: Entropy) -> bytes:
    """An envelopedData message that each recipient can open, DER.

    Check the recipients' chains before. Raises `WrongUsage` for a certificate that was
    not issued to receive keys, ValueError without recipients or for more than 64.
    """
    if not 1 <= len(recipients) <= _MOST_RECIPIENTS:
        raise ValueError(f"an envelope has 1 to {_MOST_RECIPIENTS} recipients")
    for one in recipients:
        require_purpose(one.allowance, Purpose.ENCRYPTION)
    key, iv = entropy.bytes(KEY_SIZE), entropy.bytes(IV_SIZE)
    enveloped = EnvelopedData(
        {
            "version": VERSION,
            "recipient_infos": [_recipient_info(one, key) for one in recipients],
            "content_info": {
                "content_type": "data",
                "cipher": {"algorithm": SM4_CBC, "parameters": core.OctetString(iv)},
                "encrypted": cbc_encrypt(key, content, iv=iv),
            },
        }
    )
    return bytes(ContentInfo({"content_type": "enveloped_data", "content": enveloped}).dump())


def open_envelope(message: bytes, *, certificate: Certificate, key: Sm2PrivateKey) -> bytes:
    """The content of an envelope for this certificate.

    Raises `MessageMalformed`, `WrongRecipient`, `EnvelopeBroken`: one reason for a broken
    key and a broken text, so that a sender cannot probe for the difference.
    """
    with reading("an enveloped message"):
        enveloped = content_of(message, "enveloped_data")
        infos = list(enveloped["recipient_infos"])
        iv, encrypted = _encrypted(enveloped["content_info"])
        own = [info for info in infos if points_to(info["issuer_and_serial"], certificate)]
        for info in own:
            require(info["key_algorithm"], ENCRYPTION_NAMES)
        wrapped = own[0]["encrypted_key"].native if own else b""
    if not own:
        raise WrongRecipient("the envelope holds no key for this certificate")
    try:
        content_key = key.decrypt(wrapped)
        if len(content_key) != KEY_SIZE:
            raise EnvelopeBroken("the envelope does not open")
        return cbc_decrypt(content_key, encrypted, iv=iv)
    except (CiphertextBroken, PaddingError):
        raise EnvelopeBroken("the envelope does not open") from None


def seal_signed(
    content: bytes, *, signer: Signer, recipients: Sequence[Certificate], entropy: Entropy
) -> bytes:
    """A signed message in an envelope: confidential, intact and not to be denied (9.1).

    A recipient can put the signed message into an envelope for somebody else: content
    that is meant for one party says so.
    """
    return seal_message(
        sign_message(content, signer=signer), recipients=recipients, entropy=entropy
    )


def open_signed_envelope(
    message: bytes, *, recipient: Signer, trust: TrustList, now: datetime,
    known: Iterable[Certificate] = (),
) -> SignedContent:  # fmt: skip
    """Open the envelope with the recipient's certificate and key, then check the signers.

    Raises what `open_envelope` and `open_signed` raise.
    """
    inner = open_envelope(message, certificate=recipient.certificate, key=recipient.key)
    return open_signed(inner, trust=trust, now=now, known=known)


def _recipient_info(certificate: Certificate, key: bytes) -> dict[str, Asn1]:
    return {
        "version": VERSION,
        "issuer_and_serial": issuer_and_serial(certificate),
        "key_algorithm": {"algorithm": SM2_ENCRYPTION},
        "encrypted_key": certificate.key.encrypt(key),
    }


def _encrypted(info: Asn1) -> tuple[bytes, bytes]:
    """Initial vector and ciphertext; raises ValueError."""
    require(info["cipher"], SM4_CBC)
    iv = info["cipher"]["parameters"].parse(core.OctetString).native
    encrypted = info["encrypted"].native
    if len(iv) != IV_SIZE or not isinstance(encrypted, bytes):
        raise ValueError("the initial vector or the encrypted text is missing")
    return iv, encrypted
