"""The certificate of which a proxy in front tells: whose word counts, and in which form."""

import base64
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import quote

import pytest

from openehc.gateway.certificate import LONGEST_HEADER, ForwardedCertificate
from openehc.gateway.peer import PeerFinder
from tests.support.tls_authority import Party, TlsAuthority

FORWARDED = ForwardedCertificate(PeerFinder((ip_network("10.0.0.5/32"),)))
PROXY = "10.0.0.5"


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Party:
    return TlsAuthority(tmp_path_factory.mktemp("authority")).party("hospital")


def escaped(party: Party) -> bytes:
    """The form of nginx's $ssl_client_escaped_cert."""
    return quote(party.pem.read_text("ascii"), safe="-").encode()


def told(*values: bytes, peer: str | None = PROXY) -> str:
    headers = [(b"X-Client-Cert", value) for value in values]
    return FORWARDED.of((peer, 4711) if peer else None, headers)


def test_a_trusted_proxy_tells_which_certificate_it_was_shown(party: Party) -> None:
    assert told(escaped(party)) == party.fingerprint


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.6", "", None])
def test_nobody_else_is_believed(party: Party, peer: str | None) -> None:
    assert told(escaped(party), peer=peer) == ""


def test_two_headers_tell_nothing(party: Party) -> None:
    assert told(escaped(party), escaped(party)) == ""


def test_no_header_tells_nothing() -> None:
    assert told() == ""


def test_a_header_longer_than_any_certificate_is_not_read(party: Party) -> None:
    usual = escaped(party)
    blanks = (LONGEST_HEADER - len(usual)) // 3

    assert told(usual + b"%0A" * blanks) == party.fingerprint
    assert told(usual + b"%0A" * (blanks + 1)) == ""


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda pem: pem[:-30],
    "two": lambda pem: pem + pem,
    "no certificate": lambda pem: pem.replace(b"CERTIFICATE", b"PUBLIC KEY"),
    "a byte of nought": lambda pem: pem.replace(b"%0A", b"%0A%00", 2),
    "no base64": lambda pem: pem.replace(b"%0AMII", b"%0A!II"),
    "broken base64": lambda pem: pem.replace(b"%0AMII", b"%0AM%3DII"),
}
NO_PEM = {
    "empty": b"", "dash": b"-", "text": "证书".encode(), "percents": b"%" * LONGEST_HEADER,
    "blanks": b"-----BEGIN CERTIFICATE-----" + b"%20" * 2700,
    "nothing inside": b"-----BEGIN CERTIFICATE-----%0A-----END CERTIFICATE-----",
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_no_single_certificate_tells_nothing(party: Party, name: str) -> None:
    spoilt = SPOILT[name](escaped(party))

    assert spoilt != escaped(party)
    assert told(spoilt) == ""


@pytest.mark.parametrize("name", NO_PEM)
def test_what_is_no_pem_tells_nothing(name: str) -> None:
    assert told(NO_PEM[name]) == ""


def test_another_certificate_has_another_name(party: Party) -> None:
    der = party.der[:-1] + bytes([party.der[-1] ^ 1])
    pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n"
    other = quote(f"{pem}-----END CERTIFICATE-----\n").encode()

    assert told(other) not in {"", party.fingerprint}
