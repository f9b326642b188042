"""Which certificates are relied on, and why the others are not, in the published order."""

from datetime import datetime, timedelta

import pytest
from asn1crypto import x509

from openehc.crypto.certificates.authority import CertificateAuthority
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import (
    CertificateRefused,
    ChainBroken,
    Expired,
    NotYetValid,
    RevocationUnknown,
    Revoked,
    SelfSignedUntrusted,
    SignatureBroken,
    WithoutId,
    WrongUsage,
)
from openehc.crypto.certificates.profiles import Profile, Purpose
from openehc.crypto.certificates.revocation import Revocation, RevocationList, RevocationReason
from openehc.crypto.certificates.structures import Subject
from openehc.crypto.certificates.trust import RevocationPolicy, TrustList
from openehc.crypto.libcrypto import private_key
from openehc.crypto.messages.signed import Signer
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.crypto.sm3 import sm3
from tests.support.invented_holders import DAY, NOW, World, world, years

HERE = world()
NODE = HERE.node.certificate
YEAR = 365 * DAY


def check(
    certificate: Certificate, trust: TrustList, *, now: datetime = NOW,
    purpose: Purpose = Purpose.SIGNING, known: tuple[Certificate, ...] = HERE.known,
) -> tuple[Certificate, ...]:  # fmt: skip
    return trust.check(certificate, purpose=purpose, now=now, known=known)


def resigned(certificate: Certificate, signature: bytes) -> Certificate:
    """The same certificate with another signature."""
    parsed = x509.Certificate.load(certificate.der)
    parsed["signature_value"] = signature
    return Certificate.from_der(parsed.dump())


def changed(certificate: Certificate, old: bytes, new: bytes) -> Certificate:
    """The same certificate with another content under the old signature."""
    assert certificate.der.count(old) == 1
    return Certificate.from_der(certificate.der.replace(old, new))


def other_root_of_the_same_name(here: World) -> CertificateAuthority:
    return CertificateAuthority.root(
        here.root.certificate.subject, key=Sm2PrivateKey.generate(), validity=years(20),
        entropy=here.entropy,
    )  # fmt: skip


@pytest.mark.requirement("G1-F-5.2-1")
def test_a_good_certificate_is_relied_on_up_to_its_root() -> None:
    chain = check(NODE, HERE.trust())

    assert chain == (NODE, HERE.issuing.certificate, HERE.root.certificate)


@pytest.mark.requirement("G1-F-5.1-1")
def test_authorities_that_are_recognised_side_by_side_are_both_relied_on() -> None:
    there = world("South")
    trust = HERE.trust().trusting(there.root.certificate)
    for one in there.trust().lists:
        trust = trust.with_revocations(one)

    check(NODE, trust)
    check(there.node.certificate, trust, known=there.known)


@pytest.mark.requirement("G1-F-5.1-1")
def test_an_authority_that_is_not_recognised_is_refused() -> None:
    there = world("South")

    with pytest.raises(ChainBroken):
        check(there.node.certificate, HERE.trust(), known=there.known)


def test_a_root_that_is_no_longer_trusted_takes_its_certificates_along() -> None:
    with pytest.raises(ChainBroken):
        check(NODE, HERE.trust().no_longer_trusting(HERE.root.certificate))


def test_a_missing_intermediate_is_refused() -> None:
    with pytest.raises(ChainBroken):
        check(NODE, HERE.trust(), known=())


def test_a_certificate_that_vouches_for_itself_is_refused() -> None:
    own = CertificateAuthority.root(
        Subject("Nobody"), key=Sm2PrivateKey.generate(), validity=years(2), entropy=HERE.entropy
    )

    with pytest.raises(SelfSignedUntrusted):
        check(own.certificate, HERE.trust())


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_flipped_bit_in_the_certificate_is_refused() -> None:
    with pytest.raises(SignatureBroken):
        check(changed(NODE, b"UID-node", b"UID-nodd"), HERE.trust())


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_flipped_bit_in_the_middle_of_the_chain_is_refused() -> None:
    middle = changed(HERE.issuing.certificate, b"North issuing", b"North isruing")
    leaf = CertificateAuthority(middle, HERE.issuing.key).issue(
        Subject("A node"), key=HERE.node.key.public, profile=Profile.NODE_SIGNING,
        validity=years(2), entropy=HERE.entropy,
    )  # fmt: skip

    with pytest.raises(SignatureBroken):
        check(leaf, HERE.trust(), known=(middle,))


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_certificate_signed_without_the_id_is_refused_by_that_name() -> None:
    issuer = HERE.issuing.key
    bare = private_key(issuer.raw(), point=issuer.public.raw).sign(sm3(NODE.signed_part))

    with pytest.raises(WithoutId):
        check(resigned(NODE, bare), HERE.trust())


def test_an_impostor_with_the_name_of_the_root_is_refused() -> None:
    impostor = other_root_of_the_same_name(HERE)
    leaf = impostor.issue(
        Subject("A node"), key=HERE.node.key.public, profile=Profile.NODE_SIGNING,
        validity=years(2), entropy=HERE.entropy,
    )  # fmt: skip

    with pytest.raises(ChainBroken):
        check(leaf, HERE.trust(), known=(impostor.certificate,))


def test_a_root_that_changed_its_key_is_relied_on_under_both() -> None:
    newer = other_root_of_the_same_name(HERE)
    trust = TrustList((newer.certificate,), policy=RevocationPolicy.IF_HELD)

    check(NODE, trust.trusting(HERE.root.certificate))


def test_a_holder_cannot_issue_certificates() -> None:
    # a node's certificate posing as an authority: only the extensions speak against it
    parsed = x509.Certificate.load(HERE.person.certificate.der)
    parsed["tbs_certificate"]["issuer"] = x509.Name.load(
        x509.Certificate.load(NODE.der)["tbs_certificate"]["subject"].dump()
    )
    parsed["tbs_certificate"]["extensions"] = [
        one
        for one in parsed["tbs_certificate"]["extensions"]
        if one["extn_id"].native != "authority_key_identifier"
    ]
    tbs = parsed["tbs_certificate"].dump(force=True)
    parsed["signature_value"] = HERE.node.key.sign(tbs)
    forged = Certificate.from_der(parsed.dump(force=True))

    with pytest.raises(ChainBroken, match="may not issue"):
        check(forged, HERE.trust(), known=(NODE, *HERE.known))


@pytest.mark.requirement("G1-F-5.1-1")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NODE.validity.start - timedelta(seconds=1), NotYetValid),
        (NODE.validity.end + timedelta(seconds=1), Expired),
    ],
)
def test_outside_its_time_a_certificate_is_refused(
    now: datetime, reason: type[CertificateRefused]
) -> None:
    trust = TrustList((HERE.root.certificate,), policy=RevocationPolicy.IF_HELD)

    with pytest.raises(reason):
        check(NODE, trust, now=now)


@pytest.mark.parametrize("now", [NODE.validity.start, NODE.validity.end])
def test_the_first_and_the_last_second_count(now: datetime) -> None:
    check(NODE, TrustList((HERE.root.certificate,), policy=RevocationPolicy.IF_HELD), now=now)


def test_an_expired_issuer_takes_its_certificates_along() -> None:
    short = HERE.root.subordinate(
        Subject("Short"), key=Sm2PrivateKey.generate(), validity=years(1), entropy=HERE.entropy
    )
    leaf = short.issue(
        Subject("A node"), key=HERE.node.key.public, profile=Profile.NODE_SIGNING,
        validity=years(1), entropy=HERE.entropy,
    )  # fmt: skip
    trust = TrustList((HERE.root.certificate,), policy=RevocationPolicy.IF_HELD)

    with pytest.raises(Expired):
        check(leaf, trust, now=NOW + YEAR, known=(short.certificate,))


@pytest.mark.requirement("G1-F-5.1-1")
def test_a_revoked_certificate_is_refused() -> None:
    trust = HERE.trust(Revocation(NODE.serial, NOW - DAY, RevocationReason.KEY_COMPROMISE))

    with pytest.raises(Revoked, match="key_compromise"):
        check(NODE, trust)


def test_a_revoked_issuer_takes_its_certificates_along() -> None:
    serial = HERE.issuing.certificate.serial
    listed = HERE.root.revocation_list(
        [Revocation(serial, NOW - DAY)], number=2, made=NOW - DAY, next_due=NOW + DAY
    )

    with pytest.raises(Revoked):
        check(NODE, HERE.trust().with_revocations(listed))


@pytest.mark.requirement("G1-F-5.1-1")
def test_time_is_checked_before_revocation() -> None:
    trust = HERE.trust(Revocation(NODE.serial, NOW))

    with pytest.raises(Expired):
        check(NODE, trust, now=NODE.validity.end + DAY)


@pytest.mark.requirement("G1-F-5.1-1")
def test_the_chain_is_checked_before_the_time() -> None:
    there = world("South")

    with pytest.raises(ChainBroken):
        check(there.node.certificate, HERE.trust(), now=NOW + 20 * YEAR, known=there.known)


def test_without_a_list_of_the_issuer_the_strict_policy_refuses() -> None:
    with pytest.raises(RevocationUnknown):
        check(NODE, TrustList().trusting(HERE.root.certificate))


def test_an_overdue_list_is_refused_by_the_strict_policy() -> None:
    with pytest.raises(RevocationUnknown):
        check(NODE, HERE.trust(now=NOW - 10 * DAY))


def test_an_overdue_list_still_revokes_under_the_mild_policy() -> None:
    held = HERE.trust(Revocation(NODE.serial, NOW - 11 * DAY), now=NOW - 10 * DAY)
    mild = TrustList(held.roots, held.lists, RevocationPolicy.IF_HELD)

    with pytest.raises(Revoked):
        check(NODE, mild)


def test_an_older_list_does_not_bring_the_revoked_back() -> None:
    trust = HERE.trust(Revocation(NODE.serial, NOW - DAY))
    older = HERE.issuing.revocation_list([], number=0, made=NOW - DAY, next_due=NOW + DAY)

    with pytest.raises(Revoked):
        check(NODE, trust.with_revocations(older))


def test_a_forged_list_is_refused() -> None:
    genuine = HERE.issuing.revocation_list([], number=9, made=NOW - DAY, next_due=NOW + DAY)
    forged = RevocationList.from_der(genuine.der.replace(b"\x02\x01\x09", b"\x02\x01\x0a"))

    with pytest.raises(SignatureBroken):
        check(NODE, HERE.trust().with_revocations(forged))


def test_a_signature_older_than_a_harmless_revocation_still_counts() -> None:
    trust = HERE.trust(Revocation(NODE.serial, NOW - DAY, RevocationReason.SUPERSEDED))

    trust.check(NODE, purpose=Purpose.SIGNING, now=NOW, known=HERE.known, at=NOW - 2 * DAY)


def test_a_stolen_key_spoils_its_older_signatures_too() -> None:
    trust = HERE.trust(Revocation(NODE.serial, NOW - DAY, RevocationReason.KEY_COMPROMISE))

    with pytest.raises(Revoked):
        trust.check(NODE, purpose=Purpose.SIGNING, now=NOW, known=HERE.known, at=NOW - 2 * DAY)


@pytest.mark.parametrize(
    ("holder", "purpose"),
    [
        (HERE.node, Purpose.ENCRYPTION),
        (HERE.node, Purpose.TIMESTAMPING),
        (HERE.receiver, Purpose.SIGNING),
        (HERE.receiver, Purpose.LOGIN),
        (HERE.clock, Purpose.SIGNING),
        (HERE.clock, Purpose.LOGIN),
        (HERE.person, Purpose.TIMESTAMPING),
    ],
)
def test_another_purpose_than_the_issued_one_is_refused(holder: Signer, purpose: Purpose) -> None:
    with pytest.raises(WrongUsage):
        check(holder.certificate, HERE.trust(), purpose=purpose)


@pytest.mark.parametrize(
    ("holder", "purpose"),
    [
        (HERE.node, Purpose.SIGNING),
        (HERE.node, Purpose.LOGIN),
        (HERE.receiver, Purpose.ENCRYPTION),
        (HERE.person, Purpose.LOGIN),
        (HERE.clock, Purpose.TIMESTAMPING),
    ],
)
def test_the_issued_purpose_is_allowed(holder: Signer, purpose: Purpose) -> None:
    check(holder.certificate, HERE.trust(), purpose=purpose)


def test_an_authority_signs_no_messages() -> None:
    with pytest.raises(WrongUsage):
        check(HERE.issuing.certificate, HERE.trust())


@pytest.mark.parametrize("certificate", [NODE, HERE.issuing.certificate])
def test_only_a_root_becomes_a_root(certificate: Certificate) -> None:
    with pytest.raises(ChainBroken):
        TrustList().trusting(certificate)


def test_a_root_that_did_not_sign_itself_is_not_taken() -> None:
    forged = resigned(HERE.root.certificate, HERE.node.key.sign(HERE.root.certificate.signed_part))

    with pytest.raises(SignatureBroken):
        TrustList().trusting(forged)
