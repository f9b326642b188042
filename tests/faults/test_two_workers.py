"""Two workers behind one port: one serial number works once, a suspension reaches both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import httpx
import psutil
import pytest

from tests.support.client import REGISTER, VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes
from tests.support.waiting import until_told

ROUNDS = 25
STOPPED_SECONDS = 2.0
"""How long a worker stands still at most: after five the supervisor replaces it."""


async def _worker_of(demo: Processes, http: httpx.AsyncClient) -> int | None:
    """The process at the other end of the client's one connection: who answers alone has it.

    None when neither did in time. Looking into the processes would take an administrator.
    """
    await http.get("/health/live")
    first, second = demo.workers()
    for stopped, left in ((first, second), (second, first)):
        if await _answers_without(stopped, http):
            return left.pid
    return None


async def _answers_without(worker: psutil.Process, http: httpx.AsyncClient) -> bool:
    worker.suspend()
    try:
        asking = asyncio.create_task(http.get("/health/live"))
        answered, _ = await asyncio.wait([asking], timeout=STOPPED_SECONDS)
    finally:
        worker.resume()
    await asking
    return bool(answered)


@pytest.fixture
async def pair(demo: Processes) -> AsyncIterator[tuple[GatewayClient, GatewayClient]]:
    """Two clients, each on one connection, each connected to another worker."""
    async with AsyncExitStack() as opened:
        found: dict[int, GatewayClient] = {}
        async with asyncio.timeout(180):
            while len(found) < 2:
                http = await opened.enter_async_context(
                    demo.http(limits=httpx.Limits(max_connections=1))
                )
                worker = await _worker_of(demo, http)
                if worker is not None:
                    found.setdefault(worker, demo.client(http))
        first, second = found.values()
        yield first, second


async def _count(demo: Processes, sql: str, *args: object) -> int:
    connection = await asyncpg.connect(demo.dsn)
    try:
        return int(await connection.fetchval(sql, *args))
    finally:
        await connection.close()


async def test_one_number_given_to_both_workers_at_once_works_once(
    pair: tuple[GatewayClient, GatewayClient],
) -> None:
    bodies = [registration(Person.invented()) for _ in range(ROUNDS)]

    answers = [
        sorted([r.code for r in await asyncio.gather(*[c.call(REGISTER, body) for c in pair])])
        for body in bodies
    ]

    assert {first for first, _ in answers} == {"0000"}
    assert {second for _, second in answers} <= {"3002", "3003"}


async def test_one_number_given_to_both_workers_leaves_one_row(
    demo: Processes, pair: tuple[GatewayClient, GatewayClient]
) -> None:
    bodies = [registration(Person.invented()) for _ in range(ROUNDS)]
    for body in bodies:
        await asyncio.gather(*[client.call(REGISTER, body) for client in pair])

    numbers = [body["out_register_no"] for body in bodies]
    rows = await _count(
        demo, "select count(*) from card_history where external_serial = any($1)", numbers
    )

    assert rows == ROUNDS


async def test_one_person_registered_at_both_workers_at_once_gets_one_card(
    pair: tuple[GatewayClient, GatewayClient],
) -> None:
    people = [Person.invented() for _ in range(ROUNDS)]

    different = 0
    for person in people:
        replies = await asyncio.gather(
            *[client.call(REGISTER, registration(person)) for client in pair]
        )
        different += len({reply.biz["ehealth_card_id"] for reply in replies})

    assert different == ROUNDS


@pytest.mark.requirement("G1-6.4-7")
@pytest.mark.parametrize(
    ("table", "key", "name", "code"),
    [
        ("applications", "app_id", "app_id", "1010"),
        ("terminals", "term_id", "term_id", "1009"),
        ("institutions", "org_code", "org_code", "1010"),
    ],
)
async def test_who_is_suspended_is_refused_by_both_workers(
    demo: Processes,
    pair: tuple[GatewayClient, GatewayClient],
    table: str,
    key: str,
    name: str,
    code: str,
) -> None:
    async def everywhere(wanted: str) -> bool:
        replies = [await client.call(VERIFY, verification("x")) for client in pair]
        return {reply.code for reply in replies} == {wanted}

    statement = f"update {table} set standing = $1 where {key} = $2"  # noqa: S608 (our own words)
    connection = await asyncpg.connect(demo.dsn)
    try:
        await connection.execute(statement, "suspended", demo.profile[name])
        await until_told(lambda: everywhere(code))
    finally:
        await connection.execute(statement, "active", demo.profile[name])
        await connection.close()
    await until_told(lambda: everywhere("2002"))
