"""Timestamps: asked for, given, checked; and every one that proves nothing."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp

from openehc.crypto.certificates.errors import ChainBroken, Expired, Revoked, WrongUsage
from openehc.crypto.certificates.profiles import Profile, Purpose
from openehc.crypto.certificates.revocation import Revocation, RevocationReason
from openehc.crypto.certificates.trust import RevocationPolicy, TrustList
from openehc.crypto.messages.errors import (
    ImprintDiffers,
    MessageMalformed,
    MessageSignatureBroken,
    NonceDiffers,
    StampDenied,
    TimestampInFuture,
)
from openehc.crypto.messages.signed import sign_message, signed_data
from openehc.crypto.messages.structures import attribute
from openehc.crypto.messages.timestamp_requests import (
    TimestampRequest,
    read_request,
    token_in,
)
from openehc.crypto.messages.timestamps import Timestamp, TimestampAuthority, check_timestamp
from openehc.crypto.sm3 import sm3
from tests.support.der_tree import tree
from tests.support.invented_holders import DAY, NOW, openssl, world

HERE = world()
POLICY = "1.2.156.3.1"
AUTHORITY = TimestampAuthority(HERE.clock, POLICY, accuracy=timedelta(milliseconds=1500))
REQUEST = TimestampRequest(sm3(b"some evidence"), nonce=0x1234567890)
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


def token(request: TimestampRequest = REQUEST, *, at: datetime = NOW) -> bytes:
    return token_in(AUTHORITY.answer(request.der(), now=at, entropy=HERE.entropy))


def check(stamp: bytes, *, request: TimestampRequest = REQUEST, now: datetime = NOW) -> Timestamp:
    return check_timestamp(stamp, request=request, trust=HERE.trust(now=now), now=now)


def test_a_timestamp_proves_the_time() -> None:
    stamp = check(token())

    assert (stamp.moment, stamp.policy, stamp.authority) == (NOW, POLICY, HERE.clock.certificate)
    assert stamp.accuracy == timedelta(milliseconds=1500)


def test_two_timestamps_have_different_serial_numbers() -> None:
    assert check(token()).serial != check(token()).serial


@pytest.mark.requirement("G1-F-5.2-1")
def test_the_token_is_a_national_message_around_the_international_content() -> None:
    info = tree(token())
    content = info[1][0][2]

    assert info[0].oid == "1.2.156.10197.6.1.4.2.2"
    assert content[0].oid == "1.2.840.113549.1.9.16.1.4"
    imprint = tree(content[1][0].body)[2]
    assert imprint[0][0].oid == "1.2.156.10197.1.401"


def test_a_replayed_token_about_other_data_is_refused() -> None:
    other = replace(REQUEST, imprint=sm3(b"other evidence"))

    with pytest.raises(ImprintDiffers):
        check(token(), request=other)


def test_a_replayed_answer_to_another_request_is_refused() -> None:
    with pytest.raises(NonceDiffers):
        check(token(), request=replace(REQUEST, nonce=7))


def test_an_answer_without_the_nonce_is_refused() -> None:
    with pytest.raises(NonceDiffers):
        check(token(replace(REQUEST, nonce=None)))


def test_a_token_from_the_archive_is_checked_without_a_nonce() -> None:
    assert check(token(), request=replace(REQUEST, nonce=None)).moment == NOW


def test_a_changed_time_is_refused() -> None:
    with pytest.raises(MessageSignatureBroken):
        check(token().replace(b"20260301003000Z", b"20260228003000Z"))


def test_a_time_in_the_future_is_refused() -> None:
    with pytest.raises(TimestampInFuture):
        check(token(at=NOW + DAY))


def test_clocks_may_be_a_little_apart() -> None:
    assert check(token(at=NOW + timedelta(seconds=30))).moment > NOW


def test_an_authority_that_is_not_recognised_is_refused() -> None:
    with pytest.raises(ChainBroken):
        check_timestamp(token(), request=REQUEST, trust=world("South").trust(), now=NOW)


def test_a_token_outlives_the_certificate_of_its_authority() -> None:
    later = HERE.clock.certificate.validity.end + DAY

    assert check(token(), now=later).moment == NOW


def test_a_token_from_before_the_certificate_is_refused() -> None:
    mild = TrustList((HERE.root.certificate,), policy=RevocationPolicy.IF_HELD)
    late = HERE.clock.certificate.validity.end + DAY
    stamped = AUTHORITY.stamp(REQUEST, now=late, entropy=HERE.entropy)

    with pytest.raises(Expired):
        check_timestamp(stamped, request=REQUEST, trust=mild, now=late)


def test_a_stolen_authority_key_spoils_its_tokens() -> None:
    stolen = Revocation(HERE.clock.certificate.serial, NOW, RevocationReason.KEY_COMPROMISE)

    with pytest.raises(Revoked):
        check_timestamp(token(at=NOW - DAY), request=REQUEST, trust=HERE.trust(stolen), now=NOW)


def test_only_a_timestamp_certificate_makes_an_authority() -> None:
    with pytest.raises(WrongUsage):
        TimestampAuthority(HERE.node, POLICY)


def test_a_token_signed_by_a_node_is_refused() -> None:
    content = tree(token())[1][0][2][1][0].body

    with pytest.raises(WrongUsage):
        check(signed_token(content, bound_to=HERE.node.certificate.fingerprint))


def signed_token(content: bytes, *, bound_to: bytes) -> bytes:
    """A token signed by a node in place of the authority."""
    binding = {
        "certs": [{"hash_algorithm": {"algorithm": "1.2.156.10197.1.401"}, "cert_hash": bound_to}]
    }
    extra = attribute("1.2.840.113549.1.9.16.2.47", tsp.SigningCertificateV2(binding))
    return signed_data(content, content_type="timestamp", signer=HERE.node, extra=[extra])


def test_a_token_bound_to_another_certificate_is_refused() -> None:
    content = tree(token())[1][0][2][1][0].body

    with pytest.raises(MessageMalformed, match="another certificate"):
        check(signed_token(content, bound_to=HERE.clock.certificate.fingerprint))


@pytest.mark.parametrize("stamp", [b"", b"0\0", sign_message(b"x", signer=HERE.clock)])
def test_what_is_no_token_is_refused(stamp: bytes) -> None:
    with pytest.raises(MessageMalformed):
        check(stamp)


@pytest.mark.parametrize(
    ("request_der", "reason"),
    [
        (b"", "bad_data_format"),
        (REQUEST.der()[:-1], "bad_data_format"),
        (b"0" * 5000, "bad_request"),
        (replace(REQUEST, policy="1.2.3").der(), "unaccepted_policy"),
        (replace(REQUEST, nonce=1 << 300).der(), "bad_request"),
        (
            REQUEST.der().replace(
                bytes.fromhex("06082a811ccf55018311"), bytes.fromhex("06082a811ccf55018312")
            ),
            "bad_alg",
        ),
    ],
    ids=["nothing", "cut", "too long", "policy", "nonce", "hash"],
)
def test_a_request_that_cannot_be_granted_is_denied_with_its_reason(
    request_der: bytes, reason: str
) -> None:
    reply = AUTHORITY.answer(request_der, now=NOW, entropy=HERE.entropy)

    with pytest.raises(StampDenied, match=reason):
        token_in(reply)


def test_an_authority_whose_certificate_expired_stamps_nothing() -> None:
    late = HERE.clock.certificate.validity.end + DAY

    with pytest.raises(StampDenied, match="system_failure"):
        token(at=late)


def test_an_imprint_is_an_sm3_hash() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TimestampRequest(b"short")


def test_a_request_comes_back() -> None:
    whole = replace(REQUEST, policy=POLICY)

    assert read_request(whole.der()) == whole


@needs_openssl
def test_we_read_a_request_of_openssl() -> None:
    query = openssl("ts", "-query", "-digest", REQUEST.imprint.hex(), "-sm3", "-no_nonce")

    assert read_request(query) == replace(REQUEST, nonce=None)


@needs_openssl
def test_openssl_reads_our_request(tmp_path: Path) -> None:
    (tmp_path / "query").write_bytes(REQUEST.der())

    shown = openssl("ts", "-query", "-in", tmp_path / "query", "-text")

    assert b"Hash Algorithm: sm3" in shown
    assert b"Nonce: 0x1234567890" in shown


def test_the_clock_certificate_serves_nothing_else() -> None:
    with pytest.raises(WrongUsage):
        HERE.trust().check(
            HERE.holder(Profile.TIMESTAMP).certificate, purpose=Purpose.SIGNING, now=NOW,
            known=HERE.known,
        )  # fmt: skip
