"""Where a request came from, also behind a load balancer.

The header X-Forwarded-For is believed only from the proxies that the node was told of,
and only as far as they wrote it: from the right, up to the first address that is none of
them. Anybody can send such a header; nobody else is believed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_HEADER: Final = b"x-forwarded-for"
_LONGEST: Final = 1000

Network = IPv4Network | IPv6Network
Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class PeerFinder:
    """Finds the address of the party behind the trusted proxies."""

    trusted: tuple[Network, ...] = field(default=())

    def of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        """The IP address as text; "" when the server does not know it."""
        peer: str = client[0] if client else ""
        if not self.trusted or not self.is_trusted(peer):
            return peer
        for hop in reversed(_forwarded(headers)):
            if not self.is_trusted(hop):
                return hop
        return peer

    def is_trusted(self, text: str) -> bool:
        """Whether this is the address of one of the proxies."""
        address = _address(text)
        return address is not None and any(address in network for network in self.trusted)


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _forwarded(headers: Headers) -> list[str]:
    values = [value for name, value in headers if name.lower() == _HEADER]
    text = b",".join(values)[-_LONGEST:].decode("ascii", "replace")
    return [hop.strip() for hop in text.split(",") if hop.strip()]
