"""An invented certificate authority and the trust folder of a node, for tests of signing in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from openehc.crypto.certificates.authority import CertificateAuthority
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.certificates.revocation import Revocation
from openehc.crypto.certificates.structures import Subject, Validity
from openehc.crypto.sm2 import Sm2PrivateKey
from tests.support.counted_entropy import CountedEntropy

YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a certificate and its key."""

    certificate: Certificate
    key: Sm2PrivateKey


@dataclass(slots=True)
class Issuer:
    """An authority as of a moment; `entropy` makes its serial numbers."""

    now: datetime
    name: str = "Invented Authority"
    entropy: CountedEntropy = field(default_factory=CountedEntropy)
    authority: CertificateAuthority = field(init=False)
    lists: int = 0

    def __post_init__(self) -> None:
        self.authority = CertificateAuthority.root(
            Subject(self.name), key=Sm2PrivateKey.generate(),
            validity=Validity(self.now - YEAR, self.now + 10 * YEAR), entropy=self.entropy,
        )  # fmt: skip

    def holder(
        self, unique_id: str, *, profile: Profile = Profile.PERSON, start: datetime | None = None,
        life: timedelta = YEAR,
    ) -> Holder:  # fmt: skip
        """Somebody whom the authority knows under this identifier."""
        key = Sm2PrivateKey.generate()
        begin = start or self.now - timedelta(days=1)
        certificate = self.authority.issue(
            Subject("Invented Person", unique_id=unique_id), key=key.public, profile=profile,
            validity=Validity(begin, begin + life), entropy=self.entropy,
        )  # fmt: skip
        return Holder(certificate, key)

    def revocation_list(self, revoked: Sequence[Holder], *, at: datetime) -> str:
        """A list in PEM, younger than the ones before."""
        self.lists += 1
        return self.authority.revocation_list(
            [Revocation(one.certificate.serial, at) for one in revoked], number=self.lists,
            made=at, next_due=at + timedelta(days=7),
        ).pem()  # fmt: skip

    def furnish(self, folder: Path, *, revoked: Sequence[Holder] = ()) -> Holder:
        """Write the trust folder of a node; returns what the platform proves itself with."""
        for name in ("roots", "crls", "intermediates"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "roots" / "root.pem").write_text(self.authority.certificate.pem())
        self.publish(folder, revoked, at=self.now)
        server = self.holder("ehc-server", profile=Profile.NODE_SIGNING)
        (folder / "server.pem").write_text(server.certificate.pem())
        (folder / "server.key").write_text(server.key.pem())
        return server

    def publish(self, folder: Path, revoked: Sequence[Holder], *, at: datetime) -> None:
        """Put a younger revocation list there."""
        (folder / "crls" / "list.crl").write_text(self.revocation_list(revoked, at=at))
