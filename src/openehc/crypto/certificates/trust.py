"""Which certificates are relied on: roots of several authorities, and their revocation lists.

Mutual recognition (材料一 附录F 5.1): a certificate of any authority counts when its chain
ends at a root of the list, whoever asks. The order of the checks is the published one:
chain with its signatures, then validity times, then revocation; the signature of the
message comes before all of them and belongs to `messages/`. Fetches nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, unique
from functools import lru_cache
from itertools import pairwise
from typing import Final, Self

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import (
    ChainBroken,
    Expired,
    NotYetValid,
    RevocationUnknown,
    Revoked,
    SelfSignedUntrusted,
    SignatureBroken,
)
from openehc.crypto.certificates.profiles import (
    CRL_SIGN,
    KEY_CERT_SIGN,
    Purpose,
    require_purpose,
)
from openehc.crypto.certificates.revocation import RevocationList
from openehc.crypto.sm2 import Sm2PublicKey

_LONGEST_CHAIN: Final = 6


@unique
class RevocationPolicy(Enum):
    """What to do about an issuer whose current revocation list is not held (CRL策略, 附录F 2)."""

    REQUIRED = "refuse"
    IF_HELD = "rely on the lists that are held, even old ones"


@dataclass(frozen=True, slots=True)
class TrustList:
    """The roots that are recognised, and the revocation lists that are known.

    Never changes: each method that adds something returns a new list.
    """

    roots: tuple[Certificate, ...] = ()
    lists: tuple[RevocationList, ...] = ()
    policy: RevocationPolicy = RevocationPolicy.REQUIRED

    def trusting(self, root: Certificate) -> Self:
        """With one more root.

        Raises `ChainBroken` for a certificate that is no authority of its own, and
        `SignatureBroken` or `WithoutId` for one that did not sign itself.
        """
        if not root.self_issued or not _may_issue(root):
            raise ChainBroken(f"{root.title} is not the root of an authority")
        root.check_signed_by(root.key)
        return replace(self, roots=(*(one for one in self.roots if one != root), root))

    def no_longer_trusting(self, root: Certificate) -> Self:
        """Without this root; the certificates under it are refused from now on."""
        return replace(self, roots=tuple(one for one in self.roots if one != root))

    def with_revocations(self, latest: RevocationList) -> Self:
        """With a list in place of the older ones of its issuer.

        An older list than the one held is left out: it would bring the revoked back.
        The signature is checked when a chain shows the issuer's key.
        """
        same = [one for one in self.lists if _same_issuer(one, latest)]
        if any((one.number, one.made) >= (latest.number, latest.made) for one in same):
            return self
        kept = (one for one in self.lists if one not in same)
        return replace(self, lists=(*kept, latest))

    def check(
        self, certificate: Certificate, *, purpose: Purpose, now: datetime,
        known: Iterable[Certificate] = (), at: datetime | None = None,
    ) -> tuple[Certificate, ...]:  # fmt: skip
        """The chain from the certificate to its root, when it may be relied on.

        `known` are intermediate certificates that came along, in any order. `at` is the
        moment that counts (of a signature in the past), `now` when it is not given.
        Raises `CertificateRefused` by its reasons, in this order:
        """
        moment = now if at is None else at
        # 1. chain and signatures: up to a root of this list (附录F 5.1)
        chain = self._chain(certificate, tuple(known))
        # 2. validity time of every link
        for link in chain:
            _check_time(link, moment)
        # 3. revocation of every link but the root
        for link, issuer in pairwise(chain):
            self._check_revocation(link, issuer, at=moment, now=now)
        # 4. what the certificate was issued for
        require_purpose(certificate.allowance, purpose)
        return chain

    def _chain(
        self, certificate: Certificate, known: tuple[Certificate, ...]
    ) -> tuple[Certificate, ...]:
        chain = [certificate]
        while chain[-1] not in self.roots:
            if len(chain) == _LONGEST_CHAIN:
                raise ChainBroken(f"the chain is longer than {_LONGEST_CHAIN} certificates")
            chain.append(self._issuer_of(chain[-1], known))
        for below, issuer in enumerate(chain[1:]):
            _check_may_issue(issuer, below=below)
        return tuple(chain)

    def _issuer_of(self, certificate: Certificate, known: tuple[Certificate, ...]) -> Certificate:
        named = list(_named_issuers(certificate, (*self.roots, *known)))
        broken: SignatureBroken | None = None
        for issuer in named:
            try:
                _certificate_proved(certificate, issuer.key)
            except SignatureBroken as wrong:  # an authority may have changed its key
                broken = wrong
            else:
                return issuer
        if broken is not None:
            raise broken
        if certificate.self_issued:
            raise SelfSignedUntrusted(f"{certificate.title} vouches for itself and is not trusted")
        raise ChainBroken(f"the issuer of {certificate.title} is not known")

    def _check_revocation(
        self, link: Certificate, issuer: Certificate, *, at: datetime, now: datetime
    ) -> None:
        held = [one for one in self.lists if _speaks_for(one, issuer)]
        for one in held:
            _list_proved(one, issuer.key)
            revocation = one.entries.get(link.serial)
            if revocation is not None and revocation.counts(at=at):
                raise Revoked(f"{link.title} was revoked: {revocation.reason.value}")
        current = any(one.made <= now <= one.next_due for one in held)
        if self.policy is RevocationPolicy.REQUIRED and not current:
            raise RevocationUnknown(f"no current revocation list of the issuer of {link.title}")


def _named_issuers(
    certificate: Certificate, candidates: Sequence[Certificate]
) -> Iterator[Certificate]:
    for one in candidates:
        ids = {one.subject_key_id, certificate.issuer_key_id} - {b""}
        if one.subject_name == certificate.issuer_name and len(ids) <= 1 and one != certificate:
            yield one


def _may_issue(certificate: Certificate) -> bool:
    return certificate.allowance.authority and KEY_CERT_SIGN in certificate.allowance.usages


def _check_may_issue(issuer: Certificate, *, below: int) -> None:
    limit = issuer.allowance.path_length
    if not _may_issue(issuer):
        raise ChainBroken(f"{issuer.title} may not issue certificates")
    if limit is not None and below > limit:
        raise ChainBroken(f"{issuer.title} allows {limit} authorities below it")


def _check_time(link: Certificate, moment: datetime) -> None:
    if moment < link.validity.start:
        raise NotYetValid(f"{link.title} is valid from {link.validity.start:%Y-%m-%d %H:%M:%S}Z on")
    if moment > link.validity.end:
        raise Expired(f"{link.title} was valid until {link.validity.end:%Y-%m-%d %H:%M:%S}Z")


def _same_issuer(one: RevocationList, other: RevocationList) -> bool:
    return (one.issuer_name, one.issuer_key_id) == (other.issuer_name, other.issuer_key_id)


def _speaks_for(one: RevocationList, issuer: Certificate) -> bool:
    ids = {one.issuer_key_id, issuer.subject_key_id} - {b""}
    return (
        one.issuer_name == issuer.subject_name
        and len(ids) <= 1
        and CRL_SIGN in issuer.allowance.usages
    )


# A signature that held once holds for ever; what raises is not remembered.
@lru_cache(maxsize=4096)
def _certificate_proved(certificate: Certificate, issuer: Sm2PublicKey) -> None:
    certificate.check_signed_by(issuer)


@lru_cache(maxsize=64)
def _list_proved(listed: RevocationList, issuer: Sm2PublicKey) -> None:
    listed.check_signed_by(issuer)
