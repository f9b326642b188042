"""Signing in with login, password and, where there is one, the code of an authenticator.

Wrong passwords and logins that nobody has are told apart neither by text nor by time:
both take one read, one argon2id hash and one record.
"""

from dataclasses import dataclass, field
from typing import Final

from openehc.audit.trail import AuditTrail
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.admit_try import AdmitTry, CountedTry
from openehc.people.captcha import Answer
from openehc.people.events import actor_of, security
from openehc.people.model import Account, Proof, SignedIn, Visit
from openehc.people.open_session import REFUSED, Opening, OpenSession
from openehc.people.passwords import PasswordVault, TooManySignIns
from openehc.people.policy import Policy
from openehc.people.rules import login_of, refusal_of_user
from openehc.people.session_store import SessionStore
from openehc.people.totp import recovery_hash, step_of
from openehc.people.use_code import UsedCode
from openehc.people.user_store import UserStore

BUSY: Final = Refusal(
    Reason.OVERLOADED, "登录请求过多，请稍后再试。", "Too many sign-ins at once; try again."
)
CODE_NEEDED: Final = Refusal(
    Reason.TOTP_NEEDED, "请输入动态口令。", "The code of your authenticator is needed."
)


@dataclass(frozen=True, slots=True)
class SignInCommand:
    """What somebody typed; `code` is of the authenticator or a recovery code."""

    login: str
    password: str = field(repr=False)
    code: str = field(default="", repr=False)
    captcha: Answer | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """Signs people in with a password."""

    users: UserStore
    sessions: SessionStore
    vault: PasswordVault
    admit: AdmitTry
    open_session: OpenSession
    trail: AuditTrail

    async def __call__(self, command: SignInCommand, visit: Visit) -> SignedIn | Refusal:
        """The open session, or the one refusal of every wrong proof."""
        policy = await self.users.policy()
        # 1. lock-out, throttling, captcha; the try is counted
        counted = await self.admit(command.login, command.captcha, policy=policy, visit=visit)
        if isinstance(counted, Refusal):
            return counted  # not recorded: whoever floods us must not fill the audit trail
        # 2. the user, or nobody
        login = login_of(command.login)
        account = await self.users.by_login(login) if login else None
        # 3. the password, which takes as long for nobody
        kept = account.credentials.password if account else None
        try:
            right = await self.vault.matches(command.password, kept)
        except TooManySignIns:
            await self._given_back(counted)
            return BUSY
        if account is None or not right:
            return await self._failed(account, counted, visit, why="wrong-password")
        # 4. the user may sign in
        if why := refusal_of_user(account.user, policy=policy, now=visit.now):
            return await self._failed(account, counted, visit, why=why)
        # 5. the code, where the user has an authenticator
        return await self._with_code(command, account, counted, policy=policy, visit=visit)

    async def _with_code(
        self, command: SignInCommand, account: Account, counted: CountedTry, *,
        policy: Policy, visit: Visit,
    ) -> SignedIn | Refusal:  # fmt: skip
        code, proof = None, Proof.PASSWORD
        if account.credentials.totp:
            if not command.code:
                await self._given_back(counted)
                return CODE_NEEDED
            code, proof = code_given(command.code, account, visit), Proof.PASSWORD_AND_CODE
            if code is None:
                return await self._failed(account, counted, visit, why="wrong-code")
        # 6. the session
        return await self.open_session(Opening(account, proof, policy, code, counted), visit)

    async def _failed(
        self, account: Account | None, counted: CountedTry, visit: Visit, *, why: str
    ) -> Refusal:
        actor = actor_of(account.user if account else None, visit)
        await self.trail.record(
            security("session.open", actor, visit, result=REFUSED.reason.name.lower(),
                     after={"why": why, "locked_out": counted.last_for_login})
        )  # fmt: skip
        return REFUSED

    async def _given_back(self, counted: CountedTry) -> None:
        await self.sessions.uncount_try([counted.login, counted.address])


def code_given(code: str, account: Account, visit: Visit) -> UsedCode | None:
    """What a typed code is: a time step of the authenticator, or a recovery code."""
    secrets = account.credentials
    step = step_of(code, secret=secrets.totp, now=visit.now)
    if step is not None:
        return UsedCode(step=step)
    hashed = recovery_hash(code)
    return UsedCode(recovery=hashed) if hashed in secrets.recovery else None
