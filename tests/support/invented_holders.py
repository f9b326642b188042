"""Two invented certificate authorities with holders of every kind; keys are new in each run."""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from openehc.crypto.certificates.authority import CertificateAuthority
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.certificates.revocation import Revocation
from openehc.crypto.certificates.structures import Subject, Validity
from openehc.crypto.certificates.trust import TrustList
from openehc.crypto.messages.signed import Signer
from openehc.crypto.sm2 import Sm2PrivateKey
from tests.support.counted_entropy import CountedEntropy

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ID = "distid:1234567812345678"


def years(count: int, *, start: datetime = NOW - 30 * DAY) -> Validity:
    return Validity(start, start + count * 365 * DAY)


@dataclass(frozen=True)
class World:
    """A root, an authority below it, and what that one issued; `trust` holds both lists."""

    root: CertificateAuthority
    issuing: CertificateAuthority
    node: Signer
    receiver: Signer
    person: Signer
    clock: Signer
    entropy: CountedEntropy = field(default_factory=CountedEntropy)

    def holder(self, profile: Profile, *, validity: Validity | None = None) -> Signer:
        return _holder(self.issuing, profile, self.entropy, validity=validity)

    def trust(self, *revoked: Revocation, now: datetime = NOW) -> TrustList:
        """Both lists one hour old; `revoked` stands in the list of the issuing authority."""
        made = now - timedelta(hours=1)
        top = self.root.revocation_list([], number=1, made=made, next_due=made + 7 * DAY)
        lower = self.issuing.revocation_list(revoked, number=1, made=made, next_due=made + 7 * DAY)
        trust = TrustList().trusting(self.root.certificate)
        return trust.with_revocations(top).with_revocations(lower)

    @property
    def known(self) -> tuple[Certificate, ...]:
        return (self.issuing.certificate,)


@cache
def world(name: str = "North") -> World:
    """The same authorities for every test of a run that asks for the name."""
    entropy = CountedEntropy(name.encode())
    root = CertificateAuthority.root(
        Subject(f"{name} root", "Invented health commission"),
        key=Sm2PrivateKey.generate(), validity=years(20), entropy=entropy,
    )  # fmt: skip
    issuing = root.subordinate(
        Subject(f"{name} issuing"), key=Sm2PrivateKey.generate(), validity=years(10),
        entropy=entropy,
    )  # fmt: skip
    return World(
        root=root,
        issuing=issuing,
        node=_holder(issuing, Profile.NODE_SIGNING, entropy),
        receiver=_holder(issuing, Profile.NODE_ENCRYPTION, entropy),
        person=_holder(issuing, Profile.PERSON, entropy),
        clock=_holder(issuing, Profile.TIMESTAMP, entropy),
        entropy=entropy,
    )


def _holder(
    authority: CertificateAuthority, profile: Profile, entropy: CountedEntropy,
    *, validity: Validity | None = None,
) -> Signer:  # fmt: skip
    key = Sm2PrivateKey.generate()
    certificate = authority.issue(
        Subject(f"An invented {profile.value}", unique_id=f"UID-{profile.value.replace(' ', '-')}"),
        key=key.public, profile=profile, validity=validity or years(2), entropy=entropy,
    )  # fmt: skip
    return Signer(certificate, key, (authority.certificate,))


def openssl(*arguments: str | Path) -> bytes:
    """What the `openssl` command writes; fails the test when the command says no."""
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
