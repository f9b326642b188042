"""The console API for tests: people who are signed in without a password, and their client.

console    signs people in with roles of the test's choice and gives their clients
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from openehc.audit.model import Actor, ActorKind
from openehc.console.api.guards import COOKIE, CSRF_HEADER
from openehc.people.model import Principal
from openehc.people.permissions import Role, role_table
from tests.support.node import RunningNode


@dataclass(slots=True)
class FixedSessions:
    """`Sessions` of people who were signed in by the test."""

    people: dict[str, Principal] = field(default_factory=dict)

    async def principal(self, token: str, *, address: str) -> Principal | None:
        del address
        return self.people.get(token)


def principal(
    *roles: Role, login: str = "tester", institution_id: int | None = None, fresh: bool = True
) -> Principal:
    """Someone with these roles."""
    held = frozenset(roles)
    return Principal(
        user_id=1, actor=Actor(ActorKind.USER, login, "127.0.0.1", institution_id),
        display_name=login, roles=held, permissions=role_table().of(held), session_id=1,
        csrf=secrets.token_hex(8), fresh=fresh,
    )  # fmt: skip


@dataclass(slots=True)
class Console:
    """Signs people in at one node."""

    node: RunningNode
    sessions: FixedSessions
    stack: AsyncExitStack

    async def as_(self, *roles: Role, **more: Any) -> httpx.AsyncClient:
        """A client of someone with these roles; `more` as for `principal`."""
        return await self.of(principal(*roles, **more))

    async def of(self, person: Principal) -> httpx.AsyncClient:
        """A client of this person."""
        token = secrets.token_hex(16)
        self.sessions.people[token] = person
        return await self.client(cookies={COOKIE: token}, headers={CSRF_HEADER: person.csrf})

    async def client(self, **options: Any) -> httpx.AsyncClient:
        """A client of nobody in particular."""
        transport = self.node.http._transport
        client = httpx.AsyncClient(transport=transport, base_url=self.node.http.base_url, **options)
        return await self.stack.enter_async_context(client)


@pytest.fixture
async def console(node: RunningNode) -> AsyncIterator[Console]:
    sessions = FixedSessions()
    node.parts.console.state.sessions = sessions
    async with AsyncExitStack() as stack:
        yield Console(node, sessions, stack)
