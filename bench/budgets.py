"""What a request may cost, and whether a measured row kept to it.

The figures are the product's own promise for a machine of two cores. Measures nothing.
"""

from dataclasses import dataclass
from typing import Final

from bench.messages import LoadMethod

CROWD: Final = 1_000
"""From so many connections on the latency is judged too."""

P99_MS: Final = 300.0
WORKER_MIB: Final = 150.0


@dataclass(frozen=True, slots=True)
class Budget:
    """CPU microseconds that one request may cost."""

    server_us: float
    postgres_us: float

    def __str__(self) -> str:
        """As the table prints it."""
        return f"{self.server_us:.0f} + {self.postgres_us:.0f}"


_READING: Final = Budget(server_us=100, postgres_us=45)
BUDGETS: Final = {
    LoadMethod.REGISTER: Budget(
        server_us=2 * _READING.server_us, postgres_us=2 * _READING.postgres_us
    ),
    LoadMethod.GENERATE: _READING,
    LoadMethod.VERIFY: _READING,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One measured line; a figure that could not be measured is None.

    `success` is a share (0 to 1), CPU is in microseconds for each answered request,
    `worker_shares` are the parts of the workers' CPU that each worker used, largest first.
    """

    method: LoadMethod
    connections: int
    requests: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    success: float
    failures: dict[str, int]
    server_us: float | None
    postgres_us: float | None
    generator_us: float
    worker_mib: float | None
    worker_shares: tuple[float, ...]


def missed(row: Row) -> list[str]:
    """What the row fell short of, as short texts; empty when the budget is met.

    Figures that could not be measured are not judged.
    """
    budget = BUDGETS[row.method]
    short = []
    if row.server_us is not None and row.server_us > budget.server_us:
        short.append(f"server {row.server_us / budget.server_us:.2f}x")
    if row.postgres_us is not None and row.postgres_us > budget.postgres_us:
        short.append(f"PostgreSQL {row.postgres_us / budget.postgres_us:.2f}x")
    if row.success < 1:
        short.append("success")
    if row.connections >= CROWD and row.p99_ms > P99_MS:
        short.append(f"p99 {row.p99_ms / P99_MS:.2f}x")
    if row.worker_mib is not None and row.worker_mib > WORKER_MIB:
        short.append(f"memory {row.worker_mib / WORKER_MIB:.2f}x")
    return short
