"""Whose address counts: the connection's, or what a trusted proxy says."""

from ipaddress import ip_network

import pytest

from openehc.gateway.peer import PeerFinder

PROXIES = (ip_network("10.0.0.0/24"), ip_network("127.0.0.0/8"))


def found_by(finder: PeerFinder, peer: str | None, *forwarded: str) -> str:
    headers = [(b"X-Forwarded-For", text.encode()) for text in forwarded]
    return finder.of((peer, 4711) if peer else None, headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.0.0.5", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.5", ("192.0.2.66, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.5", ("198.51.100.1, 10.0.0.6",), "198.51.100.1"),
        ("10.0.0.5", ("192.0.2.66", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.5", (), "10.0.0.5"),
        ("10.0.0.5", ("junk",), "junk"),
        (None, ("198.51.100.1",), ""),
    ],
)
def test_only_trusted_proxies_name_another(
    peer: str | None, forwarded: tuple[str, ...], found: str
) -> None:
    assert found_by(PeerFinder(PROXIES), peer, *forwarded) == found


def test_without_proxies_nobody_is_believed() -> None:
    assert found_by(PeerFinder(), "10.0.0.5", "198.51.100.1") == "10.0.0.5"
