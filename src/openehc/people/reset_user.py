"""Giving a user new credentials: an initial password, no authenticator, no session left.

The system administrator resets operators. Administrators are reset on the machine itself
(`ehc people reset`): whoever could reset the security or audit administrator over the
network could become that person, and the three would no longer check each other.
"""

from dataclasses import dataclass, replace

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.admit_try import login_subject
from openehc.people.events import refused, security
from openehc.people.make_user import MadeUser
from openehc.people.model import Account, Credentials, Principal, Visit
from openehc.people.passwords import PasswordVault, TooManySignIns, initial_password
from openehc.people.ports import Sealing
from openehc.people.rules import unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.sign_in import BUSY
from openehc.people.user_store import UserStore

ON_THE_MACHINE = Refusal(
    Reason.STATE_FORBIDS, "管理员的密码只能在服务器上用 ehc people reset 重置。",
    "An administrator is reset on the machine: ehc people reset.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ResetUser:
    """Resets users."""

    users: UserStore
    sessions: SessionStore
    vault: PasswordVault
    trail: AuditTrail
    entropy: Entropy
    sealing: Sealing

    async def operator(self, user_id: int, *, by: Principal, visit: Visit) -> MadeUser | Refusal:
        """New credentials for an operator, who has to change the password at once."""
        account = await self.users.by_id(user_id)
        if account is None:
            return unknown_user()
        if account.user.administrator:
            event = security(
                "user.reset", by.actor, visit, object_kind="user", object_ref=account.user.login
            )
            return await refused(self.trail, event, ON_THE_MACHINE)
        return await self.anybody(account, by=by.actor, visit=visit)

    async def anybody(
        self, account: Account, *, by: Actor, visit: Visit, password: str = ""
    ) -> MadeUser | Refusal:
        """New credentials; with a `password` of the demo they need not be changed."""
        chosen = password or initial_password(self.entropy)
        try:
            hashed = await self.vault.hashed(chosen)
        except TooManySignIns:
            return BUSY
        user = account.user
        event = AuditEvent(
            category=Category.SECURITY, action="user.reset", actor=by, at=visit.now,
            object_kind="user", object_ref=user.login,
        )  # fmt: skip
        async with self.sealing(), self.trail.act(event) as act:
            held = await self.users.locked(act.connection, user.user_id)
            if held is None:
                return act.refused(unknown_user())
            if held.user.roles != user.roles:
                return act.refused(Refusal(Reason.RECORD_CHANGED))
            await self._save(act, held, hashed, at=visit, settled=visit if password else None)
        return MadeUser(user.user_id, chosen)

    async def _save(
        self, act: Act, held: Account, hashed: str, *, at: Visit, settled: Visit | None
    ) -> None:
        former = (held.credentials.password, *held.credentials.former)
        user = replace(held.user, password_changed_at=at.now, must_change_password=settled is None)
        renewed = replace(held, user=user, credentials=Credentials(hashed, former))
        await self.users.save_credentials(act.connection, renewed)
        await self.sessions.forgive(act.connection, login_subject(user.login), b"")
        ended = await self.sessions.delete_others(act.connection, user.user_id, 0)
        act.tell(after={"sessions_ended": ended, "totp_removed": held.user.totp_enrolled})
