"""Acts that the owner of the database cuts off before a checkpoint came: the node's marks tell."""

import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.support.client import VERIFY
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes, environment
from tests.support.waiting import until_told

NO_CHECKPOINT_YET = "\n[audit]\ncheckpoint_seconds = 3600\n"
NEWEST_ACT = "select stream, seq from audit_records where action = 'session.open' order by at desc"
NEWEST_FACT = "select stream, seq from usage_facts where kind = 'verify' order by at desc"
CUT = "delete from {table} where stream = $1 and seq = $2"


def _verify(demo: Processes, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "openehc", "audit", "verify", "--data", str(demo.data), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=300
    )


async def _act(demo: Processes) -> None:
    """Somebody's card is used, then somebody signs in: the last that happens."""
    async with demo.http() as http:
        client = demo.client(http)
        card = await client.register(registration(Person.invented()))
        used = await client.call(VERIFY, verification(card["ehealth_code"]))
        assert used.code == "0000"
        told = demo.profile
        form = {"login": told["console_user"], "password": told["console_password"]}
        signed_in = await http.post("/api/session", json=form)
        assert signed_in.status_code == httpx.codes.CREATED, signed_in.text


async def _killed_workers_replaced(demo: Processes) -> None:
    old = {worker.pid for worker in demo.workers()}
    for worker in demo.workers():
        worker.kill()

    async def ready() -> bool:
        new = {worker.pid for worker in demo.workers()}
        if new & old or len(new) < len(old):
            return False
        async with demo.http() as http:
            try:
                return (await http.get("/health/ready")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    await until_told(ready, seconds=180)


async def _cut(demo: Processes) -> list[str]:
    """Cut the newest act and the newest fact as the owner; gives how a check names them."""
    connection = await asyncpg.connect(demo.dsn)
    try:
        named = []
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            for table, newest in (("audit_records", NEWEST_ACT), ("usage_facts", NEWEST_FACT)):
                [(stream, seq), *_] = await connection.fetch(newest)
                await connection.execute(CUT.format(table=table), stream, seq)
                named.append(f"WRONG: {table}, stream {stream}, seq {seq}")
        return named
    finally:
        await connection.close()


@pytest.mark.slow
@pytest.mark.requirement("G2-B-5.3-34")
async def test_acts_cut_off_before_a_checkpoint_came_are_named(
    own_demo: Processes, tmp_path: Path
) -> None:
    own_demo.stop()
    with (own_demo.data / "node.toml").open("a", encoding="utf-8") as settings:
        settings.write(NO_CHECKPOINT_YET)
    own_demo.start()
    await _act(own_demo)
    await _killed_workers_replaced(own_demo)  # marks outlive the processes that wrote them
    before = _verify(own_demo)
    taken_away = shutil.copytree(own_demo.data / "marks", tmp_path / "marks")

    named = await _cut(own_demo)
    cut, blind = _verify(own_demo), _verify(own_demo, "--without-marks")
    elsewhere = _verify(own_demo, "--marks", str(taken_away))

    assert before.returncode == 0, before.stdout + before.stderr
    assert "marks outside the database" in before.stdout
    assert cut.returncode == 1, cut.stdout + cut.stderr
    assert [line for line in named if line not in cut.stdout] == []
    assert "was committed, and it is not there" in cut.stdout
    assert blind.returncode == 0, blind.stdout  # the chains alone cannot tell
    assert elsewhere.returncode == 1
    assert [line for line in named if line not in elsewhere.stdout] == []
