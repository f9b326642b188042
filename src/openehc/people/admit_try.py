"""Whether a try to sign in is judged at all: lock-out, throttling, captcha.

A try is counted as failed before it is judged and given back when it succeeds, so a
thousand at the same moment gain nothing. Logins that nobody has are counted like others.
"""

from dataclasses import dataclass

from openehc.kernel.refusal import Reason, Refusal
from openehc.people.captcha import Answer, Captchas
from openehc.people.model import Visit
from openehc.people.policy import Policy
from openehc.people.session_store import SessionStore, Tries
from openehc.people.tokens import subject


@dataclass(frozen=True, slots=True)
class CountedTry:
    """A try that may be judged; what it is counted under."""

    login: bytes
    address: bytes
    last_for_login: bool


def login_subject(login: str) -> bytes:
    """Under which the tries for a login are counted."""
    return subject("login", login.lower())


@dataclass(frozen=True, slots=True)
class AdmitTry:
    """Counts a try, or refuses to look at it."""

    store: SessionStore
    captchas: Captchas

    async def __call__(
        self, login: str, answer: Answer | None, *, policy: Policy, visit: Visit
    ) -> CountedTry | Refusal:
        """The counted try; refused when locked out, or when the captcha is missing or wrong."""
        ours, theirs = login_subject(login), subject("address", visit.address)
        # 1. nobody is locked out
        before = await self.store.tries([ours, theirs], now=visit.now, window=policy.lock)
        if _over(before.get(ours), policy.lock_after) or _over(
            before.get(theirs), policy.address_failures
        ):
            return locked_out(policy)
        # 2. after a failure a captcha was solved; a wrong one counts against the address
        if any(tries.failures for tries in before.values()) and not await self._solved(
            answer, visit
        ):
            if answer is not None:
                await self.store.count_try([theirs], now=visit.now, window=policy.lock)
            return captcha_needed(answer)
        # 3. the try counts as failed until it is known not to be
        after = await self.store.count_try([ours, theirs], now=visit.now, window=policy.lock)
        count = after[ours].failures
        if count > policy.lock_after:
            return locked_out(policy)
        return CountedTry(ours, theirs, last_for_login=count == policy.lock_after)

    async def from_address(self, *, policy: Policy, visit: Visit) -> CountedTry | Refusal:
        """The same for proofs that cannot be guessed: counted against the address alone."""
        theirs = subject("address", visit.address)
        after = await self.store.count_try([theirs], now=visit.now, window=policy.lock)
        if after[theirs].failures > policy.address_failures:
            return locked_out(policy)
        return CountedTry(b"", theirs, last_for_login=False)

    async def _solved(self, answer: Answer | None, visit: Visit) -> bool:
        return answer is not None and await self.captchas.solved(answer, visit)


def _over(tries: Tries | None, limit: int) -> bool:
    return tries is not None and tries.failures >= limit


def locked_out(policy: Policy) -> Refusal:
    """Too many failures under this login or from this address."""
    minutes = policy.lock_minutes
    return Refusal(
        Reason.TOO_MANY_TRIES, f"失败次数过多，请{minutes}分钟后再试。",
        f"Too many failures; try again in {minutes} minutes.",
    )  # fmt: skip


def captcha_needed(answer: Answer | None) -> Refusal:
    """A captcha is missing, or its answer wrong."""
    if answer is None:
        return Refusal(
            Reason.CAPTCHA_NEEDED,
            "请输入验证码。",
            "A captcha has to be solved (GET /api/captcha).",
        )
    return Refusal(
        Reason.CAPTCHA_NEEDED, "验证码错误或已失效，请更换一个。",
        "The captcha is wrong or used up; take another.",
    )  # fmt: skip
