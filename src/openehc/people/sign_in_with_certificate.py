"""Signing in with an SM2 certificate, by challenge in both directions (材料一 附录F 4.1).

    (2) the client makes Random1        (3) (4) we sign it and make Random2
    (5) Random2, signature and our certificate go back
    (6) the client checks them          (8) it signs Random2
    (7) (9) we check signature, chain, time and revocation    (10) holder -> user

What is signed is exactly Random1 and exactly Random2, as the flow has it. Random1 has 16 to
32 bytes and our key serves nothing else, so that nobody gets a document signed here.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from openehc.audit.trail import AuditTrail
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import (
    CertificateMalformed,
    CertificateRefused,
    Expired,
    NotYetValid,
    Revoked,
)
from openehc.crypto.sm2 import Sm2Error
from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.admit_try import AdmitTry
from openehc.people.events import actor_of, security
from openehc.people.model import Account, Proof, SignedIn, Visit
from openehc.people.open_session import Opening, OpenSession
from openehc.people.ports import Trust
from openehc.people.rules import refusal_of_user
from openehc.people.session_store import Once, SessionStore
from openehc.people.user_store import UserStore

LIFE: Final = timedelta(seconds=60)
KIND: Final = "challenge"
RANDOM_SIZES: Final = (16, 32)
"""Smallest and largest Random1, in bytes."""

_RANDOM2_BYTES: Final = 32

NOT_SET_UP: Final = Refusal(
    Reason.STATE_FORBIDS, "本节点尚未启用证书登录。", "Sign-in by certificate is not set up here."
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What goes back to the client: Random2, our signature of Random1, our certificate."""

    random2: bytes
    signature: bytes
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """What the client answers."""

    random2: bytes
    signature: bytes = field(repr=False)
    certificate_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferChallenge:
    """Steps (3) to (5)."""

    store: SessionStore
    trust: Trust
    entropy: Entropy

    async def __call__(self, random1: bytes, visit: Visit) -> Challenge | Refusal:
        """A challenge for this address and the next minute."""
        low, high = RANDOM_SIZES
        if not low <= len(random1) <= high:
            fault = Fault("random1", f"长度为{low}至{high}字节", f"{low} to {high} bytes")
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        try:
            server = await self.trust.server()
        except CertificateRefused:
            server = None
        if server is None:
            return NOT_SET_UP
        random2 = self.entropy.bytes(_RANDOM2_BYTES)
        once = Once(KIND, sm3(random2), visit.address, visit.now + LIFE)
        if not await self.store.put(once, now=visit.now):
            return Refusal(
                Reason.TOO_MANY_TRIES, "请求过于频繁，请稍后再试。", "Too many challenges at once."
            )
        return Challenge(random2, server.key.sign(random1), server.certificate)


@dataclass(frozen=True, slots=True)
class CheckCertificate:
    """Steps (7) to (10), for signing in and for proving oneself again."""

    store: SessionStore
    users: UserStore
    trust: Trust

    async def __call__(self, proof: CertificateProof, visit: Visit) -> Account | str:
        """The user whose certificate this is, or why it is refused, as audit records name it."""
        # 1. the challenge is ours, unused, younger than a minute and was given to this address
        if not await self.store.take(
            KIND, sm3(proof.random2), now=visit.now, address=visit.address
        ):
            return "challenge-unknown"
        # 2. the signature, before anything else (附录F 5.1)
        try:
            certificate = Certificate.from_pem(proof.certificate_pem)
            certificate.key.verify(proof.signature, data=proof.random2)
        except (CertificateMalformed, Sm2Error) as wrong:
            return _name(wrong)
        # 3. chain, validity time, revocation, purpose
        try:
            await self.trust.check(certificate, now=visit.now)
        except CertificateRefused as refused:
            return _name(refused)
        # 4. holder -> user
        identity = identity_of(certificate)
        account = await self.users.by_certificate(identity) if identity else None
        return account or "holder-unknown"


@dataclass(frozen=True, slots=True)
class SignInWithCertificate:
    """Signs people in with a certificate."""

    users: UserStore
    admit: AdmitTry
    check: CheckCertificate
    open_session: OpenSession
    trail: AuditTrail

    async def __call__(self, proof: CertificateProof, visit: Visit) -> SignedIn | Refusal:
        """The open session, or why the certificate is refused."""
        policy = await self.users.policy()
        counted = await self.admit.from_address(policy=policy, visit=visit)
        if isinstance(counted, Refusal):
            return counted
        found = await self.check(proof, visit)
        if isinstance(found, str):
            return await self._failed(None, visit, why=found)
        if why := refusal_of_user(found.user, policy=policy, now=visit.now):
            return await self._failed(found, visit, why=why)
        opening = Opening(found, Proof.CERTIFICATE, policy, counted=counted)
        return await self.open_session(opening, visit)

    async def _failed(self, account: Account | None, visit: Visit, *, why: str) -> Refusal:
        event = security(
            "session.open", actor_of(account.user if account else None, visit), visit,
            result=Reason.SIGN_IN_REFUSED.name.lower(), after={"by": "certificate", "why": why},
        )  # fmt: skip
        await self.trail.record(event)
        return refusal_of(why)


def identity_of(certificate: Certificate) -> bytes | None:
    """What names the holder: issuer and unique identifier, hashed; None when it names nobody.

    A renewed certificate of the same person keeps it. The identifier may be a citizen's
    number, so it is stored as a hash.
    """
    unique_id = certificate.subject.unique_id
    if not unique_id:
        return None
    return sm3(f"{certificate.issuer_name}\0{unique_id}".encode())


_TEXTS: Final = {
    "challenge-unknown": (
        "登录请求已失效，请重新登录。",
        "The challenge is over; begin again.",
    ),
    "holder-unknown": ("该证书未绑定用户。", "Nobody is bound to this certificate."),
    Revoked.__name__: ("证书已被吊销。", "The certificate was revoked."),
    Expired.__name__: ("证书已过期。", "The certificate has expired."),
    NotYetValid.__name__: ("证书尚未生效。", "The certificate is not valid yet."),
}
_OTHER: Final = ("证书或签名无效。", "Certificate or signature is not valid.")


def refusal_of(why: str) -> Refusal:
    """The refusal in words; only who holds the key gets as far as learning more."""
    zh, en = _TEXTS.get(why, _OTHER)
    return Refusal(Reason.SIGN_IN_REFUSED, zh, en)


def _name(error: Exception) -> str:
    return type(error).__name__
