"""What the small authority issues: as asked, and as OpenSSL understands it."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_der_x509_crl
from OpenSSL import crypto

from openehc.crypto.certificates.authority import CertificateAuthority
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateMalformed, SignatureBroken
from openehc.crypto.certificates.profiles import ALLOWANCES, Profile
from openehc.crypto.certificates.requests import CertificateRequest, make_request
from openehc.crypto.certificates.revocation import Revocation, RevocationList, RevocationReason
from openehc.crypto.certificates.structures import Subject, Validity
from openehc.crypto.sm2 import Sm2PrivateKey
from tests.support.invented_holders import DAY, ID, NOW, openssl, world, years

HERE = world()
PERSON = Subject("虚构的人", organization="虚构医院", unit="信息科", unique_id="UID-0001")
ISSUERS = HERE.root.certificate, HERE.issuing.certificate
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command")


def store(*lists: RevocationList, flags: int = 0) -> crypto.X509Store:
    """A third implementation of chains and lists, on an OpenSSL that knows the id."""
    held = crypto.X509Store()
    held.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, ISSUERS[0].der))
    for one in lists:
        held.add_crl(load_der_x509_crl(one.der))
    held.set_flags(flags)
    held.set_time(NOW)
    return held


def verified(certificate: Certificate, held: crypto.X509Store) -> None:
    leaf, middle = (
        crypto.load_certificate(crypto.FILETYPE_ASN1, one.der)
        for one in (certificate, HERE.issuing.certificate)
    )
    crypto.X509StoreContext(held, leaf, chain=[middle]).verify_certificate()


def test_a_certificate_names_its_holder_and_the_time() -> None:
    key = Sm2PrivateKey.generate()
    issued = HERE.issuing.issue(
        PERSON, key=key.public, profile=Profile.PERSON, validity=years(1), entropy=HERE.entropy
    )

    again = Certificate.from_pem(issued.pem())
    assert (again.subject, again.key, again.validity) == (PERSON, key.public, years(1))
    assert again.allowance == ALLOWANCES[Profile.PERSON]


def test_no_holder_shows_in_a_log() -> None:
    issued = HERE.issuing.issue(
        PERSON, key=HERE.person.key.public, profile=Profile.PERSON, validity=years(1),
        entropy=HERE.entropy,
    )  # fmt: skip

    assert PERSON.common_name not in f"{issued!r} {issued.title}"
    assert PERSON.unique_id not in f"{issued!r} {issued.title}"


def test_serial_numbers_are_long_positive_and_never_the_same() -> None:
    serials = {HERE.holder(Profile.PERSON).certificate.serial for _ in range(20)}

    assert len(serials) == 20
    assert all(serial.bit_length() == 127 for serial in serials)


def test_times_after_2049_are_written_and_read() -> None:
    late = Validity(datetime(2049, 12, 31, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC))
    root = CertificateAuthority.root(
        PERSON, key=Sm2PrivateKey.generate(), validity=late, entropy=HERE.entropy
    )

    assert root.certificate.validity == late
    assert b"\x17\x0d491231000000Z" in root.certificate.der
    assert b"\x18\x0f20510101000000Z" in root.certificate.der


def test_nothing_outlives_its_issuer() -> None:
    with pytest.raises(ValueError, match="time of its issuer"):
        HERE.holder(Profile.PERSON, validity=years(11))


def test_an_authority_without_room_below_it_makes_no_authority() -> None:
    with pytest.raises(ValueError, match="may not issue intermediate"):
        HERE.issuing.subordinate(
            PERSON, key=Sm2PrivateKey.generate(), validity=years(1), entropy=HERE.entropy
        )


def test_an_authority_needs_its_own_key() -> None:
    with pytest.raises(ValueError, match="key of it"):
        CertificateAuthority(HERE.root.certificate, HERE.issuing.key)


def test_a_holder_is_no_authority() -> None:
    with pytest.raises(ValueError, match="authority certificate"):
        CertificateAuthority(HERE.node.certificate, HERE.node.key)


@pytest.mark.parametrize("wrong", ["UID_1", "UID@1", "编号"])
def test_a_unique_identifier_keeps_to_its_letters(wrong: str) -> None:
    with pytest.raises(ValueError, match="unique identifier"):
        replace(PERSON, unique_id=wrong).to_name()


def test_a_request_comes_back_and_becomes_a_certificate() -> None:
    key = Sm2PrivateKey.generate()
    request = CertificateRequest.from_pem(make_request(PERSON, key=key).pem())

    issued = HERE.issuing.certify(
        request, profile=Profile.PERSON, validity=years(1), entropy=HERE.entropy
    )

    assert (issued.subject, issued.key) == (PERSON, key.public)


def test_a_request_with_a_changed_name_is_refused() -> None:
    der = make_request(PERSON, key=Sm2PrivateKey.generate()).der

    with pytest.raises(SignatureBroken):
        CertificateRequest.from_der(der.replace(b"UID-0001", b"UID-0002"))


@pytest.mark.parametrize("text", ["", HERE.node.certificate.pem()])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(CertificateMalformed):
        CertificateRequest.from_pem(text)


def test_a_revocation_list_comes_back() -> None:
    revoked = [Revocation(7, NOW - DAY, RevocationReason.KEY_COMPROMISE), Revocation(9, NOW)]
    listed = HERE.issuing.revocation_list(revoked, number=5, made=NOW, next_due=NOW + DAY)

    again = RevocationList.from_pem(listed.pem())

    assert list(again.entries.values()) == revoked
    assert (again.number, again.made, again.next_due) == (5, NOW, NOW + DAY)


@pytest.mark.requirement("G1-F-5.2-1")
def test_another_implementation_accepts_the_chain() -> None:
    verified(HERE.node.certificate, store())


def test_another_implementation_sees_a_flipped_bit() -> None:
    der = HERE.node.certificate.der.replace(b"UID-node", b"UID-nodd")

    with pytest.raises(crypto.X509StoreContextError, match="signature"):
        verified(Certificate.from_der(der), store())


def test_another_implementation_accepts_our_lists() -> None:
    lists = HERE.trust().lists

    flags = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
    verified(HERE.node.certificate, store(*lists, flags=flags))


def test_another_implementation_sees_the_revocation() -> None:
    revoked = Revocation(HERE.node.certificate.serial, NOW - DAY)
    lists = HERE.trust(revoked).lists

    flags = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
    with pytest.raises(crypto.X509StoreContextError, match="revoked"):
        verified(HERE.node.certificate, store(*lists, flags=flags))


@needs_openssl
@pytest.mark.parametrize("certificate", [HERE.node.certificate, HERE.issuing.certificate])
def test_the_openssl_command_accepts_each_link(certificate: Certificate, tmp_path: Path) -> None:
    # one link at a time: OpenSSL 3.0 takes the id for the lowest certificate only
    issuer = ISSUERS[certificate is HERE.node.certificate]
    (tmp_path / "issuer").write_text(issuer.pem())
    (tmp_path / "leaf").write_text(certificate.pem())

    said = openssl(
        "verify", "-vfyopt", ID, "-attime", str(int(NOW.timestamp())), "-x509_strict",
        "-partial_chain", "-trusted", tmp_path / "issuer", tmp_path / "leaf",
    )  # fmt: skip

    assert said.endswith(b"leaf: OK\n")


@needs_openssl
def test_the_openssl_command_accepts_our_request(tmp_path: Path) -> None:
    (tmp_path / "request").write_text(make_request(PERSON, key=Sm2PrivateKey.generate()).pem())

    subject = openssl(
        "req", "-verify", "-vfyopt", ID, "-noout", "-subject", "-in", tmp_path / "request"
    )

    assert b"UID-0001" in subject


@needs_openssl
def test_we_accept_a_request_of_the_openssl_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(Sm2PrivateKey.generate().pem())
    text = openssl(
        "req", "-new", "-sm3", "-sigopt", ID, "-key", tmp_path / "key", "-subj",
        "/C=CN/CN=an invented node/serialNumber=UID-7", "-config", empty_config(tmp_path),
    ).decode()  # fmt: skip

    request = CertificateRequest.from_pem(text)

    assert (request.subject.common_name, request.subject.unique_id) == ("an invented node", "UID-7")


@needs_openssl
def test_we_accept_a_root_of_the_openssl_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(Sm2PrivateKey.generate().pem())
    text = openssl(
        "req", "-new", "-x509", "-sm3", "-sigopt", ID, "-key", tmp_path / "key",
        "-subj", "/CN=an invented root", "-days", "30", "-config", empty_config(tmp_path),
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign",
    ).decode()  # fmt: skip

    root = Certificate.from_pem(text)

    root.check_signed_by(root.key)
    assert root.allowance.authority
    assert root.validity.end - root.validity.start == timedelta(days=30)


def empty_config(folder: Path) -> Path:
    place = folder / "config"
    place.write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    return place
