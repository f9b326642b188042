"""Fetching number files: only from the internet, bounded, without redirects."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from openehc.wiring.number_files import LARGEST, HttpsNumberFiles, of_the_internet

NUMBER: Final = "9901A0001GZHB0001"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(response: bytes, *, after: asyncio.Event | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if after:
            await after.wait()
        writer.write(response)
        writer.close()

    return serve


def good(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers in the end is waited for, however busy the machine."""
    monkeypatch.setattr("openehc.wiring.number_files.SECONDS", 60)


def near(port: int, tls: ssl.SSLContext | None = None) -> HttpsNumberFiles:
    """Asks this machine, which a node never does."""
    return HttpsNumberFiles(reachable=lambda _: True, tls=tls, port=port)


async def test_a_number_file_is_read_over_http() -> None:
    async with server(answering(good(NUMBER.encode()))) as port:
        assert await near(port).text("localhost") == NUMBER


async def test_a_domain_without_the_file_gives_an_empty_text() -> None:
    async with server(answering(b"HTTP/1.1 404 Not Found\r\n\r\nno")) as port:
        assert await near(port).text("localhost") == ""


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
        good(b"\xff\xfe not utf-8"),
        good(b"x" * (2 * LARGEST)),
    ],
    ids=["redirect", "server error", "another protocol", "nothing", "not UTF-8", "too large"],
)
async def test_what_is_no_good_answer_counts_as_unreachable(response: bytes) -> None:
    async with server(answering(response)) as port:
        assert await near(port).text("localhost") is None


async def test_a_silent_server_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openehc.wiring.number_files.SECONDS", 0.2)
    left = asyncio.Event()
    async with server(answering(good(b"late"), after=left)) as port:
        found = await near(port).text("localhost")
        left.set()
        await asyncio.sleep(0.05)

    assert found is None


async def test_a_domain_of_our_own_networks_is_not_asked() -> None:
    asked = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    async with server(serve) as port:
        found = await HttpsNumberFiles(tls=None, port=port).text("localhost")

    assert (found, asked.is_set()) == (None, False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fc00::1",
        "::ffff:10.0.0.1", "::",
    ],
)  # fmt: skip
def test_an_address_that_not_everybody_reaches_is_none_of_the_internet(address: str) -> None:
    assert not of_the_internet(ip_address(address))


def test_an_ordinary_address_is_one_of_the_internet() -> None:
    assert of_the_internet(ip_address("8.8.8.8"))


async def test_the_certificate_has_to_be_the_domains(tmp_path: Path) -> None:
    trusting, serving = _tls(tmp_path, "localhost")
    _, stranger = _tls(tmp_path, "other.example.org")
    trusting.load_verify_locations(tmp_path / "other.example.org.pem")

    async with server(answering(good(NUMBER.encode())), serving) as port:
        assert await near(port, trusting).text("localhost") == NUMBER
    async with server(answering(good(NUMBER.encode())), stranger) as port:
        assert await near(port, trusting).text("localhost") is None


def _tls(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client that trusts the certificate of `name`, and a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )  # fmt: skip
    file = folder / f"{name}.pem"
    file.write_bytes(pem)
    both = folder / f"{name}.both.pem"
    both.write_bytes(pem + private)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(both)
    return ssl.create_default_context(cafile=str(file)), serving
