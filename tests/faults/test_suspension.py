"""A suspension by an operator reaches both workers within a second, and so does the way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import httpx
import pytest

from openehc.access.decide import Approved
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, TERMINALS, Kind
from openehc.access.record import ActCommand, Record, Search
from openehc.access.rules import Act
from openehc.audit.model import Actor, ActorKind
from openehc.console.api.access_desk import AccessDesk
from openehc.kernel.clock import SystemClock
from openehc.storage.listing import Listing
from tests.support.client import VERIFY, GatewayClient
from tests.support.messages import verification
from tests.support.node import Processes
from tests.support.operators import desk_over
from tests.support.timing import delay_until, mostly
from tests.support.waiting import until_told

BY: Final = Actor(ActorKind.USER, "province", "127.0.0.1")
CONNECTIONS: Final = 8
"""So many connections of which each may reach another worker."""


@pytest.fixture
async def desk(demo: Processes) -> AsyncIterator[AccessDesk]:
    async with desk_over(demo.data, demo.dsn) as opened:
        yield opened


@pytest.fixture
async def clients(demo: Processes) -> AsyncIterator[list[GatewayClient]]:
    async with clients_of(demo) as opened:
        yield opened


@asynccontextmanager
async def clients_of(demo: Processes) -> AsyncIterator[list[GatewayClient]]:
    """The demo application on so many connections."""
    async with AsyncExitStack() as opened:
        https = [
            await opened.enter_async_context(demo.http(limits=httpx.Limits(max_connections=1)))
            for _ in range(CONNECTIONS)
        ]
        yield [demo.client(http) for http in https]


async def entry(desk: AccessDesk, kind: Kind, text: str) -> Record:
    listing = Listing(order=f"r.{kind.key}", direction="asc", limit=1, offset=0)
    found, _ = await desk.records.page(kind, Search(text=text), listing)
    return found[0]


def command(record: Record, what: Act) -> ActCommand:
    """What two people agreed to do now."""
    return ActCommand(
        kind=record.kind, record_id=record.record_id, revision=record.revision, act=what, by=BY,
        now=SystemClock().now(), reason="测试", approved_by="second",
    )  # fmt: skip


async def act(desk: AccessDesk, record: Record, what: Act) -> Record:
    done = await desk.change_standing(command(record, what))
    assert isinstance(done, Record), done
    return done


async def all_get(clients: list[GatewayClient], code: str) -> bool:
    """Whether every connection gets this code."""
    replies = await asyncio.gather(*[one.call(VERIFY, verification("x")) for one in clients])
    return {reply.code for reply in replies} == {code}


@pytest.mark.requirement("G1-7.2-4", "G2-B-5.1-15", "G2-B-5.1-26", "G1-6.4-7")
@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [(INSTITUTIONS, "org_code", "1010"), (APPLICATIONS, "ehcappid", "1010"),
     (TERMINALS, "term_id", "1009")],
    ids=["institution", "application", "terminal"],
)  # fmt: skip
async def test_a_suspension_is_followed_by_both_workers_within_a_second(
    demo: Processes, desk: AccessDesk, clients: list[GatewayClient], kind: Kind, name: str,
    code: str,
) -> None:  # fmt: skip
    async def there_and_back() -> float:
        record = await entry(desk, kind, demo.profile[name])
        stopped = await act(desk, record, Act.SUSPEND)
        try:
            stopping = await delay_until(partial(all_get, clients, code))
        finally:
            await act(desk, stopped, Act.RESUME)
        return max(stopping, await delay_until(partial(all_get, clients, "2002")))

    assert max(await mostly(there_and_back, within=1)) < 1


@pytest.mark.requirement("G2-B-5.1-15")
async def test_the_end_of_an_institution_reaches_both_workers_and_its_return_revives_nothing(
    own_demo: Processes,
) -> None:
    async with desk_over(own_demo.data, own_demo.dsn) as desk, clients_of(own_demo) as clients:
        await until_told(partial(all_get, clients, "2002"))
        record = await entry(desk, INSTITUTIONS, own_demo.profile["org_code"])

        ended = await act(desk, record, Act.EXIT)
        await until_told(partial(all_get, clients, "1008"))
        applied = await act(desk, ended, Act.REAPPLY)
        approved = await desk.decide.approve(command(applied, Act.APPROVE))
        after = [(await one.call(VERIFY, verification("x"))).code for one in clients]

    assert isinstance(approved, Approved)
    assert set(after) == {"1008"}
