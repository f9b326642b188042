"""Binding a user to the holder of a certificate, so that they can sign in with it.

The certificate itself is shown, and must be one that would be let in now: nobody types
identifiers by hand.
"""

from dataclasses import dataclass

from openehc.audit.trail import AuditTrail
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateRefused
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.change_user import held_user
from openehc.people.events import administration, refused
from openehc.people.model import Principal, Visit
from openehc.people.ports import Trust
from openehc.people.sign_in_with_certificate import identity_of, refusal_of
from openehc.people.user_store import CertificateTaken, UserStore

TAKEN = Refusal(
    Reason.RECORD_EXISTS, "该证书持有人已绑定其他用户。",
    "The holder of this certificate is bound to another user.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BindCertificate:
    """Binds and unbinds."""

    users: UserStore
    trust: Trust
    trail: AuditTrail

    async def __call__(
        self, user_id: int, pem: str, *, revision: int, by: Principal, visit: Visit
    ) -> Refusal | None:
        """None when the user is bound; an empty `pem` unbinds."""
        action = "user.bind-certificate" if pem else "user.unbind-certificate"
        event = administration(action, by, visit, object_kind="user", object_ref=str(user_id))
        identity = await self._identity(pem, visit) if pem else None
        if isinstance(identity, Refusal):
            return await refused(self.trail, event, identity)
        async with self.trail.act(event) as act:
            held = await held_user(self.users, act, user_id, revision=revision)
            if isinstance(held, Refusal):
                return held
            try:
                await self.users.bind_certificate(act.connection, held, identity)
            except CertificateTaken:
                return act.refused(TAKEN)
            act.tell(
                before={"certificate_bound": held.certificate_bound},
                after={"certificate_bound": identity is not None},
            )
        return None

    async def _identity(self, pem: str, visit: Visit) -> bytes | Refusal:
        try:
            certificate = Certificate.from_pem(pem)
            await self.trust.check(certificate, now=visit.now)
        except CertificateRefused as trouble:
            told = refusal_of(type(trouble).__name__)
            fault = Fault("certificate", told.detail, told.detail_en)
            return Refusal(Reason.INPUT_WRONG, faults=(fault,))
        fault = Fault("certificate", "证书缺少唯一标识", "it names no unique identifier")
        return identity_of(certificate) or Refusal(Reason.INPUT_WRONG, faults=(fault,))
