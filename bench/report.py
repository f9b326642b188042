"""The table for people and the JSON for machines; what was measured is only shown here."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.budgets import BUDGETS, Row, missed
from bench.machine import Circumstances

_COLUMNS: Final = (
    ("method", "<9"), ("conns", ">6"), ("server µs", ">10"), ("PG µs", ">7"), ("budget", ">9"),
    ("requests", ">9"), ("req/s", ">7"), ("p50 ms", ">8"), ("p99 ms", ">8"), ("success %", ">10"),
    ("worker %", ">9"), ("MiB", ">4"),
    ("own µs", ">7"), ("verdict", "<"),
)  # fmt: skip
"""Heading and format of each column; CPU first, for it depends least on who else is busy."""


def circumstances_text(facts: Circumstances) -> str:
    """The lines above the table."""
    postgres = dict(facts.postgres)
    server = postgres.pop("server_version", "")
    settings = ", ".join(f"{name}={value}" for name, value in postgres.items())
    libraries = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    machine = f"{facts.processor}, {facts.cores} cores, {facts.memory_gib} GiB, {facts.system}"
    return "\n".join([
        f"machine     {machine}; load before {facts.load_before:.2f}",
        f"program     {facts.python}, {libraries}",
        f"PostgreSQL  {server}, {settings}" if server else "PostgreSQL  not within reach",
    ])  # fmt: skip


def heading() -> str:
    """The first line of the table."""
    return _line(name for name, _ in _COLUMNS)


def row_text(row: Row) -> str:
    """One line of the table, and one more for each kind of failure."""
    short = missed(row)
    line = _line([
        row.method, row.connections, _figure(row.server_us), _figure(row.postgres_us),
        BUDGETS[row.method], row.requests, f"{row.rate:.0f}", f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}", _percent(row.success), _shares(row.worker_shares),
        _figure(row.worker_mib),
        _figure(row.generator_us), f"MISSED: {', '.join(short)}" if short else "met",
    ])  # fmt: skip
    told = [f"          {count} x {kind}" for kind, count in row.failures.items()]
    return "\n".join([line, *told])


def verdict_text(rows: Sequence[Row]) -> str:
    """The last line."""
    kept = sum(not missed(row) for row in rows)
    return f"{kept} of {len(rows)} rows met their budget"


def write_json(path: Path, *, facts: Circumstances, rows: Sequence[Row]) -> None:
    """Everything that was measured, for comparing two runs."""
    told = [
        {**msgspec.to_builtins(row), "budget": BUDGETS[row.method], "missed": missed(row)}
        for row in rows
    ]
    path.write_bytes(
        msgspec.json.format(msgspec.json.encode({"circumstances": facts, "rows": told})) + b"\n"
    )


def _line(cells: Iterable[object]) -> str:
    return "  ".join(
        f"{cell!s:{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
    ).rstrip()


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _shares(shares: Sequence[float]) -> str:
    """How evenly the workers shared the work, as in 52:48."""
    return ":".join(f"{100 * share:.0f}" for share in shares) or "-"


def _percent(share: float) -> str:
    """Never 100 while anything failed."""
    return "100" if share == 1 else f"{min(100 * share, 99.99):.2f}"
