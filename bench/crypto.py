"""`python -m bench --crypto`: calls of the crypto module, in process and through the front proxy.

材料二 附录F 三: 1,000 concurrent calls are answered within a second. Here 1,000 calls start
at the same moment, again and again: over the few connections of one calling node, and over
1,000 connections, each with a session of its own. Machines and libraries are not measured.
"""

import asyncio
import gc
import math
from asyncio import Runner
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

import click
import msgspec
import uvloop

from bench.machine import circumstances
from bench.processes import CpuSeconds, NodeProcesses
from bench.proxy_node import BenchedProxy, own_proxy
from bench.report import circumstances_text
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.lane import Patience
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.kernel.refusal import CryptoModuleDown

CROWD: Final = 1_000
SLOWEST_MS: Final = 1_000.0
OWN_BUDGET_US: Final = {"make_ehcid": 8.0, "check_valid": 2.0}
_OWN_CALLS: Final = 20_000
_OWN_ROUNDS: Final = 5
_OPENING: Final = 50
_MICRO: Final = 1e6
_EXPIRES: Final = datetime(2030, 1, 1, tzinfo=UTC)
_MINDEX: Final = "0123456789ABCDEF" * 4

OneCall = Callable[[CryptoModule, int], Awaitable[object]]

_SOFT: Final = SoftCryptoModule(PUBLIC_TEST_KEYS)
_EHCIDS: Final[list[bytes]] = []
_VALIDS: Final[list[str]] = []

CALLS: Final[Mapping[str, OneCall]] = {
    "make_mindex_id": lambda module, i: module.make_mindex_id("99", f"B{i}", "测试甲"),
    "make_ehcid": lambda module, i: module.make_ehcid("99", f"B{i}", _MINDEX),
    "open_ehcid": lambda module, i: module.open_ehcid(_EHCIDS[i % CROWD], _MINDEX),
    "make_valid": lambda module, i: module.make_valid(_EXPIRES + timedelta(seconds=i)),
    "check_valid": lambda module, i: module.open_valid(_VALIDS[i % CROWD]),
}


@dataclass(frozen=True, slots=True)
class OwnRow:
    """CPU of one call of the soft module in this process, in microseconds."""

    call: str
    us: float


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """Rounds of `CROWD` calls at once; times in milliseconds, CPU for each call."""

    call: str
    connections: int
    calls: int
    rate: float
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    success: float
    server_us: float
    postgres_us: float


def missed(row: OwnRow | ProxyRow) -> str:
    """What the row fell short of; empty when nothing."""
    if isinstance(row, OwnRow):
        limit = OWN_BUDGET_US.get(row.call, math.inf)
        return f"{row.us / limit:.2f}x" if row.us > limit else ""
    if row.success < 1:
        return "success"
    return f"{row.slowest_ms / SLOWEST_MS:.2f}x" if row.slowest_ms > SLOWEST_MS else ""


def measure(*, workers: int, seconds: float, target: Path | None) -> int:
    """Print both tables; returns how many rows missed their budget."""
    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        click.echo(circumstances_text(runner.run(circumstances(None))))
        runner.run(_prepare())
        click.echo("\nsoft module, in process\n\ncall              CPU µs  budget")
        own = [runner.run(_own_row(call)) for call in CALLS]
        for one in own:
            limit = OWN_BUDGET_US.get(one.call, "-")
            click.echo(f"{one.call:<16}  {one.us:>6.2f}  {limit!s:>6}  {_verdict(one)}")
        click.echo("\nstarting a front proxy ...")
        with own_proxy(workers=workers) as proxy:
            rows = runner.run(_proxy_rows(proxy, seconds))
    if target:
        told = msgspec.json.encode({"soft": own, "proxy": rows})
        target.write_bytes(msgspec.json.format(told) + b"\n")
    return sum(bool(missed(one)) for one in own) + sum(bool(missed(row)) for row in rows)


def _verdict(row: OwnRow | ProxyRow) -> str:
    short = missed(row)
    return f"MISSED: {short}" if short else "met"


async def _prepare() -> None:
    """What opening and checking needs; each differs."""
    for i in range(CROWD):
        _EHCIDS.append(await _SOFT.make_ehcid("99", f"B{i}", _MINDEX))
        _VALIDS.append(await _SOFT.make_valid(_EXPIRES + timedelta(seconds=i)))


async def _own_row(call: str) -> OwnRow:
    """The best of a few rounds: other programs only make it worse."""
    make, best = CALLS[call], math.inf
    for _ in range(_OWN_ROUNDS):
        gc.collect()
        begun = process_time()
        for i in range(_OWN_CALLS):
            await make(_SOFT, i)
        best = min(best, process_time() - begun)
    return OwnRow(call, best / _OWN_CALLS * _MICRO)


async def _proxy_rows(proxy: BenchedProxy, seconds: float) -> list[ProxyRow]:
    click.echo(f"\nfront proxy, rounds of {CROWD} calls at once\n")
    click.echo(
        "call              conns    calls  calls/s  p50 ms  p99 ms  slowest  success %"
        "  server µs  PG µs  verdict"
    )
    patience = Patience(connect=60.0, answer=60.0)
    one = ProxyCryptoModule(proxy.party, patience=patience)
    rows = [await _shown(call, [one], proxy.processes, seconds) for call in CALLS]
    await one.close()
    many = [ProxyCryptoModule(proxy.party, lanes=1, patience=patience) for _ in range(CROWD)]
    for start in range(0, CROWD, _OPENING):  # sessions stand before the clock starts
        await asyncio.gather(*(module.health() for module in many[start : start + _OPENING]))
    rows += [await _shown(call, many, proxy.processes, seconds) for call in CALLS]
    for module in many:
        await module.close()
    return rows


async def _shown(
    call: str, modules: Sequence[ProxyCryptoModule], processes: NodeProcesses, seconds: float
) -> ProxyRow:
    await _round(call, modules)  # warm
    gc.collect()
    before, latencies, begun = processes.cpu(), list[float](), perf_counter()
    while perf_counter() - begun < seconds:
        latencies += await _round(call, modules)
    elapsed, used = perf_counter() - begun, processes.cpu().since(before)
    row = _row(call, latencies, elapsed, used, connections=4 if len(modules) == 1 else CROWD)
    click.echo(
        f"{call:<16}  {row.connections:>5}  {row.calls:>7}  {row.rate:>7.0f}  {row.p50_ms:>6.0f}"
        f"  {row.p99_ms:>6.0f}  {row.slowest_ms:>7.0f}  {100 * row.success:>9.2f}"
        f"  {row.server_us:>9.0f}  {row.postgres_us:>5.0f}  {_verdict(row)}"
    )
    return row


async def _round(call: str, modules: Sequence[ProxyCryptoModule]) -> list[float]:
    """Seconds that each of the calls took; infinite for one that failed."""
    make = CALLS[call]

    async def timed(i: int) -> float:
        begun = perf_counter()
        try:
            answer = await make(modules[i % len(modules)], i)
        except CryptoModuleDown:
            return math.inf
        return math.inf if answer is None else perf_counter() - begun

    return list(await asyncio.gather(*(timed(i) for i in range(CROWD))))


def _row(
    call: str, latencies: list[float], elapsed: float, used: CpuSeconds, *, connections: int
) -> ProxyRow:
    ranked = sorted(latencies)
    count = len(ranked)
    return ProxyRow(
        call=call,
        connections=connections,
        calls=count,
        rate=count / elapsed,
        p50_ms=1000 * ranked[count // 2],
        p99_ms=1000 * ranked[math.ceil(0.99 * count) - 1],
        slowest_ms=1000 * ranked[-1],
        success=sum(math.isfinite(one) for one in ranked) / count,
        server_us=used.server / count * _MICRO,
        postgres_us=(used.postgres or 0.0) / count * _MICRO,
    )
