"""Signing in behind an authenticating gateway (材料一 附录F 4.2).

The gateway has checked the person's certificate and says so in one header, signed for
one request: user, time, nonce, method and path. It counts from configured addresses only,
within a minute, and once.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from openehc.audit.trail import AuditTrail
from openehc.crypto.sm3 import sm3
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.admit_try import AdmitTry
from openehc.people.events import actor_of, security
from openehc.people.model import Account, Proof, SignedIn, Visit
from openehc.people.open_session import Opening, OpenSession
from openehc.people.ports import GatewayKey
from openehc.people.rules import login_of, refusal_of_user
from openehc.people.session_store import Once, SessionStore
from openehc.people.user_store import UserStore

WINDOW: Final = timedelta(seconds=60)
KIND: Final = "nonce"
MOST_AT_ONCE: Final = 10_000
"""Sign-ins of one gateway within the window."""

_HEADER: Final = re.compile(
    r"user=(?P<user>[a-z0-9._-]{3,32}); *time=(?P<time>[0-9]{1,11}); *"
    r"nonce=(?P<nonce>[0-9a-f]{32,64}); *signature=(?P<signature>[0-9a-fA-F]{64,160})"
)
_DOMAIN: Final = "ehc-gateway-1"

REFUSED: Final = Refusal(
    Reason.SIGN_IN_REFUSED, "认证网关的登录信息无效。", "The gateway's assertion is not valid."
)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a gateway says in its header; `time` in seconds since 1970."""

    user: str
    time: int
    nonce: str
    signature: bytes = field(repr=False)

    def text(self, request: str) -> bytes:
        """What is signed; `request` is method, blank and path."""
        lines = (_DOMAIN, self.user, str(self.time), self.nonce, request)
        return "\n".join(lines).encode()


def assertion_in(header: str) -> Assertion | None:
    """The assertion of a header; None when it has another form."""
    found = _HEADER.fullmatch(header.strip())
    if found is None or len(found["signature"]) % 2:
        return None
    return Assertion(
        found["user"], int(found["time"]), found["nonce"], bytes.fromhex(found["signature"])
    )


@dataclass(frozen=True, slots=True)
class Passing:
    """A request as the gateway passed it on: its header, method and path, and who handed it over.

    `peer` is the address of the TCP connection itself, never a forwarded one.
    """

    header: str
    request: str
    peer: str


@dataclass(frozen=True, slots=True)
class SignInBehindGateway:
    """Signs people in on the word of a gateway; without a key, nobody."""

    users: UserStore
    sessions: SessionStore
    admit: AdmitTry
    open_session: OpenSession
    trail: AuditTrail
    key: GatewayKey | None = None
    addresses: frozenset[str] = frozenset()

    async def __call__(self, passing: Passing, visit: Visit) -> SignedIn | Refusal:
        """The open session."""
        policy = await self.users.policy()
        counted = await self.admit.from_address(policy=policy, visit=visit)
        if isinstance(counted, Refusal):
            return counted
        # 1. from a gateway, signed for this request
        assertion = assertion_in(passing.header)
        why = self._wrong(assertion, passing, visit)
        # 2. the nonce counts once
        if not why and assertion and not await self._first_time(assertion, passing, visit):
            why = "nonce-used"
        if why or assertion is None:
            return await self._failed(None, visit, why=why)
        # 3. the user
        login = login_of(assertion.user)
        account = await self.users.by_login(login) if login else None
        if account is None:
            return await self._failed(None, visit, why="user-unknown")
        if why := refusal_of_user(account.user, policy=policy, now=visit.now):
            return await self._failed(account, visit, why=why)
        return await self.open_session(
            Opening(account, Proof.GATEWAY, policy, counted=counted), visit
        )

    def _wrong(self, assertion: Assertion | None, passing: Passing, visit: Visit) -> str:
        if self.key is None or passing.peer not in self.addresses:
            return "not-from-a-gateway"
        if assertion is None:
            return "header-malformed"
        if not self.key.holds(assertion.signature, text=assertion.text(passing.request)):
            return "signature-wrong"
        if abs(visit.now.timestamp() - assertion.time) > WINDOW.total_seconds():
            return "time-outside-window"
        return ""

    async def _first_time(self, assertion: Assertion, passing: Passing, visit: Visit) -> bool:
        once = Once(KIND, sm3(assertion.nonce.encode()), passing.peer, visit.now + 2 * WINDOW)
        return await self.sessions.put(once, now=visit.now, most=MOST_AT_ONCE)

    async def _failed(self, account: Account | None, visit: Visit, *, why: str) -> Refusal:
        event = security(
            "session.open", actor_of(account.user if account else None, visit), visit,
            result=Reason.SIGN_IN_REFUSED.name.lower(), after={"by": "gateway", "why": why},
        )  # fmt: skip
        await self.trail.record(event)
        return REFUSED
