"""People in the database of a running node, for tests: made with a cheap hash, signed in for real.

people     makes users at `node`, signs them in, and gives clients of their sessions
real       the same at a node in production mode, reached over TLS
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx
import pyotp
import pytest
from argon2 import PasswordHasher

from openehc.audit.model import SYSTEM, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.console.api.guards import CSRF_HEADER
from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import Refusal
from openehc.people.captcha import DIGITS
from openehc.people.model import Account, Credentials, Proof, SignedIn, Visit
from openehc.people.open_session import Opening, OpenSession
from openehc.people.passwords import hash_now
from openehc.people.permissions import OF_ONE_INSTITUTION, Role
from openehc.people.use_code import UseCode
from openehc.people.user_store import NewUser, UserStore
from tests.support.node import RunningNode, StartNode

NOBODY_YET: Final = """
delete from approvals;
delete from sessions;
delete from users;
delete from sign_in_failures;
delete from once_values;
delete from sign_in_policy;
insert into sign_in_policy default values;
"""
"""What other tests of the module left goes, but for audit records, which nobody can delete."""

PASSWORD: Final = "Invented-Pass-1"
TOTP_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
_HASHED: Final = _CHEAP.hash(PASSWORD)
_numbers: Final = itertools.count(1)


@dataclass(slots=True)
class PeopleAtNode:
    """Makes people and their clients."""

    node: RunningNode
    stack: AsyncExitStack
    streams_before: list[int] = field(default_factory=list)
    users: UserStore = field(init=False)
    trail: AuditTrail = field(init=False)

    def __post_init__(self) -> None:
        parts = self.node.parts
        self.users = UserStore(parts.database, parts.keys.sealer, SystemEntropy())
        self.trail = parts.trail

    @classmethod
    async def at(cls, node: RunningNode, stack: AsyncExitStack) -> "PeopleAtNode":
        """At a node where nobody is yet; `stack` closes the clients."""
        await node.parts.database.execute(NOBODY_YET)
        before = await node.rows("select distinct stream from audit_records")
        return cls(node, stack, [row["stream"] for row in before])

    async def institution(self) -> int:
        """The demo hospital's number."""
        rows = await self.node.rows("select institution_id from institutions limit 1")
        return int(rows[0]["institution_id"])

    async def user(self, *roles: Role, login: str = "", **secrets: Any) -> Account:
        """A user with these roles and the password `PASSWORD`; `secrets` as for `Credentials`."""
        held = frozenset(roles)
        new = NewUser(
            login=login or f"user{next(_numbers)}", display_name="示例人员",
            credentials=Credentials(**{"password": _HASHED, **secrets}),
            at=self.node.clock.now(), roles=held, settled=True,
            institution_id=await self.institution() if held & OF_ONE_INSTITUTION else None,
        )  # fmt: skip
        event = AuditEvent(
            category=Category.ADMINISTRATION, action="user.make", actor=SYSTEM, at=new.at,
            object_kind="user", object_ref=new.login,
        )  # fmt: skip
        async with self.trail.act(event) as act:
            number = await self.users.insert(act.connection, new)
            assert number is not None
            made = await self.users.locked(act.connection, number)
            assert made is not None
            await self.users.save_credentials(act.connection, made)  # notes an authenticator
        return await self.account(new.login)

    async def user_with_password(self, *roles: Role) -> Account:
        """A user whose password is hashed with the real cost."""
        return await self.user(*roles, password=hash_now(PASSWORD))

    async def at_once(
        self, requests: Iterable[Coroutine[Any, Any, httpx.Response]]
    ) -> list[httpx.Response]:
        """The answers to requests that are sent at the same moment."""
        return await asyncio.gather(*requests)

    async def account(self, login: str) -> Account:
        """The user as it is now."""
        found = await self.users.by_login(login)
        assert found is not None
        return found

    async def client(self, *, address: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
        """A client of nobody, at an address."""
        old = self.node.http._transport
        transport = httpx.ASGITransport(old.app, client=(address, 5000))  # type: ignore[attr-defined]
        client = httpx.AsyncClient(transport=transport, base_url=self.node.http.base_url, **options)
        return await self.stack.enter_async_context(client)

    async def signed_in(
        self, *roles: Role, address: str = "127.0.0.1", login: str = ""
    ) -> httpx.AsyncClient:
        """A client of a new user with these roles, signed in with the password."""
        account = await self.user(*roles, login=login)
        client = await self.client(address=address)
        answer = await sign_in(client, account.user.login)
        assert answer.status_code == 201, answer.text
        return client

    async def opened(self, account: Account, *, proof: Proof = Proof.CERTIFICATE) -> SignedIn:
        """A session that no password was needed for."""
        sessions = self.node.parts.console.state.sessions
        opening = Opening(account, proof, await self.users.policy())
        opened = await OpenSession(
            self.users, sessions.store, self.trail, SystemEntropy(), _no_turn, UseCode(self.users)
        )(opening, Visit("127.0.0.1", self.node.clock.now()))
        assert not isinstance(opened, Refusal)
        return opened

    def headers(self, signed: SignedIn) -> dict[str, str]:
        """What a browser and its page send in a session."""
        cookie = self.node.parts.console.state.cookie
        return {"Cookie": f"{cookie}={signed.token}", CSRF_HEADER: signed.csrf}

    async def session(
        self, account: Account, *, proof: Proof = Proof.CERTIFICATE
    ) -> httpx.AsyncClient:
        """A client of such a session."""
        return await self.client(headers=self.headers(await self.opened(account, proof=proof)))

    async def captcha(self, client: httpx.AsyncClient) -> dict[str, str]:
        """A captcha with its right answer, as the sign-in form wants it."""
        captcha_id = (await client.get("/api/captcha")).json()["captcha_id"]
        number = int.from_bytes(self.node.parts.keys.indexer.card("captcha", captcha_id), "big")
        return {"captcha_id": captcha_id, "answer": f"{number % 10**DIGITS:0{DIGITS}}"}

    def code(self, secret: str = TOTP_SECRET) -> str:
        """What an authenticator shows now."""
        return pyotp.TOTP(secret).at(self.node.clock.now())

    async def policy(self, **changes: Any) -> None:
        """Set parameters of the policy."""
        changed = replace(await self.users.policy(), **changes)
        event = AuditEvent(
            category=Category.ADMINISTRATION, action="policy.change", actor=SYSTEM,
            at=self.node.clock.now(),
        )  # fmt: skip
        async with self.trail.act(event) as act:
            assert await self.users.save_policy(act.connection, changed)

    async def records(self, action: str) -> list[dict[str, Any]]:
        """The audit records of an action in this test, as they were written."""
        return await self.node.rows(
            "select * from audit_records where action = $1 and stream <> all($2::bigint[])"
            " order by at, ctid", action, self.streams_before,
        )  # fmt: skip


@asynccontextmanager
async def _no_turn() -> AsyncIterator[None]:
    yield


async def sign_in(
    client: httpx.AsyncClient, login: str, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    """Sign in; the client repeats the CSRF value from then on."""
    answer = await client.post("/api/session", json={"login": login, "password": password, **more})
    if answer.status_code == httpx.codes.CREATED:
        client.headers[CSRF_HEADER] = answer.json()["csrf"]
    return answer


@pytest.fixture
async def people(node: RunningNode) -> AsyncIterator[PeopleAtNode]:
    async with AsyncExitStack() as stack:
        yield await PeopleAtNode.at(node, stack)


@pytest.fixture
async def real(start: StartNode) -> AsyncIterator[PeopleAtNode]:
    node = await start(mode=KeyPurpose.DEBUGGING, public_url="https://ehc.example")
    async with AsyncExitStack() as stack:
        yield await PeopleAtNode.at(node, stack)
