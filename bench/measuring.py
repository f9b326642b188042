"""From a node and an order to measured rows: stock up, warm up, measure.

A verification needs a code that was issued just before, a code needs a resident with a
card: what earlier rows left is used, what is missing is made unmeasured.
"""

import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, islice
from time import process_time
from typing import Final, TypeVar

from bench.budgets import Row
from bench.connections import Crowd, Drive
from bench.messages import Desk, Issued, LoadMethod, Registered
from bench.node import BenchedNode, NoNode
from bench.processes import CpuSeconds, NodeProcesses
from openehc.kernel.clock import Clock

WARM_UP_SECONDS: Final = 1.0
WARM_UP_MESSAGES: Final = 8_000
WARM_UP_MESSAGES_EACH: Final = 125
"""How many a connection sends at most while warming up, for a bench of few connections."""

HOLDERS: Final = 10_000
"""Generations go round at least so many residents, unless fewer are sent."""

CODES: Final = 60_000
"""Verifications go round at least so many fresh codes, unless fewer are sent."""

STOCKING_CONNECTIONS: Final = 64
_PORTION: Final = 10_000
_PORTION_SECONDS: Final = 120.0
_RESERVE: Final = 1.8
"""How many more messages are made than the warm-up's rate would send."""

_CHECK_EVERY: Final = 64
_MARGIN: Final = timedelta(seconds=30)
_MICRO: Final = 1e6


@dataclass(slots=True)
class Stock:
    """What the node holds for us: the next unborn resident, cards, and codes that still live."""

    next_number: int
    holders: list[Registered] = field(default_factory=list)
    codes: list[Issued] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """One node under measurement."""

    node: BenchedNode
    desk: Desk
    clock: Clock
    stock: Stock

    async def row(self, method: LoadMethod, *, connections: int, seconds: float) -> Row:
        """Drive one method over so many connections."""
        await self.stock_up(method, count=_warm_up_messages(connections), seconds=WARM_UP_SECONDS)
        async with self._crowd(connections) as crowd:
            rate = await self._warm_up(method, crowd)
            count = max(connections, int(rate * seconds * _RESERVE))
            await self.stock_up(method, count=count, seconds=seconds)
            return await self._measured(method, crowd, count=count, seconds=seconds)

    async def salvo(self, method: LoadMethod, *, connections: int) -> Row:
        """Send one message over each of so many connections at the same moment."""
        await self.stock_up(method, count=connections, seconds=_PORTION_SECONDS)
        async with self._crowd(connections) as crowd:
            return await self._measured(method, crowd, count=connections, seconds=_PORTION_SECONDS)

    @asynccontextmanager
    async def _crowd(self, connections: int) -> AsyncIterator[Crowd]:
        host, port = self.node.address
        crowd = await Crowd.connect(host=host, port=port, count=connections, tls=self.node.tls)
        try:
            yield crowd
        finally:
            await crowd.close()

    async def _warm_up(self, method: LoadMethod, crowd: Crowd) -> float:
        """Requests in a second: every worker has its connections and statements after it."""
        count = _warm_up_messages(len(crowd.clients))
        return (await self._drive(method, crowd, count=count, seconds=WARM_UP_SECONDS)).rate

    async def _measured(
        self, method: LoadMethod, crowd: Crowd, *, count: int, seconds: float
    ) -> Row:
        meter = _Meter(self.node.processes)
        drive = await self._drive(method, crowd, count=count, seconds=seconds, meter=meter)
        answered = max(1, len(drive.latencies))
        return Row(
            method=method,
            connections=len(crowd.clients),
            requests=drive.sent,
            seconds=drive.elapsed,
            rate=drive.rate,
            p50_ms=drive.latency(0.5),
            p99_ms=drive.latency(0.99),
            success=drive.succeeded / max(1, drive.sent),
            failures=dict(Counter(drive.failures).most_common()),
            server_us=meter.server and meter.server / answered * _MICRO,
            postgres_us=meter.postgres and meter.postgres / answered * _MICRO,
            generator_us=meter.generator / answered * _MICRO,
            worker_mib=meter.worker_mib,
            worker_shares=meter.worker_shares,
        )

    async def _drive(
        self, method: LoadMethod, crowd: Crowd, *, count: int, seconds: float,
        meter: "_Meter | None" = None,
    ) -> Drive:  # fmt: skip
        """Send up to `count` messages, and put what the replies gave into the stock."""
        match method:
            case LoadMethod.REGISTER:
                return await self._register(crowd, count, seconds, meter)
            case LoadMethod.GENERATE:
                return await self._generate(crowd, count, seconds, meter)
            case LoadMethod.VERIFY:
                return await self._verify(crowd, count, seconds, meter)

    async def _register(
        self, crowd: Crowd, count: int, seconds: float, meter: "_Meter | None"
    ) -> Drive:
        first = self.stock.next_number
        numbers = range(first, first + count)
        messages = list(self.desk.registrations(numbers, now=self.clock.now()))
        drive = await _driven(crowd, messages, seconds, keep_every=1, meter=meter)
        self.stock.next_number += drive.sent
        self.stock.holders += [
            self.desk.registered(reply, number=numbers[index])
            for index, reply in drive.replies.items()
        ]
        return drive

    async def _generate(
        self, crowd: Crowd, count: int, seconds: float, meter: "_Meter | None"
    ) -> Drive:
        holders = _turned(self.stock.holders, count)
        now = self.clock.now()
        messages = list(self.desk.generations(holders, now=now))
        drive = await _driven(crowd, messages, seconds, keep_every=1, meter=meter)
        self.stock.codes += [
            self.desk.issued(reply, holder=holders[index], now=now)
            for index, reply in drive.replies.items()
        ]
        return drive

    async def _verify(
        self, crowd: Crowd, count: int, seconds: float, meter: "_Meter | None"
    ) -> Drive:
        codes = _turned(self.stock.codes, count)
        messages = list(self.desk.verifications(codes, now=self.clock.now()))
        drive = await _driven(crowd, messages, seconds, keep_every=_CHECK_EVERY, meter=meter)
        for index, reply in drive.replies.items():
            self.desk.require_identified(reply, code=codes[index])
        return drive

    async def stock_up(self, method: LoadMethod, *, count: int, seconds: float) -> None:
        """Make what `count` requests in the next `seconds` need, over connections of its own."""
        if method is LoadMethod.REGISTER:
            return
        stock = self.stock
        async with self._crowd(STOCKING_CONNECTIONS) as crowd:
            await self._fill(LoadMethod.REGISTER, crowd, min(HOLDERS, count) - len(stock.holders))
            if method is LoadMethod.VERIFY:
                least = self.clock.now() + timedelta(seconds=seconds) + _MARGIN
                stock.codes[:] = [code for code in stock.codes if code.until > least]
                await self._fill(LoadMethod.GENERATE, crowd, min(CODES, count) - len(stock.codes))

    async def _fill(self, method: LoadMethod, crowd: Crowd, count: int) -> None:
        for done in range(0, count, _PORTION):
            portion = min(_PORTION, count - done)
            drive = await self._drive(method, crowd, count=portion, seconds=_PORTION_SECONDS)
            if drive.succeeded < portion:
                raise NoNode(
                    f"the node did not {method} what the bench needs: {drive.succeeded} of "
                    f"{portion} in {drive.elapsed:.0f} s; {dict(drive.failures)}"
                )


def _warm_up_messages(connections: int) -> int:
    return min(WARM_UP_MESSAGES, WARM_UP_MESSAGES_EACH * connections)


Thing = TypeVar("Thing")


def _turned(things: list[Thing], count: int) -> list[Thing]:
    """`count` of the things from the front, which go to the back; again from the first if few."""
    taken = list(islice(cycle(things), count))
    shift = count % len(things)
    things[:] = things[shift:] + things[:shift]
    return taken


async def _driven(
    crowd: Crowd, messages: Sequence[bytes], seconds: float, *, keep_every: int,
    meter: "_Meter | None",
) -> Drive:  # fmt: skip
    if meter is None:
        return await crowd.drive(messages, seconds=seconds, keep_every=keep_every)
    with meter.measuring():
        return await crowd.drive(messages, seconds=seconds, keep_every=keep_every)


@dataclass(slots=True)
class _Meter:
    """CPU seconds that were used while it measured; None where they cannot be known."""

    processes: NodeProcesses | None
    server: float | None = None
    postgres: float | None = None
    generator: float = 0.0
    worker_mib: float | None = None
    worker_shares: tuple[float, ...] = ()

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure the block; our own garbage collector keeps still meanwhile."""
        gc.collect()
        gc.freeze()
        gc.disable()
        workers = self.processes.worker_cpu() if self.processes else {}
        before = self.processes.cpu() if self.processes else _NOTHING
        own = process_time()
        try:
            yield
        finally:
            self.generator = process_time() - own
            if self.processes:
                used = self.processes.cpu().since(before)
                self.server, self.postgres = used.server, used.postgres
                self.worker_mib = self.processes.largest_worker()
                self.worker_shares = _shares(workers, self.processes.worker_cpu())
            gc.enable()
            gc.unfreeze()


_NOTHING: Final = CpuSeconds(0.0, None)


def _shares(before: dict[int, float], after: dict[int, float]) -> tuple[float, ...]:
    """The parts of the workers' time, largest first; helpers that did nothing are left out."""
    used = [seconds - before.get(pid, 0.0) for pid, seconds in after.items()]
    total = sum(used)
    return tuple(sorted((part / total for part in used if part > 0), reverse=True))
