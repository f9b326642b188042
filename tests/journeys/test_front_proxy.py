"""A card node behind the front proxy, under load, while machines die, come and go.

Real nodes, real machines (their doubles), each as a process of its own.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import psutil
import pytest

from bench.ports import free_port
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.remote.lane import Party
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey, Sm2PublicKey
from tests.support.client import GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.front_proxy import PATIENT
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes, kill
from tests.support.proxied_nodes import Proxied, StartMachine, ehc, node_folder, own_folder
from tests.support.timing import delay_until, quickest
from tests.support.waiting import until, until_told

CALLERS = 12
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Load:
    """Registrations and verifications that never stop until told to."""

    node: Processes
    over: asyncio.Event = field(default_factory=asyncio.Event)
    codes: Counter[str] = field(default_factory=Counter)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def verified(self) -> int:
        return self.codes["verified 0000"]

    async def run(self) -> None:
        async with self.node.http() as http:
            client = self.node.client(http)
            while not self.over.is_set():
                await self._one(client)

    async def _one(self, client: GatewayClient) -> None:
        reply = await client.call(REGISTER, registration(Person.invented()))
        self.codes[f"registered {reply.code}"] += 1
        if reply.code != "0000":
            return
        used = await client.call(VERIFY, verification(reply.biz["ehealth_code"]))
        self.codes[f"verified {used.code}"] += 1

    async def goes_on(self, *, more: int = 60) -> None:
        """Wait until so many more codes were verified."""
        goal = self.verified + more
        await until(lambda: self.verified >= goal, seconds=180)

    async def end(self) -> None:
        self.over.set()
        await asyncio.gather(*self.tasks)


@asynccontextmanager
async def load_on(node: Processes) -> AsyncIterator[Load]:
    load = Load(node)
    load.tasks = [asyncio.create_task(load.run()) for _ in range(CALLERS)]
    await load.goes_on()
    yield load
    await load.end()


@pytest.fixture
async def load(proxied: Proxied) -> AsyncIterator[Load]:
    async with load_on(proxied.card) as load:
        yield load


def _machines_in(records: str) -> Counter[str]:
    return Counter(
        word for line in records.splitlines() for word in line.split() if "127.0.0.1:" in word
    )


@pytest.mark.slow
@pytest.mark.requirement("G1-9.5-9", "G1-9.5-6", "G1-9.5-11")
async def test_a_machine_that_dies_under_load_fails_no_request(
    proxied: Proxied, load: Load
) -> None:
    dying, other = proxied.machines

    dying.kill()
    await load.goes_on(more=200)
    dying.start()
    await load.goes_on(more=200)
    await load.end()

    assert set(load.codes) == {"registered 0000", "verified 0000"}
    records = (await proxied.keys("proxy", "calls", "--most", "100000")).output
    assert set(_machines_in(records)) == {dying.name, other.name}
    known_to_the_card_node = proxied.card.output.read_text("utf-8")
    assert not any(one.name in known_to_the_card_node for one in proxied.machines)


@pytest.mark.slow
@pytest.mark.requirement("G1-9.5-9")
async def test_of_two_proxies_one_is_killed_and_the_other_updated_and_no_request_fails(
    two_proxies: Proxied,
) -> None:
    killed, updated = two_proxies.proxies

    async with load_on(two_proxies.card) as load:
        family = killed.family()
        kill(family)
        killed.process.wait()
        psutil.wait_procs(family, timeout=180)  # its database, too, before there is another
        await load.goes_on(more=100)
        await asyncio.to_thread(killed.start)
        await until(lambda: is_trusted_again(two_proxies.card), seconds=180)

        await asyncio.to_thread(updated.stop)
        await load.goes_on(more=100)

    assert set(load.codes) == {"registered 0000", "verified 0000"}


def is_trusted_again(card: Processes) -> bool:
    """Whether each worker that left the first proxy alone uses it again."""
    log = card.output.read_text("utf-8")
    left = log.count("front proxy 1 is left alone")
    return 0 < left == log.count("front proxy 1 is back in service")


@pytest.mark.slow
@pytest.mark.requirement("G1-9.5-9")
async def test_machines_are_added_and_removed_under_load_and_no_request_fails(
    proxied: Proxied, load: Load, machine_processes: StartMachine
) -> None:
    third = machine_processes()

    added = await proxied.keys("machines", "add", third.name)
    await load.goes_on(more=100)
    removed = [await proxied.keys("machines", "remove", one.name) for one in proxied.machines]
    for one in proxied.machines:
        one.kill()
    await load.goes_on(more=100)
    last = await proxied.keys("machines", "remove", third.name, "--wait", "3")
    await load.goes_on(more=20)
    await load.end()

    listed = await proxied.keys("machines", "list")
    assert listed.output.count(f"{third.name:<24}in service") == 2
    assert [added.exit_code, *(one.exit_code for one in removed)] == [0, 0, 0], added.output
    assert added.output.count(f"{third.name:<24}in service") == 2  # both workers
    assert (last.exit_code, "the last one that answers" in last.output) == (1, True)
    assert set(load.codes) == {"registered 0000", "verified 0000"}


@pytest.mark.slow
@pytest.mark.requirement("G1-9.5-10")
async def test_a_node_that_may_not_open_card_ids_makes_codes_and_verifies_none(
    standing: Proxied,
) -> None:
    listed = (await standing.keys("caller", "list")).output
    key = await standing.caller_key()
    calls = "make_mindex_id,make_ehcid,make_valid,check_valid,health"
    narrowed = await standing.keys(
        "caller", "allow", "card", key, "--calls", calls, "--from", "127.0.0.1"
    )
    async with standing.card.http() as http:
        client = standing.card.client(http)
        card = await client.register(registration(Person.invented()))
        wish = {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic"}
        code = await client.call(GENERATE, wish)
        used = await client.call(VERIFY, verification(code.biz["ehealth_code"]))

    assert ("card  may call" in listed, narrowed.exit_code) == (True, 0)
    assert (code.code, used.code) == ("0000", "2005")
    assert "card may not call open_ehcid" in standing.proxy.output.read_text("utf-8")
    assert "not permitted" in (await standing.keys("proxy", "calls")).output


@pytest.mark.slow
async def test_only_the_proxy_has_its_door_and_it_has_no_other(standing: Proxied) -> None:
    async with standing.card.http() as card, standing.proxy.http() as proxy:
        paths = ("/crypto/calls", "/crypto/session", "/ehcService/gateway.do", "/api/", "/a/x")
        at_card = [(await card.post(path, content=b"{}")).status_code for path in paths[:2]]
        at_proxy = [(await proxy.post(path, content=b"{}")).status_code for path in paths]

    assert at_card == [httpx.codes.NOT_FOUND] * 2
    assert at_proxy == [400, 400, 404, 404, 404]


@pytest.mark.slow
@pytest.mark.requirement("G1-9.5-5", "G1-9.5-8")
async def test_a_node_that_was_revoked_gets_no_answer_a_second_later(standing: Proxied) -> None:
    async with standing.card.http() as http:
        client = standing.card.client(http)
        before = await client.call(REGISTER, registration(Person.invented()))
        key = await standing.caller_key()

        async def told(code: str) -> bool:
            return (await client.call(REGISTER, registration(Person.invented()))).code == code

        async def revoked() -> float:
            words = ("--calls", "all", "--from", "127.0.0.0/8")
            let_in = await standing.keys("caller", "allow", "card", key, *words)
            assert let_in.exit_code == 0, let_in.output
            await until_told(lambda: told("0000"))
            done = await standing.keys("caller", "revoke", "card")
            assert done.exit_code == 0, done.output
            return await delay_until(lambda: told("2005"))

        seconds = await quickest(revoked, within=1, tries=3)
        after = await client.call(REGISTER, registration(Person.invented()))

    assert (before.code, seconds < 1, after.code) == ("0000", True, "2005")
    log = standing.proxy.output.read_text("utf-8")
    assert "the caller was revoked" in log or "may not call from this address" in log
    assert "card  crypto.session  crypto-module  ok" in await _records(standing, "crypto.session")

    async def refusal_is_recorded() -> bool:  # refusals are gathered for a second
        refusals = await _records(standing, "crypto.refusal")
        return "caller_revoked" in refusals or "source_wrong" in refusals

    await until_told(refusal_is_recorded)


async def _records(nodes: Proxied, action: str) -> str:
    words = ("audit", "search", "--action", action, "--data", str(nodes.proxy.data))
    return (await asyncio.to_thread(ehc, *words)).output


@pytest.mark.slow
async def test_one_node_can_be_card_node_and_proxy_at_once() -> None:
    with own_folder() as parent:
        folder = node_folder(parent, "n")
        both = Processes(folder, free_port(), ("serve", "--roles", "card,crypto"))
        await asyncio.to_thread(both.start)
        try:
            key = Sm2PrivateKey.generate()
            words = ("--calls", "make_valid", "--from", "127.0.0.1", "--data", str(folder))
            await asyncio.to_thread(
                ehc, "keys", "caller", "allow", "desk", key.public.raw.hex(), *words
            )
            shown = await asyncio.to_thread(ehc, "keys", "proxy", "show", "--data", str(folder))
            proxy = Sm2PublicKey(bytes.fromhex(shown.output.strip()))
            module = ProxyCryptoModule(
                Party(ProxyAddress("127.0.0.1", both.port), proxy, key), patience=PATIENT
            )
            made = await module.make_valid(EXPIRES)
            await module.close()
            async with both.http() as http:
                gateway = await http.post("/ehcService/gateway.do", content=b"{}")
        finally:
            await asyncio.to_thread(both.stop)

    assert made == await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(EXPIRES)
    assert (gateway.status_code, "ret_code" in gateway.json()) == (200, True)
