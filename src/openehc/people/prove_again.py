"""Proving oneself again within a session, before a dangerous act.

Failures are counted; too many end the session, for whoever sits there may not be the one
who opened it. They are counted apart from sign-ins: who tries passwords from outside must
not end sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from openehc.audit.model import AuditEvent
from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.admit_try import locked_out
from openehc.people.events import refused, security
from openehc.people.model import Account, Principal, Visit
from openehc.people.passwords import PasswordVault, TooManySignIns
from openehc.people.ports import Sealing
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.sign_in import BUSY, code_given
from openehc.people.sign_in_with_certificate import CertificateProof, CheckCertificate
from openehc.people.tokens import subject
from openehc.people.use_code import UseCode, UsedCode
from openehc.people.user_store import UserStore

WRONG = Refusal(
    Reason.INPUT_WRONG,
    faults=(Fault("proof", "密码、动态口令或证书错误", "password, code or certificate is wrong"),),
)
"""Not 401: whoever sits there is still signed in."""


@dataclass(frozen=True, slots=True)
class ProveAgain:
    """Checks a password or a code of somebody who is signed in."""

    users: UserStore
    sessions: SessionStore
    vault: PasswordVault
    trail: AuditTrail
    sealing: Sealing
    use_code: UseCode
    check_certificate: CheckCertificate

    async def password(self, typed: str, *, by: Principal, visit: Visit) -> Account | Refusal:
        """The account, when the password is its own; the session is fresh from now on."""
        account = await self.users.by_id(by.user_id)
        if account is None:
            return unknown_user()
        if refusal := await self._counted(by, visit):
            return refusal
        try:
            right = await self.vault.matches(typed, account.credentials.password)
        except TooManySignIns:
            return BUSY
        if not right:
            return await self._wrong(by, visit, why="password")
        return await self._proved(account, None, by=by, visit=visit)

    async def code(self, typed: str, *, by: Principal, visit: Visit) -> Account | Refusal:
        """The same with the code of the authenticator."""
        account = await self.users.by_id(by.user_id)
        if account is None:
            return unknown_user()
        if refusal := await self._counted(by, visit):
            return refusal
        code = code_given(typed, account, visit) if account.credentials.totp else None
        if code is None:
            return await self._wrong(by, visit, why="code")
        return await self._proved(account, code, by=by, visit=visit)

    async def certificate(
        self, proof: CertificateProof, *, by: Principal, visit: Visit
    ) -> Account | Refusal:
        """The same with the certificate that is bound to this person."""
        if refusal := await self._counted(by, visit):
            return refusal
        found = await self.check_certificate(proof, visit)
        if isinstance(found, str) or found.user.user_id != by.user_id:
            return await self._wrong(by, visit, why="certificate")
        return await self._proved(found, None, by=by, visit=visit)

    async def _counted(self, by: Principal, visit: Visit) -> Refusal | None:
        """Count the try as failed; when there were too many, the session ends."""
        policy = await self.users.policy()
        ours = subject("proof", by.actor.id)
        tries = await self.sessions.count_try([ours], now=visit.now, window=policy.lock)
        if tries[ours].failures <= policy.lock_after:
            return None
        event = security(
            "session.end", by.actor, visit, object_kind="session", object_ref=str(by.session_id),
            after={"why": "failed-proofs"},
        )  # fmt: skip
        async with self.trail.act(event) as act:
            await self.sessions.delete(act.connection, by.session_id)
        return locked_out(policy)

    async def _wrong(self, by: Principal, visit: Visit, *, why: str) -> Refusal:
        return await refused(self.trail, _event(by, visit, after={"why": f"wrong-{why}"}), WRONG)

    async def _proved(
        self, account: Account, code: UsedCode | None, *, by: Principal, visit: Visit
    ) -> Account | Refusal:
        async with self.sealing(), self.trail.act(_event(by, visit)) as act:
            held = await self.users.locked(act.connection, account.user.user_id)
            if held is None or (code and not await self.use_code(act, held, code)):
                return act.refused(WRONG)
            await self.sessions.prove(act.connection, by.session_id, at=visit.now)
            await self.sessions.forgive(act.connection, subject("proof", by.actor.id), b"")
        return account


def _event(by: Principal, visit: Visit, *, after: Mapping[str, str] | None = None) -> AuditEvent:
    return security(
        "session.prove", by.actor, visit, object_kind="session",
        object_ref=str(by.session_id), after=after,
    )  # fmt: skip
