"""While the database or the crypto module is away the platform says so, and heals by itself."""

import asyncio

import pytest

from openehc.kernel.clock import SetClock
from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.migrations import migrate
from tests.support.client import GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.node import FallibleCryptoModule, RunningNode, StartNode


@pytest.mark.requirement("G2-A-5.1-4")
@pytest.mark.parametrize("method", [REGISTER, GENERATE, VERIFY])
async def test_without_the_crypto_module_nothing_is_done(
    client: GatewayClient, crypto_module: FallibleCryptoModule, method: str
) -> None:
    code = (await client.register(registration(Person.invented())))["ehealth_code"]
    body = {
        REGISTER: registration(Person.invented()),
        GENERATE: {"ehealth_card_id": code[:64], "generate_type": "dynamic"},
        VERIFY: verification(code),
    }[method]
    crypto_module.down = True

    reply = await client.call(method, body)

    assert (reply.code, reply.authentic) == ("2005", True)


async def test_when_the_crypto_module_is_back_the_same_message_works(
    client: GatewayClient, crypto_module: FallibleCryptoModule
) -> None:
    body = registration(Person.invented())
    crypto_module.down = True
    await client.call(REGISTER, body)

    crypto_module.down = False

    assert (await client.call(REGISTER, body)).code == "0000"


async def test_without_the_crypto_module_the_node_is_not_ready(
    node: RunningNode, crypto_module: FallibleCryptoModule
) -> None:
    crypto_module.down = True

    assert (await node.http.get("/health/ready")).status_code == 503
    assert (await node.http.get("/health/live")).status_code == 200


@pytest.fixture
async def away(
    private_postgres: EmbeddedPostgres, start: StartNode
) -> tuple[EmbeddedPostgres, GatewayClient]:
    """A server that the test may stop, and a client of a node on it."""
    await asyncio.to_thread(migrate, private_postgres.dsn)
    node = await start(dsn=private_postgres.dsn)
    return private_postgres, node.client()


@pytest.mark.requirement("G2-B-5.3-29")
async def test_a_database_that_goes_and_comes_back_needs_no_restart_of_the_node(
    away: tuple[EmbeddedPostgres, GatewayClient], clock: SetClock
) -> None:
    postgres, client = away
    code = (await client.register(registration(Person.invented())))["ehealth_code"]
    await asyncio.to_thread(postgres.stop)

    gone = [
        await client.call(VERIFY, verification(code)),
        await client.call(REGISTER, registration(Person.invented())),
    ]
    page = await client.http.get("/a/SOMETOKEN")
    await asyncio.to_thread(postgres.start)
    await asyncio.sleep(0.3)  # longer than the node remembers that it could not connect
    clock.advance(seconds=1)
    back = await client.call(VERIFY, verification(code))

    assert [(reply.code, reply.authentic) for reply in gone] == [("8005", True)] * 2
    assert page.status_code == 503
    assert back.code == "0000"
