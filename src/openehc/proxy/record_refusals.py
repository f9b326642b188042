"""Records of refused messages: counted, so that a flood cannot fill a table that only grows.

Of one claimed caller, network of addresses and reason at most one record a second, with the
number of refusals since the last one. A caller is named only when it is on the allow-list;
what else a refused message says is not kept. The refusal itself never waits for its record:
what cannot be written now stays counted and is tried again. A lost connection may leave a
record that was written after all; then those refusals are told twice rather than never.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Final

from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.kernel.clock import Clock
from openehc.proxy.model import Address, Denial, Reason
from openehc.proxy.record_calls import OBJECT_KIND, Trail
from openehc.proxy.telling import TroubleLines

ACTION: Final = "crypto.refusal"
PAUSE_SECONDS: Final = 1.0
CLOSING_SECONDS: Final = 5.0
MOST_KINDS: Final = 64
"""So many are told apart at a time; behind them, networks are not told apart any more."""

_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What shares a record; `network` is empty where it is not told apart."""

    caller: str
    network: str
    reason: Reason


@dataclass(slots=True)
class _Tally:
    """Refusals of one kind that are not recorded yet; `address` is where the last came from."""

    address: str
    first: datetime
    last: datetime
    count: int = 1

    def add(self, other: "_Tally") -> None:
        """Count those too."""
        if other.last >= self.last:
            self.address, self.last = other.address, other.last
        self.first = min(self.first, other.first)
        self.count += other.count


@dataclass(slots=True)
class RecordRefusals:
    """`RefusalRecorder` over the audit trail; for one event loop, and wants closing."""

    trail: Trail
    clock: Clock
    trouble: TroubleLines = field(default_factory=TroubleLines)
    pause: float = PAUSE_SECONDS
    _counted: dict[_Kind, _Tally] = field(default_factory=dict)
    _writing: "asyncio.Task[None] | None" = None
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, denial: Denial, *, source: Address | None) -> None:
        """Count a refusal; it is recorded within `pause` seconds. Raises nothing."""
        now = self.clock.now()
        kind = _Kind(denial.caller, _network(source), denial.reason)
        self._count(kind, _Tally("" if source is None else str(source), now, now))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(
                self._keep_writing(), name="refusal-records"
            )

    async def close(self) -> None:
        """Write what is counted; what cannot be written by now is told in the log."""
        self._closing.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                if self._writing is not None:
                    await self._writing
                await self._write()
        if lost := sum(tally.count for tally in self._counted.values()):
            self.trouble.tell(f"{lost} refusals were not recorded")

    async def _keep_writing(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._counted and not self._closing.is_set():
                due = loop.time() + self.pause
                await self._write()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await self._closing.wait()
        finally:
            self._writing = None

    async def _write(self) -> None:
        """One record of each kind, side by side: they share a commit."""
        taken, self._counted = self._counted, {}
        await asyncio.gather(*(self._record(kind, tally) for kind, tally in taken.items()))

    async def _record(self, kind: _Kind, tally: _Tally) -> None:
        try:
            await self.trail.record(_event(kind, tally))
        except Exception as failure:  # noqa: BLE001 (whatever it is, the count must not be lost)
            self._count(kind, tally)
            self.trouble.tell("refusals cannot be recorded yet", detail=str(failure))
        except asyncio.CancelledError:
            self._count(kind, tally)
            raise

    def _count(self, kind: _Kind, tally: _Tally) -> None:
        if kind not in self._counted and len(self._counted) >= MOST_KINDS:
            kind = replace(kind, network="")
        if before := self._counted.get(kind):
            before.add(tally)
        else:
            self._counted[kind] = tally


def _network(source: Address | None) -> str:
    """The network whose addresses count as one: whoever has one of them often has them all."""
    if source is None:
        return ""
    if isinstance(source, IPv4Address):
        return str(IPv4Network((int(source), _IPV4_PREFIX), strict=False))
    return str(IPv6Network((int(source), _IPV6_PREFIX), strict=False))


def _event(kind: _Kind, tally: _Tally) -> AuditEvent:
    """The record of these refusals; times in milliseconds since 1970."""
    return AuditEvent(
        category=Category.SECURITY, action=ACTION,
        actor=Actor(ActorKind.APPLICATION, kind.caller, tally.address), at=tally.last,
        object_kind=OBJECT_KIND, result=kind.reason.name.lower(),
        after={
            "refusals": tally.count, "network": kind.network,
            "first": (tally.first - _EPOCH) // _MILLISECOND,
            "last": (tally.last - _EPOCH) // _MILLISECOND,
        },
    )  # fmt: skip
