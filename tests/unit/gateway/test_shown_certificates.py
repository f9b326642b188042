"""The client certificate of a TLS connection on its way to the door, over real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import uvicorn

from openehc.gateway.certificate import SCOPE_KEY
from openehc.gateway.direct_http import DirectProtocol
from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.tls import ClientTrust, ContextFactory
from tests.support.tls_authority import DAY, SERVER, Party, TlsAuthority
from tests.support.waiting import until
from tests.unit.gateway.test_direct_http import Application, Echo

HEAD = b"POST /ehcService/gateway.do%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: 1\r\n\r\n."


@dataclass(slots=True)
class Served:
    """A server that offers to look at certificates, and its authority."""

    authority: TlsAuthority
    application: Application
    door: Echo
    port: int
    server: uvicorn.Server
    serving: "asyncio.Task[None]"

    async def open(self, shown: Party | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which this was shown."""
        client = ssl.create_default_context(cafile=self.authority.pem)
        if shown:
            client.load_cert_chain(shown.pem, shown.key)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=client)

    async def post(self, shown: Party | None, *requests: bytes) -> None:
        """Send requests one after the other on one connection."""
        reader, writer = await self.open(shown)
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.split(b"content-length: ")[1].split()[0]))
        writer.close()


class Hasty(DirectProtocol):
    """Hardly waits for a goodbye; tells how often it looked for one."""

    farewell_seconds = 0.05
    looked = 0
    ahead = timedelta()

    def now(self) -> float:
        return super().now() + self.ahead.total_seconds()

    def _part(self) -> None:
        self.looked += 1
        super()._part()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    authority, door = TlsAuthority(tmp_path), Echo()
    door.opened.set()
    application, node = Application(door), authority.party("node", use=SERVER)
    trust = ClientTrust(ClientCertificates.OFFERED, authority.pem)
    config = uvicorn.Config(
        application, http=Hasty, ws="none", lifespan="off", access_log=False,
        log_config=None, server_header=False, date_header=False, proxy_headers=False,
        ssl_context_factory=ContextFactory(node.pem, node.key, trust),
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        await until(lambda: server.started)
        port = bound.getsockname()[1]
        yield Served(authority, application, door, port, server, serving)
        server.should_exit = server.force_exit = True
        await serving


async def test_the_certificate_of_a_connection_comes_with_each_of_its_messages(
    served: Served,
) -> None:
    party = served.authority.party("hospital")

    await served.post(party, HEAD % (b"", b""), HEAD % (b"", b""))

    assert served.door.certificates == [party.fingerprint] * 2
    assert served.application.scopes == []


async def test_a_message_on_the_long_way_keeps_it(served: Served) -> None:
    party = served.authority.party("hospital")

    await served.post(party, HEAD % (b"?a=b", b""))

    assert [scope["state"][SCOPE_KEY] for scope in served.application.scopes] == [party.fingerprint]


async def test_who_shows_none_has_none_on_either_way(served: Served) -> None:
    told = (
        b"X-Client-Cert: " + quote(served.authority.party("x").pem.read_text()).encode() + b"\r\n"
    )

    await served.post(None, HEAD % (b"", told), HEAD % (b"?a=b", told))

    assert served.door.certificates == [""]
    assert [SCOPE_KEY in scope["state"] for scope in served.application.scopes] == [False]


async def test_behind_a_proxy_its_word_counts_and_not_what_it_shows_itself(
    served: Served,
) -> None:
    served.door.reads_certificates = True
    proxy, party = served.authority.party("proxy"), served.authority.party("hospital")
    told = b"X-Client-Cert: " + quote(party.pem.read_text()).encode() + b"\r\n"

    await served.post(proxy, HEAD % (b"", told), HEAD % (b"", b""))

    assert served.door.certificates == [party.fingerprint, ""]


async def test_a_connection_does_not_outlive_its_certificate(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hasty, "ahead", DAY)
    ends, stays = (served.authority.party(f"{days}", ends=days * DAY) for days in (1, 3))
    lines = [await served.open(party) for party in (ends, stays)]

    async with asyncio.timeout(60):
        assert await lines[0][0].read() == b""

    lines[1][1].write(HEAD % (b"", b""))
    assert (await lines[1][0].readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    for _, writer in lines:
        writer.close()


async def test_a_connection_that_is_gone_leaves_no_timer_behind(served: Served) -> None:
    _, writer = await served.open(served.authority.party("hospital"))
    connections = served.server.server_state.connections
    await until(lambda: bool(connections))
    (connection,) = connections
    assert isinstance(connection, Hasty)
    timer = connection.expiry
    assert timer
    assert not timer.cancelled()

    writer.close()

    await until(lambda: not connections)
    assert timer.cancelled()


async def test_a_stopping_worker_does_not_wait_for_an_idle_client(served: Served) -> None:
    client = ssl.create_default_context(cafile=served.authority.pem)
    plain = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", served.port))
    with await asyncio.to_thread(
        client.wrap_socket, plain, server_hostname="127.0.0.1"
    ):  # which reads no goodbye, and sends none
        await until(lambda: bool(served.server.server_state.connections))

        served.server.should_exit = True

        async with asyncio.timeout(28):  # a loop by itself waits for 30
            await asyncio.shield(served.serving)


async def test_who_reads_slowly_gets_the_whole_answer_of_a_stopping_worker(
    served: Served,
) -> None:
    served.door.times = 32 << 20  # more than any buffer on the way takes
    client = ssl.create_default_context(cafile=served.authority.pem)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=client, limit=1024)
    writer.write(HEAD % (b"", b""))
    head = await reader.readuntil(b"\r\n\r\n")
    (connection,) = served.server.server_state.connections
    assert isinstance(connection, Hasty)

    served.server.should_exit = True
    await until(lambda: connection.looked > 2)

    length = int(head.split(b"content-length: ")[1].split()[0])
    assert len(await reader.readexactly(length)) == 32 << 20
    writer.close()
