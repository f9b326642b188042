"""A thousand users at the same moment, on one server of two workers (材料二 附录B 5.2).

Each of a thousand connections sends a request at once. What is answered later than three
seconds, or not with success, counts against the share; what the node used of processors and
memory in those three seconds counts against theirs.

The machine may do other things: the time in which others had its processors is added to the
three seconds, and one good try of several is enough.
"""

import os
import secrets
from asyncio import Runner
from collections.abc import Iterator
from typing import Final

import psutil
import pytest

from bench.budgets import Row
from bench.measuring import Bench, Stock
from bench.messages import Desk, LoadMethod
from bench.node import BenchedNode, NoNode, own_demo, raise_file_limit
from bench.residents import HOW_MANY
from openehc.kernel.clock import SystemClock

USERS: Final = 1000
ANSWER_MS: Final = 3000
LEAST_SUCCESS: Final = 0.99
MOST_USED: Final = 0.85
TRIES: Final = 5
STOCK_SECONDS: Final = 120

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node() -> Iterator[BenchedNode]:
    raise_file_limit(files=USERS + 200)
    with own_demo(workers=2) as demo:
        yield demo


@pytest.fixture(scope="module")
def bench(node: BenchedNode) -> Bench:
    desk = Desk(node.who, node.gateway_url, run=secrets.token_hex(8))
    return Bench(node, desk, SystemClock(), Stock(next_number=secrets.randbelow(HOW_MANY)))


@pytest.mark.requirement("G1-9.4-14")
@pytest.mark.parametrize(
    "method",
    [
        pytest.param(LoadMethod.REGISTER, marks=pytest.mark.requirement("G2-B-5.2-1")),
        pytest.param(LoadMethod.GENERATE, marks=pytest.mark.requirement("G2-B-5.2-2")),
        pytest.param(LoadMethod.VERIFY, marks=pytest.mark.requirement("G2-B-5.2-3")),
    ],
)
def test_a_thousand_users_are_served_within_three_seconds(
    bench: Bench, node: BenchedNode, method: LoadMethod
) -> None:
    assert node.processes

    short = ["not tried"]
    with Runner() as runner:
        for _ in range(TRIES):
            short = runner.run(_tried(bench, method))
            if not short:
                break

    held = sum(process.memory_info().rss for process in _family(node.processes.pid))
    assert short == []
    assert held / psutil.virtual_memory().total <= MOST_USED


async def _tried(bench: Bench, method: LoadMethod) -> list[str]:
    """What one salvo fell short of, as short texts."""
    try:
        await bench.stock_up(method, count=USERS, seconds=STOCK_SECONDS)
        before = _busy_seconds()
        row = await bench.salvo(method, connections=USERS)
        busy = _busy_seconds() - before
    except NoNode as wrong:  # on a machine that is too busy, codes could not be made beforehand
        return [str(wrong)]
    others = max(0.0, busy - _own_seconds(row)) / (os.cpu_count() or 1)
    found = {
        f"{row.requests} requests": row.requests == USERS,
        f"success {row.success:.1%}: {row.failures}": row.success >= LEAST_SUCCESS,
        f"p99 {row.p99_ms:.0f} ms, {others:.2f} s for others": (
            row.p99_ms <= ANSWER_MS + others * 1000
        ),
        f"processors {_processors_used(row):.2f}": _processors_used(row) <= MOST_USED,
    }
    return [what for what, fine in found.items() if not fine]


def _busy_seconds() -> float:
    """What all processors of the machine worked so far, for whomever; a host's theft counts."""
    times = psutil.cpu_times()
    return float(sum(times)) - times.idle - getattr(times, "iowait", 0.0)


def _own_seconds(row: Row) -> float:
    """What the node, its database and the thousand users took."""
    return ((row.server_us or 0) + (row.postgres_us or 0) + row.generator_us) * row.requests / 1e6


def _processors_used(row: Row) -> float:
    """The share of this machine's processors that the node took in the three seconds."""
    assert row.server_us
    assert row.postgres_us
    seconds = (row.server_us + row.postgres_us) * row.requests / 1e6
    return seconds / (ANSWER_MS / 1000 * (os.cpu_count() or 1))


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
