"""What applications use, counted in this worker: rate, daily quota, origin, last success.

A request costs a dict access; the database hears of the sums in intervals and answers with
the sums of all workers (`traffic_store.py`). So the limit on requests a second is exact
where it matters: a worker lets through the part of the limit that it had of all requests
in the last interval, at least an equal share, and a client on one connection gets its
whole limit. The daily quota can be overdrawn by what the other workers admit in one
interval. Knows no message.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from openehc.access.model import Limits
from openehc.kernel.clock import china_day
from openehc.kernel.refusal import Reason, Refusal

MOST_KNOCKS: Final = 200
"""So many different strangers are remembered between two flushes; the rest is not counted."""

KNOCKS: Final = frozenset(
    {Reason.APP_UNKNOWN, Reason.NOT_GRANTED, Reason.NETWORK_FORBIDDEN, Reason.DIGEST_WRONG,
     Reason.CERTIFICATE_FORBIDDEN}
)  # fmt: skip
"""Refusals that say that somebody tries what is not theirs."""


@dataclass(frozen=True, slots=True)
class Used:
    """What one application used since the last flush."""

    app_id: str
    calls: int
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class Knock:
    """Who knocked and was not let in: the name as it was sent, and the reason."""

    app_id: str
    reason: str


@dataclass(slots=True)
class _Bucket:
    """A token bucket; `share` is the part of the limit that this worker may let through."""

    tokens: float
    at: float
    share: float = 1.0

    def take(self, limit: int, now: float) -> bool:
        rate = limit * self.share
        self.tokens = min(self.tokens + (now - self.at) * rate, max(rate, 1.0))
        self.at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


@dataclass(slots=True)
class Traffic:
    """The counters of one worker of `workers`."""

    workers: int = 1
    day: date = date.min
    calls: dict[str, int] = field(default_factory=dict)
    successes: dict[str, datetime] = field(default_factory=dict)
    knocks: dict[Knock, int] = field(default_factory=dict)
    _totals: dict[str, int] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def admit(
        self, app_id: str, limits: Limits | None, *, peer: str, now: datetime, certificate: str = ""
    ) -> Refusal | None:
        """Count a request whose sender is proven, or say what limits it."""
        if limits is not None:
            refusal = _from_elsewhere(limits, peer, certificate)
            refusal = refusal or self._limited(app_id, limits, now=now)
            if refusal:
                return refusal
        self.calls[app_id] = self.calls.get(app_id, 0) + 1
        return None

    def _limited(self, app_id: str, limits: Limits, *, now: datetime) -> Refusal | None:
        if limits.daily_quota is not None:
            self._turn(china_day(now))
            used = self._totals.get(app_id, 0) + self.calls.get(app_id, 0)
            if used >= limits.daily_quota:
                return Refusal(Reason.QUOTA_USED)
        if limits.rate_limit is not None:
            moment = now.timestamp()
            bucket = self._buckets.get(app_id)
            if bucket is None:
                bucket = self._buckets[app_id] = _Bucket(float(limits.rate_limit), moment)
            if not bucket.take(limits.rate_limit, moment):
                return Refusal(Reason.RATE_EXCEEDED)
        return None

    def _turn(self, day: date) -> None:
        """A new day in +08:00 begins with nothing used."""
        if day != self.day:
            self.day, self._totals = day, {}

    def succeeded(self, app_id: str, at: datetime) -> None:
        """Remember a request that was answered well: the application is online."""
        self.successes[app_id] = at

    def refused(self, app_id: str, reason: Reason) -> None:
        """Remember somebody who was not let in."""
        if reason in KNOCKS and app_id:
            knock = Knock(app_id[:64], reason.name.lower())
            if knock in self.knocks or len(self.knocks) < MOST_KNOCKS:
                self.knocks[knock] = self.knocks.get(knock, 0) + 1

    def drain(self) -> tuple[list[Used], dict[Knock, int]]:
        """What was counted since the last drain; counting begins anew."""
        names = self.calls.keys() | self.successes.keys()
        used = [
            Used(name, self.calls.get(name, 0), self.successes.get(name)) for name in sorted(names)
        ]
        knocks = self.knocks
        self.calls, self.successes, self.knocks = {}, {}, {}
        return used, knocks

    def learn(self, day: date, used: list[Used], totals: Mapping[str, int]) -> None:
        """The day's sums over all workers, as they were when `used` was added."""
        self._turn(day)
        own = {one.app_id: one.calls for one in used}
        for app_id, total in totals.items():
            everybody = total - self._totals.get(app_id, 0)
            bucket = self._buckets.get(app_id)
            if bucket and app_id in self._totals and everybody > 0:
                bucket.share = min(max(own[app_id] / everybody, 1 / self.workers), 1.0)
            self._totals[app_id] = total


def _from_elsewhere(limits: Limits, peer: str, certificate: str) -> Refusal | None:
    if limits.networks:
        address = _address(peer)
        if address is None or not any(address in network for network in limits.networks):
            return Refusal(Reason.NETWORK_FORBIDDEN)
    if limits.certificates and certificate not in limits.certificates:
        return Refusal(Reason.CERTIFICATE_FORBIDDEN)
    return None


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one also where it comes wrapped in IPv6; None when there is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
