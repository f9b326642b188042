"""Where a request came from, when proxies stand between."""

from types import SimpleNamespace
from typing import Final

import pytest
from starlette.requests import Request

from openehc.console.api.guards import address_of

PROXIES: Final = frozenset({"10.0.0.5", "10.0.0.6"})


def request(peer: str | None, *forwarded: str) -> Request:
    """A request from a peer with these X-Forwarded-For headers."""
    headers = [(b"x-forwarded-for", one.encode("latin-1")) for one in forwarded]
    app = SimpleNamespace(state=SimpleNamespace(proxies=PROXIES))
    client = (peer, 5000) if peer else None
    return Request({"type": "http", "headers": headers, "client": client, "app": app})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("1.2.3.4", (), "1.2.3.4"),
        ("1.2.3.4", ("9.9.9.9",), "1.2.3.4"),
        ("10.0.0.5", ("9.9.9.9",), "9.9.9.9"),
        ("10.0.0.5", ("9.9.9.9, 8.8.8.8",), "8.8.8.8"),
        ("10.0.0.5", ("9.9.9.9", "8.8.8.8, 10.0.0.6"), "8.8.8.8"),
        ("10.0.0.5", ("2001:DB8::1",), "2001:db8::1"),
        ("10.0.0.5", ("9.9.9.9, garbage",), "10.0.0.5"),
        ("10.0.0.5", ("10.0.0.6",), "10.0.0.5"),
        ("10.0.0.5", (), "10.0.0.5"),
        (None, (), ""),
    ],
)
def test_the_last_address_that_is_no_proxys_counts(
    peer: str | None, forwarded: tuple[str, ...], address: str
) -> None:
    assert address_of(request(peer, *forwarded)) == address
