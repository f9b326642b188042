"""Reading certificates and lists: what is not strictly one is refused, whatever it is."""

from collections.abc import Callable

import pytest
from asn1crypto import crl, x509

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateMalformed
from openehc.crypto.certificates.revocation import RevocationList
from tests.support.invented_holders import world

HERE = world()
DER = HERE.node.certificate.der
SM2_WITH_SM3 = bytes.fromhex("06082a811ccf55018375")
ECDSA = bytes.fromhex("06082a8648ce3d040302")
SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")
P256 = bytes.fromhex("06082a8648ce3d030107")


def with_extension(name: str) -> bytes:
    parsed = x509.Certificate.load(DER)
    extra = x509.Extension({"extn_id": name, "critical": True, "extn_value": b"\5\0"})
    parsed["tbs_certificate"]["extensions"] = [*parsed["tbs_certificate"]["extensions"], extra]
    return bytes(parsed.dump(force=True))


def with_repeated_extension() -> bytes:
    parsed = x509.Certificate.load(DER)
    extensions = list(parsed["tbs_certificate"]["extensions"])
    parsed["tbs_certificate"]["extensions"] = [*extensions, extensions[-1]]
    return bytes(parsed.dump(force=True))


@pytest.mark.parametrize(
    "damage",
    [
        lambda: b"",
        lambda: b"0\0",
        lambda: DER[:-1],
        lambda: DER + b"\0",
        lambda: DER.replace(SM2_WITH_SM3, ECDSA),
        lambda: DER.replace(SM2_CURVE, P256),
        lambda: with_extension("1.2.3.4"),
        with_repeated_extension,
        lambda: b"0" * 70_000,
    ],
    ids=[
        "nothing", "empty", "cut", "longer", "another signature", "another curve",
        "unknown critical extension", "repeated extension", "too long",
    ],
)  # fmt: skip
def test_what_is_no_sm2_certificate_is_refused(damage: Callable[[], bytes]) -> None:
    with pytest.raises(CertificateMalformed):
        Certificate.from_der(damage())


def test_signature_algorithms_that_contradict_each_other_are_refused() -> None:
    head, _, tail = DER.rpartition(SM2_WITH_SM3)

    with pytest.raises(CertificateMalformed):
        Certificate.from_der(head + ECDSA + tail)


def test_a_text_without_a_certificate_is_refused() -> None:
    with pytest.raises(CertificateMalformed):
        Certificate.from_pem("no certificate")


def test_a_list_for_part_of_the_certificates_is_refused() -> None:
    parsed = crl.CertificateList.load(HERE.trust().lists[0].der)
    part = {
        "extn_id": "issuing_distribution_point",
        "critical": True,
        "extn_value": {"only_contains_user_certs": True},
    }
    extensions = [*parsed["tbs_cert_list"]["crl_extensions"], crl.TBSCertListExtension(part)]
    parsed["tbs_cert_list"]["crl_extensions"] = extensions

    with pytest.raises(CertificateMalformed, match="critical"):
        RevocationList.from_der(parsed.dump(force=True))


@pytest.mark.parametrize("der", [b"", b"0\0", DER])
def test_what_is_no_list_is_refused(der: bytes) -> None:
    with pytest.raises(CertificateMalformed):
        RevocationList.from_der(der)
