"""Killed without warning under load: what was answered is kept, and the node heals."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import httpx
import psutil
import pytest

from openehc.access.serials import serial_key
from tests.support.client import REGISTER, VERIFY
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes, kill
from tests.support.waiting import until

CLIENTS = 6
HEALED_AFTER = 30
PATIENCE = 180.0


@dataclass(slots=True)
class Answered:
    """What the platform said was done."""

    cards: list[str] = field(default_factory=list)
    numbers: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)


async def _work(demo: Processes, answered: Answered, enough: asyncio.Event) -> None:
    """Register and verify until told to stop; a lost connection is just tried anew."""
    while not enough.is_set():
        with suppress(httpx.TransportError):
            async with demo.http() as http:
                client = demo.client(http)
                while not enough.is_set():
                    body = registration(Person.invented())
                    reply = await client.call(REGISTER, body)
                    if reply.code != "0000":
                        await asyncio.sleep(0.1)
                        continue
                    answered.cards.append(reply.biz["ehealth_card_id"])
                    answered.numbers.append((REGISTER, body["out_register_no"]))
                    used = verification(reply.biz["ehealth_code"])
                    if (await client.call(VERIFY, used)).code == "0000":
                        answered.numbers.append((VERIFY, used["out_verify_no"]))


async def _until(answered: Answered, *, more: int) -> None:
    wanted = len(answered) + more
    await until(lambda: len(answered) >= wanted, seconds=PATIENCE)


async def _missing(demo: Processes, answered: Answered) -> tuple[int, int]:
    """How many answered cards and used numbers the database does not know."""
    app_id = demo.profile["app_id"]
    serials = [serial_key(app_id, method, number).value for method, number in answered.numbers]
    cards = [bytes.fromhex(card) for card in answered.cards]
    connection = await asyncpg.connect(demo.dsn)
    try:
        kept = await connection.fetchval("select count(*) from cards where ehcid = any($1)", cards)
        used = await connection.fetchval(
            "select count(*) from used_serials where serial = any($1)", serials
        )
    finally:
        await connection.close()
    return len(cards) - kept, len(serials) - used


def _one_worker(demo: Processes) -> list[psutil.Process]:
    return demo.workers()[:1]


def _postmaster(demo: Processes) -> list[psutil.Process]:
    return demo.database()[:1]


def _whole_database(demo: Processes) -> list[psutil.Process]:
    return demo.database()


@pytest.mark.requirement("G2-B-5.3-29")
@pytest.mark.parametrize("victims", [_one_worker, _postmaster, _whole_database])
async def test_what_was_answered_survives_a_kill_and_the_node_heals(
    own_demo: Processes, victims: Callable[[Processes], list[psutil.Process]]
) -> None:
    answered, enough = Answered(), asyncio.Event()
    load = [asyncio.create_task(_work(own_demo, answered, enough)) for _ in range(CLIENTS)]
    await _until(answered, more=60)

    killed = victims(own_demo)
    kill(killed)
    psutil.wait_procs(killed, timeout=0)
    await _until(answered, more=CLIENTS * HEALED_AFTER)
    enough.set()
    await asyncio.gather(*load)

    assert killed
    assert await _missing(own_demo, answered) == (0, 0)


@pytest.mark.requirement("G2-B-5.3-29")
async def test_a_node_whose_supervisor_is_killed_starts_again_and_knows_what_it_answered(
    own_demo: Processes,
) -> None:
    answered, enough = Answered(), asyncio.Event()
    load = [asyncio.create_task(_work(own_demo, answered, enough)) for _ in range(CLIENTS)]
    await _until(answered, more=60)
    workers = own_demo.workers()

    own_demo.process.kill()
    own_demo.process.wait()
    await asyncio.to_thread(psutil.wait_procs, workers, timeout=PATIENCE)
    await asyncio.to_thread(own_demo.start)
    await _until(answered, more=CLIENTS * HEALED_AFTER)
    enough.set()
    await asyncio.gather(*load)

    assert not any(worker.is_running() for worker in workers)
    assert await _missing(own_demo, answered) == (0, 0)


async def test_a_killed_worker_is_replaced(own_demo: Processes) -> None:
    before = {worker.pid for worker in own_demo.workers()}
    gone = own_demo.workers()[0]

    gone.kill()

    def replaced() -> bool:
        now = {worker.pid for worker in own_demo.workers()}
        return len(now) == len(before) and gone.pid not in now

    await until(replaced, seconds=PATIENCE)


def test_a_stop_signal_leaves_no_process(own_demo: Processes) -> None:
    family = own_demo.family()
    assert any(process.name().startswith("postgres") for process in family)

    code = own_demo.stop()

    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert (code, alive) == (0, [])


def test_after_a_stop_the_next_start_has_nothing_to_recover(own_demo: Processes) -> None:
    log = own_demo.data / "postgres" / "postgresql.log"
    own_demo.stop()
    before = len(log.read_text("utf-8"))

    own_demo.start()

    said = log.read_text("utf-8")[before:]
    assert "not properly shut down" not in said
    assert "database system was shut down at" in said
