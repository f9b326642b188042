"""Changing one's own password: the old one is proved, the new one obeys the policy.

Every other session of the person ends. The last passwords are kept as hashes, so that
none of them comes back (材料二 附录A 5.3.1, 附录B 5.3).
"""

from dataclasses import dataclass, replace

from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.events import security
from openehc.people.model import Account, Principal, Visit
from openehc.people.passwords import PasswordVault, TooManySignIns
from openehc.people.policy import Policy
from openehc.people.ports import Sealing
from openehc.people.prove_again import ProveAgain
from openehc.people.rules import password_faults, unknown_user
from openehc.people.session_store import SessionStore
from openehc.people.sign_in import BUSY
from openehc.people.user_store import UserStore


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Changes one's own password."""

    users: UserStore
    sessions: SessionStore
    vault: PasswordVault
    trail: AuditTrail
    sealing: Sealing
    prove_again: ProveAgain

    async def __call__(self, old: str, new: str, *, by: Principal, visit: Visit) -> Refusal | None:
        """None when it was changed."""
        # 1. who sits there is who signed in
        account = await self.prove_again.password(old, by=by, visit=visit)
        if isinstance(account, Refusal):
            return account
        policy = await self.users.policy()
        # 2. the policy
        faults = password_faults(new, login=account.user.login, policy=policy)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)
        # 3. the history, then the hash
        try:
            if await self._used_before(new, account, policy):
                return used_before(policy)
            hashed = await self.vault.hashed(new)
        except TooManySignIns:
            return BUSY
        event = security(
            "user.change-password", by.actor, visit, object_kind="user", object_ref=by.actor.id
        )
        async with self.sealing(), self.trail.act(event) as act:
            held = await self.users.locked(act.connection, by.user_id)
            if held is None or held.credentials.password != account.credentials.password:
                return act.refused(unknown_user() if held is None else _overtaken())
            await self._save(act, held, hashed, policy=policy, by=by, visit=visit)
        return None

    async def _used_before(self, new: str, account: Account, policy: Policy) -> bool:
        secrets = account.credentials
        kept = (secrets.password, *secrets.former)[: policy.former_passwords]
        return await self.vault.matches_any(new, kept)

    async def _save(
        self, act: Act, held: Account, hashed: str, *, policy: Policy, by: Principal, visit: Visit
    ) -> None:
        secrets = held.credentials
        former = (secrets.password, *secrets.former)[: policy.former_passwords]
        changed = replace(
            held,
            user=replace(held.user, password_changed_at=visit.now, must_change_password=False),
            credentials=replace(secrets, password=hashed, former=former),
        )
        await self.users.save_credentials(act.connection, changed)
        ended = await self.sessions.delete_others(act.connection, by.user_id, by.session_id)
        act.tell(after={"sessions_ended": ended})


def used_before(policy: Policy) -> Refusal:
    """One of the last passwords."""
    count = policy.former_passwords
    return Refusal(
        Reason.INPUT_WRONG,
        faults=(
            Fault("password", f"不得与最近{count}次使用的密码相同",
                  f"none of the last {count} passwords"),
        ),
    )  # fmt: skip


def _overtaken() -> Refusal:
    return Refusal(Reason.RECORD_CHANGED)
