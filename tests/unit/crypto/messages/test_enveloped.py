"""Envelopes: only the recipients open them, and every broken one is refused by name."""

import pytest

from openehc.crypto.certificates.errors import WrongUsage
from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.messages.enveloped import (
    open_envelope,
    open_signed_envelope,
    seal_message,
    seal_signed,
)
from openehc.crypto.messages.errors import (
    EnvelopeBroken,
    MessageMalformed,
    MessageSignatureBroken,
    WrongRecipient,
)
from openehc.crypto.messages.signed import Signer, sign_message
from openehc.crypto.messages.structures import ContentInfo
from openehc.crypto.sm2_forms import raw_ciphertext
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_oracle import oracle_decrypt as oracle_sm4_decrypt
from tests.support.der_tree import tree
from tests.support.invented_holders import NOW, world
from tests.support.sm2_oracle import oracle_decrypt

HERE = world()
ME = HERE.receiver
OTHER = HERE.holder(Profile.NODE_ENCRYPTION)
CONTENT = "一条保密的业务报文".encode()
SEALED = seal_message(CONTENT, recipients=[ME.certificate], entropy=CountedEntropy())


def opened(message: bytes, *, by: Signer = ME) -> bytes:
    return open_envelope(message, certificate=by.certificate, key=by.key)


def wrapped_key(message: bytes) -> bytes:
    return tree(message)[1][0][1][0][3].body


def encrypted_text(message: bytes) -> bytes:
    return tree(message)[1][0][2][2].body


def test_the_recipient_opens_the_envelope() -> None:
    assert opened(SEALED) == CONTENT


def test_the_content_does_not_show() -> None:
    assert CONTENT not in SEALED


def test_each_of_several_recipients_opens_it() -> None:
    recipients = [ME.certificate, OTHER.certificate]
    sealed = seal_message(CONTENT, recipients=recipients, entropy=CountedEntropy())

    assert opened(sealed) == opened(sealed, by=OTHER) == CONTENT


@pytest.mark.requirement("G1-F-5.2-1")
def test_the_syntax_and_the_algorithms_are_the_national_ones() -> None:
    info = tree(SEALED)
    recipient, content = info[1][0][1][0], info[1][0][2]

    assert info[0].oid == "1.2.156.10197.6.1.4.2.3"
    assert recipient[2][0].oid == "1.2.156.10197.1.301.3"
    assert content[1][0].oid == "1.2.156.10197.1.104.2"


@pytest.mark.requirement("G1-F-5.2-1")
def test_another_implementation_opens_the_envelope() -> None:
    key = oracle_decrypt(ME.key.raw(), raw_ciphertext(wrapped_key(SEALED)))
    iv = tree(SEALED)[1][0][2][1][1].body
    text = encrypted_text(SEALED)

    masks = iv + text[:-16]
    blocks = oracle_sm4_decrypt(key, text)
    plain = bytes(block ^ mask for block, mask in zip(blocks, masks, strict=True))
    assert plain[: -plain[-1]] == CONTENT


def test_somebody_else_is_no_recipient() -> None:
    with pytest.raises(WrongRecipient):
        opened(SEALED, by=OTHER)


def test_the_key_of_somebody_else_opens_nothing() -> None:
    with pytest.raises(EnvelopeBroken):
        open_envelope(SEALED, certificate=ME.certificate, key=OTHER.key)


def test_a_changed_c3_is_refused() -> None:
    key = wrapped_key(SEALED)
    c3_at = key.index(b"\x04\x20") + 2
    changed = key[:c3_at] + bytes((key[c3_at] ^ 1,)) + key[c3_at + 1 :]

    with pytest.raises(EnvelopeBroken):
        opened(SEALED.replace(key, changed))


@pytest.mark.parametrize("cut", [1, 16, 32])
def test_a_truncated_text_is_refused(cut: int) -> None:
    parsed = ContentInfo.load(SEALED)
    text = encrypted_text(SEALED)
    parsed["content"]["content_info"]["encrypted"] = text[:-cut]

    with pytest.raises(EnvelopeBroken):
        opened(parsed.dump(force=True))


def test_a_certificate_for_signing_receives_no_keys() -> None:
    with pytest.raises(WrongUsage):
        seal_message(CONTENT, recipients=[HERE.node.certificate], entropy=CountedEntropy())


def test_an_envelope_has_a_recipient() -> None:
    with pytest.raises(ValueError, match="recipients"):
        seal_message(CONTENT, recipients=[], entropy=CountedEntropy())


@pytest.mark.parametrize(
    "message",
    [
        b"", b"0\0", SEALED[:-1], SEALED + b"\0", sign_message(CONTENT, signer=HERE.node),
        # SM4-ECB in place of CBC
        SEALED.replace(bytes.fromhex("2a811ccf55016802"), bytes.fromhex("2a811ccf55016801")),
    ],
    ids=["nothing", "empty", "cut", "longer", "signed", "another cipher"],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(message: bytes) -> None:
    with pytest.raises(MessageMalformed):
        opened(message)


def test_a_signed_message_travels_in_an_envelope() -> None:
    sealed = seal_signed(
        CONTENT, signer=HERE.node, recipients=[ME.certificate], entropy=CountedEntropy()
    )

    read = open_signed_envelope(sealed, recipient=ME, trust=HERE.trust(), now=NOW)

    assert (read.content, read.signers) == (CONTENT, (HERE.node.certificate,))


def test_a_content_exchanged_in_the_envelope_is_refused() -> None:
    signed = sign_message(CONTENT, signer=HERE.node).replace(CONTENT, CONTENT[::-1])
    sealed = seal_message(signed, recipients=[ME.certificate], entropy=CountedEntropy())

    with pytest.raises(MessageSignatureBroken):
        open_signed_envelope(sealed, recipient=ME, trust=HERE.trust(), now=NOW)
