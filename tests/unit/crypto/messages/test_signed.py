"""Signed messages: what holds comes back, and every broken one is refused by name."""

from collections.abc import Callable

import pytest
from asn1crypto import core

from openehc.crypto.certificates.errors import ChainBroken, Expired, Revoked, WrongUsage
from openehc.crypto.certificates.revocation import Revocation
from openehc.crypto.certificates.trust import RevocationPolicy, TrustList
from openehc.crypto.libcrypto import private_key
from openehc.crypto.messages.errors import (
    MessageMalformed,
    MessageSignatureBroken,
    MessageWithoutId,
    SignerUnknown,
)
from openehc.crypto.messages.signed import Signer, open_signed, sign_message
from openehc.crypto.messages.structures import ContentInfo
from openehc.crypto.sm2_forms import raw_signature
from openehc.crypto.sm3 import sm3
from tests.support.der_tree import tree
from tests.support.invented_holders import DAY, NOW, world
from tests.support.sm2_oracle import oracle_accepts

HERE = world()
CONTENT = "一条业务报文".encode()
MESSAGE = sign_message(CONTENT, signer=HERE.node)
TIMED = sign_message(CONTENT, signer=HERE.node, claimed_time=NOW - DAY)


def edited(message: bytes, edit: Callable[[core.Sequence], None]) -> bytes:
    """The message with something in its SignedData changed."""
    parsed = ContentInfo.load(message)
    edit(parsed["content"])
    return bytes(parsed.dump(force=True))


def without_certificates(signed: core.Sequence) -> None:
    signed["certificates"] = None


def without_signers(signed: core.Sequence) -> None:
    signed["signer_infos"] = []


def signed_without_id(signed: core.Sequence) -> None:
    key = HERE.node.key
    bare = private_key(key.raw(), point=key.public.raw).sign(sm3(CONTENT))
    signed["signer_infos"][0]["signature"] = bare


def read(message: bytes, *, trust: TrustList | None = None) -> bytes:
    return open_signed(message, trust=trust or HERE.trust(), now=NOW).content


@pytest.mark.parametrize("message", [MESSAGE, TIMED], ids=["plain", "with attributes"])
def test_a_signed_message_is_read(message: bytes) -> None:
    opened = open_signed(message, trust=HERE.trust(), now=NOW)

    assert (opened.content, opened.signers) == (CONTENT, (HERE.node.certificate,))


def test_the_signer_can_claim_a_time() -> None:
    assert open_signed(TIMED, trust=HERE.trust(), now=NOW).claimed_time == NOW - DAY
    assert open_signed(MESSAGE, trust=HERE.trust(), now=NOW).claimed_time is None


@pytest.mark.requirement("G1-F-5.2-1")
def test_the_syntax_and_the_algorithms_are_the_national_ones() -> None:
    info = tree(MESSAGE)
    signed = info[1][0]
    signer_info = signed[4][0]

    assert info[0].oid == "1.2.156.10197.6.1.4.2.2"
    assert signed[2][0].oid == "1.2.156.10197.6.1.4.2.1"
    assert signer_info[2][0].oid == "1.2.156.10197.1.401"
    assert signer_info[3][0].oid == "1.2.156.10197.1.301.1"


@pytest.mark.requirement("G1-F-5.2-1")
def test_another_implementation_accepts_the_signature() -> None:
    signature = tree(MESSAGE)[1][0][4][0][4].body

    assert oracle_accepts(HERE.node.certificate.key.raw, CONTENT, raw_signature(signature))


@pytest.mark.parametrize("message", [MESSAGE, TIMED], ids=["plain", "with attributes"])
def test_a_changed_content_is_refused(message: bytes) -> None:
    with pytest.raises(MessageSignatureBroken):
        read(message.replace(CONTENT, CONTENT[::-1]))


def test_a_changed_attribute_is_refused() -> None:
    with pytest.raises(MessageSignatureBroken):
        read(TIMED.replace(b"260228003000Z", b"260228003001Z"))


def test_a_signature_without_the_id_is_refused_by_that_name() -> None:
    with pytest.raises(MessageWithoutId):
        read(edited(MESSAGE, signed_without_id))


def test_attributes_cannot_be_passed_off_as_content() -> None:
    parsed = ContentInfo.load(TIMED)["content"]
    info = parsed["signer_infos"][0]
    attributes = b"\x31" + info["attributes"].dump()[1:]

    def turn_inside_out(signed: core.Sequence) -> None:
        signed["content_info"]["content"] = core.OctetString(attributes)
        signed["signer_infos"][0]["attributes"] = None

    with pytest.raises(MessageMalformed, match="signed attributes"):
        read(edited(TIMED, turn_inside_out))


def test_a_message_without_its_certificates_needs_them_known() -> None:
    bare = edited(MESSAGE, without_certificates)
    known = HERE.node.certificate, HERE.issuing.certificate

    assert open_signed(bare, trust=HERE.trust(), now=NOW, known=known).content == CONTENT
    with pytest.raises(SignerUnknown):
        read(bare)


def test_a_message_without_a_signer_is_refused() -> None:
    with pytest.raises(SignerUnknown):
        read(edited(MESSAGE, without_signers))


def test_a_signer_of_an_authority_that_is_not_recognised_is_refused() -> None:
    with pytest.raises(ChainBroken):
        read(MESSAGE, trust=world("South").trust())


def test_a_revoked_signer_is_refused() -> None:
    with pytest.raises(Revoked):
        read(MESSAGE, trust=HERE.trust(Revocation(HERE.node.certificate.serial, NOW - DAY)))


def test_a_certificate_for_keys_signs_no_message() -> None:
    with pytest.raises(WrongUsage):
        read(sign_message(CONTENT, signer=HERE.receiver))


@pytest.mark.requirement("G1-F-5.1-1")
def test_the_signature_is_checked_before_the_chain() -> None:
    changed = MESSAGE.replace(CONTENT, CONTENT[::-1])

    with pytest.raises(MessageSignatureBroken):
        open_signed(changed, trust=world("South").trust(), now=NOW + 99 * 365 * DAY)


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_good_signature_under_an_expired_certificate_is_refused() -> None:
    mild = TrustList((HERE.root.certificate,), policy=RevocationPolicy.IF_HELD)

    with pytest.raises(Expired):
        open_signed(MESSAGE, trust=mild, now=HERE.node.certificate.validity.end + DAY)


def test_certificate_and_key_of_a_signer_belong_together() -> None:
    with pytest.raises(ValueError, match="belong together"):
        Signer(HERE.node.certificate, HERE.person.key)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"0\0",
        MESSAGE[:-1],
        MESSAGE + b"\0",
        MESSAGE[: len(MESSAGE) // 2],
        # the identifiers of PKCS#7 in place of the national ones
        MESSAGE.replace(
            bytes.fromhex("060a2a811ccf550601040202"), bytes.fromhex("060a2a864886f70d010702aa")
        ),
        # SHA-256 in place of SM3
        MESSAGE.replace(bytes.fromhex("2a811ccf55018311"), bytes.fromhex("6086480165030401")),
    ],
    ids=["nothing", "empty", "cut", "longer", "half", "another type", "another hash"],
)
def test_what_is_no_signed_message_is_refused(message: bytes) -> None:
    with pytest.raises(MessageMalformed):
        read(message)
