"""Opening a session for somebody who proved who they are: the end of every way to sign in.

One transaction with its audit record: the one-time code is used up, older sessions beyond
the limit end, and what was counted against login and address is forgotten.
"""

from dataclasses import dataclass, replace
from typing import Final

from openehc.audit.trail import Act, AuditTrail
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.admit_try import CountedTry
from openehc.people.events import security
from openehc.people.model import Account, Proof, Session, SignedIn, Visit
from openehc.people.policy import Policy
from openehc.people.ports import Sealing
from openehc.people.rules import refusal_of_user, sessions_allowed
from openehc.people.session_store import SessionStore
from openehc.people.tokens import csrf_of, new_token, token_hash
from openehc.people.use_code import UseCode, UsedCode
from openehc.people.user_store import UserStore

REFUSED: Final = Refusal(
    Reason.SIGN_IN_REFUSED, "登录名、密码或验证信息错误。",
    "Login, password or other proof is wrong.",
)  # fmt: skip
"""The one answer to every wrong proof, whoever it was for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who proved themselves, how, and what has to be used up for it."""

    account: Account
    proof: Proof
    policy: Policy
    code: UsedCode | None = None
    counted: CountedTry | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Opens sessions."""

    users: UserStore
    sessions: SessionStore
    trail: AuditTrail
    entropy: Entropy
    sealing: Sealing
    use_code: UseCode

    async def __call__(self, opening: Opening, visit: Visit) -> SignedIn | Refusal:
        """The session with its token, which is kept nowhere; refused when the code was used."""
        user = opening.account.user
        event = security(
            "session.open", user.actor(visit.address), visit, object_kind="user",
            object_ref=user.login, after={"proved_by": opening.proof.value},
        )  # fmt: skip
        async with self.sealing(), self.trail.act(event) as act:
            held = await self.users.locked(act.connection, user.user_id)
            if held is None or refusal_of_user(held.user, policy=opening.policy, now=visit.now):
                return act.refused(REFUSED)
            if opening.code and not await self.use_code(act, held, opening.code):
                act.tell(after={"why": "code-used-before"})
                return act.refused(REFUSED)
            return await self._opened(act, replace(opening, account=held), visit)

    async def _opened(self, act: Act, opening: Opening, visit: Visit) -> SignedIn:
        user, policy, now = opening.account.user, opening.policy, visit.now
        token = new_token(self.entropy)
        session = Session(
            session_id=0, user_id=user.user_id, address=visit.address,
            proved_by=opening.proof, proved_at=now, created_at=now, seen_at=now,
        )  # fmt: skip
        connection = act.connection
        await self.sessions.delete_over(connection, policy, now)
        number = await self.sessions.insert(connection, session, token_hash=token_hash(token))
        ended = await self.sessions.keep_newest(
            connection, user.user_id, sessions_allowed(user, policy=policy)
        )
        await self.users.note_sign_in(connection, user.user_id, now)
        if opening.counted:
            await self.sessions.forgive(connection, opening.counted.login, opening.counted.address)
        act.tell(
            after={
                "proved_by": opening.proof.value, "session": number, "ended_by_limit": ended,
            }
        )  # fmt: skip
        opened = replace(session, session_id=number)
        return SignedIn(user, opened, csrf_of(token), token, _recovery_left(opening))


def _recovery_left(opening: Opening) -> int | None:
    """How many recovery codes are left after one was used; None when none was."""
    if opening.code is None or not opening.code.recovery:
        return None
    return len(opening.account.credentials.recovery) - 1
