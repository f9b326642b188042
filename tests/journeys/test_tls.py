"""A node that speaks TLS itself: real handshakes, a real call, a renewed certificate."""

import asyncio
import shutil
import signal
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.ports import free_port
from openehc.kernel.clock import SystemClock
from tests.support.client import REGISTER, VERIFY, GatewayClient
from tests.support.folders import new_folder
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes


def make_certificate(folder: Path, *, password: bytes | None = None) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key; replaces those of before."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    locking: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    paths = folder / "tls.pem", folder / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locking)
    )
    return paths


class TlsProcesses(Processes):
    """The demo as processes that speak TLS under a certificate of the test's own."""

    @property
    def certificate(self) -> Path:
        return self.data.parent / "tls.pem"

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def http(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.port}", timeout=60, trust_env=False,
            verify=self.trusting(), **options,
        )  # fmt: skip

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text("utf-8")
            if self._profile_is_there():  # written by whoever found the node ready
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.output.read_text('utf-8')}")

    def shown(self) -> bytes:
        """The certificate that a fresh connection is shown."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        with self.trusting().wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            return connection.getpeercert(binary_form=True) or b""


@pytest.fixture
def tls_demo() -> Iterator[TlsProcesses]:
    folder = new_folder("ehc-tls-")
    certificate, key = make_certificate(folder)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    processes = TlsProcesses(folder / "d", free_port(), ("demo", *options))
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()
        shutil.rmtree(folder)


def old_client(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks nothing newer, and trusts whatever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _allow_old_versions(context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = version
    return context


def _allow_old_versions(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1


def _handshake_in_memory(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """The version on which two contexts agree; raises ssl.SSLError when there is none."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_side=False), server.wrap_bio(up, down, server_side=True)
    ]  # fmt: skip
    for _ in range(4):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].version()


def handshake(port: int, client: ssl.SSLContext) -> str | None:
    plain = socket.create_connection(("127.0.0.1", port), timeout=60)
    with client.wrap_socket(plain) as connection:
        return connection.version()


@pytest.mark.slow
@pytest.mark.requirement("G3-A-3.1-1", "G1-9.6-3", "G2-A-5.3.1-6", "G2-A-5.3.1-7")
async def test_a_call_over_https_and_nothing_below_tls_1_2(tls_demo: TlsProcesses) -> None:
    assert tls_demo.profile["gateway_url"].startswith("https://")
    async with tls_demo.http() as http:
        client = GatewayClient(http, tls_demo.credentials(), SystemClock())
        card = (await client.call(REGISTER, registration(Person.invented()))).biz
        verified = await client.call(VERIFY, verification(card["ehealth_code"]))
    assert verified.biz["user_name"] == card["user_name"]

    old, late = (old_client(version) for version in (ssl.TLSVersion.TLSv1_1,
                                                      ssl.TLSVersion.TLSv1_2))  # fmt: skip
    permissive = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    permissive.load_cert_chain(tls_demo.certificate, tls_demo.certificate.with_suffix(".key"))
    _allow_old_versions(permissive)
    assert _handshake_in_memory(old, permissive) == "TLSv1.1"  # the client could
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(tls_demo.port, old)
    assert handshake(tls_demo.port, late) == "TLSv1.2"
    async with httpx.AsyncClient(trust_env=False) as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://127.0.0.1:{tls_demo.port}/health/live")


@pytest.mark.slow
async def test_a_renewed_certificate_is_shown_after_sighup_by_every_worker(
    tls_demo: TlsProcesses,
) -> None:
    before = tls_demo.shown()
    workers = {worker.pid for worker in tls_demo.workers()}
    make_certificate(tls_demo.data.parent)

    tls_demo.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 300
    while workers & {worker.pid for worker in tls_demo.workers()}:
        assert time.monotonic() < deadline, tls_demo.output.read_text("utf-8")
        with suppress(ssl.SSLCertVerificationError):  # an old worker: its certificate is not ours
            tls_demo.shown()
        await asyncio.sleep(0.1)

    shown = {tls_demo.shown() for _ in range(12)}
    assert len(shown) == 1
    assert before not in shown
    async with tls_demo.http() as http:
        assert (await http.get("/health/ready")).status_code == 200
