"""Fetches `https://domain/EHCI_KEY` (材料一 7.2) without becoming anybody's tool.

The domain is what an applicant wrote, so the request must not reach the platform's own
networks: every address of the domain has to be one of the internet, the connection goes to
the very address that was looked at, and no redirect is followed. Size and time are bounded.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

PATH: Final = "/EHCI_KEY"
LARGEST: Final = 16 * 1024
SECONDS: Final = 5.0
_OK: Final = 200
_ABSENT: Final = frozenset({404, 410})

Address = IPv4Address | IPv6Address


def of_the_internet(address: Address) -> bool:
    """Whether an address is one that everybody can reach."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_global and not address.is_multicast


@cache
def _trust_of_the_system() -> ssl.SSLContext:
    """Read once: the authorities that a system trusts are many."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class HttpsNumberFiles:
    """`NumberFiles` over HTTPS; the arguments are for nodes in closed networks, and for tests."""

    reachable: Callable[[Address], bool] = of_the_internet
    tls: ssl.SSLContext | None = field(default_factory=_trust_of_the_system)
    port: int = 443

    async def text(self, domain: str) -> str | None:
        """As `NumberFiles`."""
        try:
            async with asyncio.timeout(SECONDS):
                address = await self._address(domain)
                if address is None:
                    return None
                return _text_of(await self._response(domain, address))
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            return None

    async def _address(self, domain: str) -> str | None:
        """One of the domain's addresses, if all of them may be asked."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(domain, self.port, type=1)
        addresses = [str(place[4][0]) for place in found]
        if not addresses or not all(self.reachable(ip_address(one)) for one in addresses):
            return None
        return addresses[0]

    async def _response(self, domain: str, address: str) -> bytes:
        name = domain if self.tls else None
        reader, writer = await asyncio.open_connection(
            address, self.port, ssl=self.tls, server_hostname=name
        )
        try:
            # HTTP/1.0: the body ends with the connection and never comes in chunks
            request = f"GET {PATH} HTTP/1.0\r\nHost: {domain}\r\nAccept: */*\r\n\r\n"
            writer.write(request.encode("ascii"))
            await writer.drain()
            received = b""
            while len(received) <= LARGEST:
                more = await reader.read(LARGEST)
                if not more:
                    return received
                received += more
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()
        raise ValueError("the file is too large")


def _text_of(response: bytes) -> str:
    """The body of a good answer, "" when there is no such file; raises ValueError."""
    head, _, body = response.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.") else 0
    if status in _ABSENT:
        return ""
    if status != _OK:
        raise ValueError("no good answer")
    return body.decode("utf-8")
