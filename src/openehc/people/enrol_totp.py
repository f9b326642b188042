"""Enrolling an authenticator: a secret is offered, and counts once its first code came back.

Replacing one works the same way; only who proved themselves just now may do it (the
route asks). The recovery codes are told once.
"""

from dataclasses import dataclass, field, replace

from openehc.audit.trail import AuditTrail
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.events import security
from openehc.people.model import Principal, Proof, Visit
from openehc.people.ports import Sealing
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.totp import (
    enrolment_link,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of,
)
from openehc.people.user_store import UserStore

WRONG_CODE = Refusal(
    Reason.INPUT_WRONG,
    faults=(Fault("code", "动态口令错误，请核对手机时间", "wrong; check the time of your phone"),),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret that does not count yet, and the link that an authenticator reads."""

    secret: str = field(repr=False)
    link: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EnrolTotp:
    """Enrols authenticators."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail
    entropy: Entropy
    sealing: Sealing
    node: str

    async def offer(self, *, by: Principal, visit: Visit) -> Offer | Refusal:
        """A new secret."""
        secret = new_secret(self.entropy)
        event = security(
            "user.offer-totp", by.actor, visit, object_kind="user", object_ref=by.actor.id
        )
        async with self.sealing(), self.trail.act(event) as act:
            held = await self.users.locked(act.connection, by.user_id)
            if held is None:
                return act.refused(unknown_user())
            offered = replace(held.credentials, pending_totp=secret)
            await self.users.save_credentials(act.connection, replace(held, credentials=offered))
        return Offer(secret, enrolment_link(secret, login=by.actor.id, node=self.node))

    async def confirm(self, code: str, *, by: Principal, visit: Visit) -> tuple[str, ...] | Refusal:
        """The recovery codes, when the code is of the offered secret."""
        event = security(
            "user.enrol-totp", by.actor, visit, object_kind="user", object_ref=by.actor.id
        )
        async with self.sealing(), self.trail.act(event) as act:
            held = await self.users.locked(act.connection, by.user_id)
            if held is None:
                return act.refused(unknown_user())
            pending = held.credentials.pending_totp
            step = step_of(code, secret=pending, now=visit.now) if pending else None
            if step is None:
                return act.refused(WRONG_CODE)
            codes = new_recovery_codes(self.entropy)
            secrets = replace(
                held.credentials, totp=pending, pending_totp="",
                recovery=tuple(recovery_hash(one) for one in codes),
            )  # fmt: skip
            connection = act.connection
            await self.users.save_credentials(connection, replace(held, credentials=secrets))
            await self.users.use_totp_step(connection, by.user_id, step)
            await self.sessions.prove(
                connection, by.session_id, at=visit.now, by=Proof.PASSWORD_AND_CODE
            )
            ended = await self.sessions.delete_others(connection, by.user_id, by.session_id)
            act.tell(after={"sessions_ended": ended, "replaced": held.user.totp_enrolled})
        return codes
