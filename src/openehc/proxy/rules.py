"""Who is let in and what may be called, as pure decisions (材料一 9.5)."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Final

from openehc.crypto.remote.calls import Call
from openehc.proxy.model import Address, Caller, Denial, Network, Reason

WINDOW: Final = timedelta(seconds=60)
"""How far a caller's clock may be from the proxy's."""

MOST_NETWORKS: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class UnfitCaller(ValueError):
    """An entry for the allow-list that makes no sense; the text says what is expected."""


def denial_of_caller(caller: Caller | None, *, source: Address) -> Denial | None:
    """Why this caller gets no answer at this address; None when it does."""
    if caller is None:
        return Denial(Reason.CALLER_UNKNOWN)
    if caller.revoked_at is not None:
        return Denial(Reason.CALLER_REVOKED, caller.name)
    if not any(source in network for network in caller.networks):
        return Denial(Reason.SOURCE_WRONG, caller.name)
    return None


def timely(said: datetime, *, now: datetime) -> bool:
    """Whether a time in a message is near enough to ours."""
    return abs(now - said) <= WINDOW


def may(caller: Caller, call: Call) -> bool:
    """Whether the caller may make this call: each is granted by itself (材料一 9.5)."""
    return call in caller.calls


def fit_name(text: str) -> str:
    """A caller's name; raises `UnfitCaller`."""
    if not _NAME.fullmatch(text):
        raise UnfitCaller("a name has 1 to 64 letters, digits, dots, dashes and underscores")
    return text


def fit_calls(words: Iterable[str]) -> frozenset[Call]:
    """The calls that these words name, one at least; raises `UnfitCaller`."""
    try:
        calls = frozenset(Call(word.strip()) for word in words)
    except ValueError:
        raise UnfitCaller(f"calls are {', '.join(Call)}") from None
    if not calls:
        raise UnfitCaller("a caller that may call nothing is not allowed but revoked")
    return calls


def fit_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """The networks in CIDR notation, or single addresses; raises `UnfitCaller`."""
    networks = []
    for word in words:
        try:
            networks.append(ip_network(word.strip()))
        except ValueError:
            raise UnfitCaller(f"{word[:60]!r} is no network like 10.1.0.0/24") from None
    if not 1 <= len(networks) <= MOST_NETWORKS:
        raise UnfitCaller(f"1 to {MOST_NETWORKS} networks are expected")
    return tuple(networks)
