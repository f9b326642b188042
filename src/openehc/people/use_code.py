"""Using up a second factor: a code of the authenticator or a recovery code works once."""

from dataclasses import dataclass, replace

from openehc.audit.trail import Act
from openehc.people.model import Account
from openehc.people.user_store import UserStore


@dataclass(frozen=True, slots=True)
class UsedCode:
    """The second factor that came along: a time step, or the hash of a recovery code."""

    step: int | None = None
    recovery: str = ""


@dataclass(frozen=True, slots=True)
class UseCode:
    """Uses codes up, in the transaction of the act that they are for."""

    users: UserStore

    async def __call__(self, act: Act, account: Account, code: UsedCode) -> bool:
        """Whether the code was not used before; `account` is held by the transaction."""
        if code.step is not None:
            return await self.users.use_totp_step(act.connection, account.user.user_id, code.step)
        secrets = account.credentials
        if code.recovery not in secrets.recovery:
            return False
        left = tuple(one for one in secrets.recovery if one != code.recovery)
        await self.users.save_credentials(
            act.connection, replace(account, credentials=replace(secrets, recovery=left))
        )
        return True
