"""Properties of SM2, certificates and messages over generated keys, data and damage."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateRefused
from openehc.crypto.certificates.profiles import Purpose
from openehc.crypto.certificates.requests import CertificateRequest, make_request
from openehc.crypto.certificates.revocation import Revocation, RevocationList
from openehc.crypto.certificates.structures import Subject
from openehc.crypto.messages.enveloped import open_signed_envelope, seal_signed
from openehc.crypto.messages.errors import MessageRefused
from openehc.crypto.messages.signed import open_signed, sign_message
from openehc.crypto.messages.timestamp_requests import TimestampRequest
from openehc.crypto.messages.timestamps import TimestampAuthority, check_timestamp
from openehc.crypto.sm2 import CiphertextBroken, SignatureWrong, Sm2PrivateKey
from openehc.crypto.sm2_forms import der_signature, raw_ciphertext, raw_signature
from openehc.crypto.sm3 import sm3
from tests.support.counted_entropy import CountedEntropy
from tests.support.invented_holders import NOW, world
from tests.support.sm2_oracle import PUBLISHED_KEY, oracle_accepts, oracle_decrypt, oracle_public

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
KEY = Sm2PrivateKey(PUBLISHED_KEY)
DATA = b"some data"
SIGNATURE = KEY.sign(DATA)
SEALED = KEY.public.encrypt(b"a key of 16 byte")
HERE = world()
TRUST = HERE.trust()
CERTIFICATE = HERE.node.certificate
LIST = HERE.trust(Revocation(7, NOW)).lists[1]
REQUEST_DER = make_request(Subject("A node"), key=KEY).der
MESSAGE = sign_message(DATA, signer=HERE.node, claimed_time=NOW)
ENVELOPE = seal_signed(
    DATA, signer=HERE.node, recipients=[HERE.receiver.certificate], entropy=CountedEntropy()
)
REQUEST = TimestampRequest(sm3(DATA), nonce=7)
TOKEN = TimestampAuthority(HERE.clock, "1.2.3").stamp(REQUEST, now=NOW, entropy=CountedEntropy())

scalars = st.integers(min_value=1, max_value=ORDER - 2).map(lambda d: d.to_bytes(32, "big"))
raw_signatures = st.binary(min_size=64, max_size=64)


@given(scalar=scalars)
@settings(max_examples=10)
def test_the_public_key_is_the_one_that_another_implementation_computes(scalar: bytes) -> None:
    assert Sm2PrivateKey(scalar).public.raw == oracle_public(scalar)


@given(scalar=scalars, data=st.binary(max_size=200))
@settings(max_examples=5)
def test_another_implementation_agrees(scalar: bytes, data: bytes) -> None:
    key = Sm2PrivateKey(scalar)

    assert oracle_accepts(key.public.raw, data, key.sign_raw(data))
    sealed = raw_ciphertext(key.public.encrypt(data + b"."))
    assert oracle_decrypt(scalar, sealed) == data + b"."


@given(data=st.binary(max_size=2000))
def test_what_is_signed_is_verified(data: bytes) -> None:
    KEY.public.verify(KEY.sign(data), data=data)


@given(plain=st.binary(min_size=1, max_size=2000))
def test_what_is_encrypted_comes_back_from_every_form(plain: bytes) -> None:
    sealed = KEY.public.encrypt(plain)
    raw = raw_ciphertext(sealed)

    assert KEY.decrypt(sealed) == KEY.decrypt(raw) == KEY.decrypt(raw[1:]) == plain


@given(raw=raw_signatures)
def test_der_and_raw_name_the_same_signature(raw: bytes) -> None:
    assert raw_signature(der_signature(raw)) == raw


@given(at=st.integers(min_value=0, max_value=8 * len(SIGNATURE) - 1))
def test_any_flipped_bit_of_a_signature_is_refused(at: int) -> None:
    try:
        KEY.public.verify(flipped(SIGNATURE, at), data=DATA)
    except SignatureWrong:
        return
    raise AssertionError("accepted")


@given(at=st.integers(min_value=0, max_value=8 * len(SEALED) - 1))
def test_any_flipped_bit_of_a_ciphertext_is_refused(at: int) -> None:
    try:
        KEY.decrypt(flipped(SEALED, at))
    except CiphertextBroken:
        return
    raise AssertionError("opened")


@given(junk=st.binary(max_size=300))
def test_junk_is_refused_and_never_crashes(junk: bytes) -> None:
    for attempt, refusal in ((KEY.decrypt, CiphertextBroken), (verify_junk, SignatureWrong)):
        try:
            attempt(junk)
        except refusal:
            continue
        raise AssertionError("accepted")


def verify_junk(junk: bytes) -> bytes:
    KEY.public.verify(junk, data=DATA)
    return junk


@given(at=st.integers(min_value=0, max_value=8 * len(CERTIFICATE.der) - 1))
@settings(max_examples=300)
def test_any_flipped_bit_of_a_certificate_is_refused(at: int) -> None:
    try:
        damaged = Certificate.from_der(flipped(CERTIFICATE.der, at))
        TRUST.check(damaged, purpose=Purpose.SIGNING, now=NOW, known=HERE.known)
    except CertificateRefused:
        return
    raise AssertionError("relied on")


@given(at=st.integers(min_value=0, max_value=8 * len(MESSAGE) - 1))
@settings(max_examples=300)
def test_no_flipped_bit_of_a_message_changes_what_is_read(at: int) -> None:
    # a bit in a part that proves nothing, an algorithm's parameters say, may be passed over
    try:
        read = open_signed(flipped(MESSAGE, at), trust=TRUST, now=NOW)
    except (MessageRefused, CertificateRefused):
        return
    assert (read.content, read.signers) == (DATA, (CERTIFICATE,))


@given(at=st.integers(min_value=0, max_value=8 * len(TOKEN) - 1))
@settings(max_examples=300)
def test_no_flipped_bit_of_a_timestamp_changes_what_it_proves(at: int) -> None:
    try:
        stamp = check_timestamp(flipped(TOKEN, at), request=REQUEST, trust=TRUST, now=NOW)
    except (MessageRefused, CertificateRefused):
        return
    assert stamp == check_timestamp(TOKEN, request=REQUEST, trust=TRUST, now=NOW)


@given(at=st.integers(min_value=0, max_value=8 * len(ENVELOPE) - 1))
@settings(max_examples=300)
def test_no_flipped_bit_of_an_envelope_changes_the_signed_content(at: int) -> None:
    try:
        read = open_signed_envelope(
            flipped(ENVELOPE, at), recipient=HERE.receiver, trust=TRUST, now=NOW
        )
    except (MessageRefused, CertificateRefused):
        return
    assert read.content == DATA


@given(at=st.integers(min_value=0, max_value=8 * len(LIST.der) - 1))
@example(at=8 * (len(LIST.der) - len(LIST.signature) - 1))  # bits that do not count, it says
@settings(max_examples=200)
def test_any_flipped_bit_of_a_revocation_list_is_refused(at: int) -> None:
    try:
        RevocationList.from_der(flipped(LIST.der, at)).check_signed_by(HERE.issuing.key.public)
    except CertificateRefused:
        return
    raise AssertionError("relied on")


@given(at=st.integers(min_value=0, max_value=8 * len(REQUEST_DER) - 1))
@example(at=63)  # a length in a form that DER does not have, which a lenient reader tidies up
@settings(max_examples=200)
def test_any_flipped_bit_of_a_certificate_request_is_refused(at: int) -> None:
    try:
        CertificateRequest.from_der(flipped(REQUEST_DER, at))
    except CertificateRefused:
        return
    raise AssertionError("accepted")


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)
