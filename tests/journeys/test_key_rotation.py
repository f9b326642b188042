"""Keys are rotated under load, the rotation is killed in the middle, and nobody is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from openehc.cli.main import main
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.sealing import BlindIndexer
from tests.support.client import REGISTER, REGQUERY, VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes, environment
from tests.support.source_tree import ROOT
from tests.support.waiting import until

SEALED_BEFORE = """
select (select count(*) from cards where substring(sealed_profile from 1 for 2) <> $1)
     + (select count(*) from applications where substring(sealed_secret from 1 for 2) <> $1)
"""
INDEXED_BEFORE = """
select (select count(*) from card_documents where document_index = any($1::bytea[]))
     + (select count(*) from cards where phone_index = any($2::bytea[]))
     + abs((select count(*) from card_documents) - (select count(*) from cards))
"""


@dataclass(slots=True)
class Load:
    """Registrations and verifications that never stop until told to."""

    demo: Processes
    over: asyncio.Event = field(default_factory=asyncio.Event)
    people: list[Person] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def run(self) -> None:
        async with self.demo.http() as http:
            client = self.demo.client(http)
            while not self.over.is_set():
                await self._one(client)

    async def _one(self, client: GatewayClient) -> None:
        person = Person.invented()
        forms = [registration(person), registration(person.named("冒名样本"))]
        both = await client.all_at_once(REGISTER, forms)
        answered = [reply for reply in both if reply.code == "0000"]
        if len(answered) != 1:
            self.failures.append(f"registrations {[reply.code for reply in both]}")
            return
        self.people.append(person.named(answered[0].biz["user_name"]))
        used = await client.call(VERIFY, verification(answered[0].biz["ehealth_code"]))
        if used.code != "0000":
            self.failures.append(f"verification {used.code}")

    async def end(self) -> None:
        self.over.set()
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def load(own_demo: Processes) -> AsyncIterator[Load]:
    load = Load(own_demo)
    load.tasks = [asyncio.create_task(load.run()) for _ in range(3)]
    await until(lambda: len(load.people) >= 15, seconds=180)
    yield load
    await load.end()


def _rotate(demo: Processes, kind: str, log: Path, *more: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "openehc", "keys", "rotate", kind, *more]
    with log.open("ab") as out:
        return subprocess.Popen(
            [*command, "--data", str(demo.data)], stdout=out, stderr=subprocess.STDOUT,
            env=environment(), cwd=ROOT,
        )  # fmt: skip


async def _ended(process: "subprocess.Popen[bytes]") -> int:
    await until(lambda: process.poll() is not None, seconds=180)
    return process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sealing", "blind-index"])
async def test_a_rotation_killed_under_load_goes_on_and_nobody_is_lost(
    load: Load, tmp_path: Path, kind: str
) -> None:
    demo, log = load.demo, tmp_path / "log"
    first = _rotate(demo, kind, log, "--rows", "1", "--pause", "0.2")
    await until(lambda: log.read_text().count("rewrite ") >= 3, seconds=180)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    assert await _ended(_rotate(demo, kind, log)) == 0, log.read_text()

    more = len(load.people) + 5
    await until(lambda: len(load.people) >= more, seconds=180)
    await load.end()
    assert "going on with a rotation that was cut short" in log.read_text()
    assert load.failures == [], demo.output.read_text("utf-8")
    assert await _all_are_known(load) == []
    assert await _under_old_keys(load) == 0


@pytest.mark.slow
def test_a_replaced_key_is_retired_only_when_that_is_confirmed(
    own_demo: Processes, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert _rotate(own_demo, "sealing", log).wait(300) == 0, log.read_text()

    held = [
        _held_after(own_demo, *options, typed=typed)
        for options, typed in (
            (("--dry-run",), f"{own_demo.profile['ehcin']}\n"),
            ((), "9901A0002\n"),
            ((), f"{own_demo.profile['ehcin']}\n"),
        )
    ]

    assert held == [{1, 2}, {1, 2}, {2}]


def _held_after(demo: Processes, *options: str, typed: str) -> set[int]:
    """The sealing versions in the key file after `ehc keys retire` with what somebody types."""
    CliRunner().invoke(main, ["keys", "retire", "--data", str(demo.data), *options], input=typed)
    passphrase = (demo.data / "passphrase").read_text().strip()
    return set(open_key_file(demo.data / "keys.json", passphrase).sealing)


async def _all_are_known(load: Load) -> list[str]:
    """The registered persons whom a query by document does not find."""
    async with load.demo.http() as http:
        client = load.demo.client(http)
        missing = []
        for person in load.people:
            query = {"id_type": person.id_type, "id_no": person.id_no}
            reply = await client.call(REGQUERY, query)
            if reply.code != "0000" or reply.biz["user_name"] != person.user_name:
                missing.append(reply.code)
        return missing


async def _under_old_keys(load: Load) -> int:
    """Rows that only a key of version 1 opens or finds."""
    demo = load.demo
    passphrase = (demo.data / "passphrase").read_text().strip()
    keys = open_key_file(demo.data / "keys.json", passphrase)
    old = BlindIndexer(keys.blind_indexes[1])
    connection = await asyncpg.connect(demo.dsn)
    try:
        if keys.sealing_current == 2:
            return int(await connection.fetchval(SEALED_BEFORE, b"\x00\x02"))
        return int(await connection.fetchval(
            INDEXED_BEFORE,
            [old.document(person.id_type, person.id_no) for person in load.people],
            [old.phone(person.mobile_phone) for person in load.people],
        ))  # fmt: skip
    finally:
        await connection.close()
