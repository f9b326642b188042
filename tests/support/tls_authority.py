"""An invented authority for TLS: certificates of clients, whole and spoilt, and lists of revoked.

ECDSA, since OpenSSL's TLS knows no SM2 certificates. Judges nothing.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY: Final = timedelta(days=1)
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with a certificate and its key, also as files in PEM."""

    certificate: x509.Certificate
    pem: Path
    key: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal, as the register keeps it."""
        return hashlib.sha256(self.der).hexdigest()


@dataclass(slots=True)
class TlsAuthority:
    """An authority with its folder; a root, or under another one."""

    folder: Path
    name: str = "Invented TLS Authority"
    above: "TlsAuthority | None" = None
    key: ec.EllipticCurvePrivateKey = field(init=False)
    certificate: x509.Certificate = field(init=False)
    lists: int = 0

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = self.above or self
        now = datetime.now(UTC)
        self.certificate = (
            _blank(self.name, now - 30 * DAY, now + 30 * DAY, self.key)
            .issuer_name(_named(signer.name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )
        self.pem.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    @property
    def pem(self) -> Path:
        """The authority's own certificate."""
        return self.folder / f"{self.name}.pem"

    def party(
        self, name: str, *, begins: timedelta = -DAY, ends: timedelta = DAY,
        use: x509.ObjectIdentifier = CLIENT, password: bytes = b"",
    ) -> Party:  # fmt: skip
        """A certificate that counts from `begins` to `ends` from now, for this use."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        certificate = (
            _blank(name, now + begins, now + ends, key)
            .issuer_name(_named(self.name))
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        return _written(self.folder, name, certificate, key, password=password)

    def list_of(self, *revoked: Party, ends: timedelta = DAY) -> Path:
        """The next list of the revoked, in place of the one before."""
        now = datetime.now(UTC)
        self.lists += 1
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_named(self.name))
            .last_update(now - 30 * DAY).next_update(now + ends)
            .add_extension(x509.CRLNumber(self.lists), critical=False)
        )  # fmt: skip
        for party in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(party.certificate.serial_number)
                .revocation_date(now - timedelta(hours=1)).build()
            )  # fmt: skip
        path = self.folder / f"{self.name}.crl.pem"
        path.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return path


def self_signed(folder: Path, name: str) -> Party:
    """A certificate that nobody vouches for but itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    certificate = (
        _blank(name, now - DAY, now + DAY, key).issuer_name(_named(name)).sign(key, hashes.SHA256())
    )
    return _written(folder, name, certificate, key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _blank(
    name: str, begins: datetime, ends: datetime, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name)).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins).not_valid_after(ends)
    )  # fmt: skip


def _written(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey,
    *, password: bytes = b"",
) -> Party:  # fmt: skip
    locking: KeySerializationEncryption = NoEncryption()
    if password:
        locking = BestAvailableEncryption(password)
    party = Party(certificate, folder / f"{name}.pem", folder / f"{name}.key")
    party.pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    party.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locking))
    return party
