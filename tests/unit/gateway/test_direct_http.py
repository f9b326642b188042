"""The short way from the socket to the door, over real sockets and uvicorn's own server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn

from openehc.gateway.certificate import ForwardedCertificate
from openehc.gateway.direct_http import DirectProtocol
from openehc.gateway.door import BODY_LIMIT
from openehc.gateway.peer import Headers, PeerFinder
from tests.support.waiting import until

PROXIES = PeerFinder((ip_network("127.0.0.0/8"),))
POST = b"POST /ehcService/gateway.do HTTP/1.1\r\nHost: a\r\n"
TYPE = b"content-type: application/json; charset=utf-8\r\n"


@dataclass(slots=True)
class Echo:
    """A door that gives back what came, `times` over, once it is open."""

    times: int = 1
    came: list[bytes] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    peers: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    reads_certificates: bool = False

    def peer_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        return PROXIES.of(client, headers)

    def certificate_of(self, client: tuple[str, int] | None, headers: Headers) -> str:
        return ForwardedCertificate(PROXIES).of(client, headers)

    async def reply_to(self, raw: bytes, peer: str = "", certificate: str = "") -> bytes:
        self.came.append(raw)
        self.peers.append(peer)
        self.certificates.append(certificate)
        await self.opened.wait()
        return raw * self.times

    def too_large(self) -> bytes:
        return b"too large"


@dataclass(slots=True)
class Application:
    """Tells which requests took the long way."""

    door: Echo | None
    scopes: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body = (await receive())["body"]
        headers = [(b"content-length", b"%d" % (5 + len(body)))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ASGI " + body})


@dataclass(slots=True)
class Running:
    """The server, what it serves, and connections to it."""

    server: uvicorn.Server
    application: Application
    door: Echo
    port: int

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def said(self, request: bytes) -> bytes:
        """Everything that the server says to `request` before it hangs up."""
        reader, writer = await self.connect()
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    door = Echo()
    door.opened.set()
    application = Application(door)
    config = uvicorn.Config(
        application, http=DirectProtocol, ws="none", lifespan="off", access_log=False,
        log_config=None, server_header=False, date_header=False,
        proxy_headers=False, timeout_keep_alive=600,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        await until(lambda: server.started)
        yield Running(server, application, door, port)
        door.opened.set()
        server.should_exit = server.force_exit = True
        await serving


def _post(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return POST + b"Content-Length: %d\r\n" % len(body) + lines + b"\r\n" + body


def _answer(body: bytes, ending: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\n" + TYPE + b"content-length: %d\r\n" % len(body)
    return head + ending + b"\r\n" + body


LAST = b"connection: close\r\n"


async def test_a_message_is_answered_and_the_connection_stays(running: Running) -> None:
    reader, writer = await running.connect()

    for body in (b"first", b"second"):
        writer.write(_post(body))
        assert await reader.readexactly(len(_answer(body))) == _answer(body)

    assert running.application.scopes == []
    writer.close()


async def test_each_of_two_messages_at_once_keeps_the_address_that_it_came_from(
    running: Running,
) -> None:
    reader, writer = await running.connect()
    running.door.opened.clear()
    writer.write(
        _post(b"1", b"X-Forwarded-For: 203.0.113.1") + _post(b"2", b"X-Forwarded-For: 203.0.113.2")
    )
    running.door.opened.set()
    await reader.readexactly(2 * len(_answer(b"1")))

    assert running.door.peers == ["203.0.113.1", "203.0.113.2"]
    writer.close()


async def test_who_asks_to_close_is_answered_and_hung_up_on(running: Running) -> None:
    assert await running.said(_post(b"last", b"Connection: close")) == _answer(b"last", LAST)


async def test_pipelined_requests_are_answered_one_after_the_other(running: Running) -> None:
    running.door.opened.clear()
    reader, writer = await running.connect()
    writer.write(
        _post(b"1") + _post(b"2") + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + _post(b"3")[:-1]
    )
    await until(lambda: running.door.came == [b"1"])
    writer.write(b"3" + _post(b"4", b"Connection: close"))

    running.door.opened.set()
    answer = await reader.read()

    asgi = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nASGI "
    assert answer == _answer(b"1") + _answer(b"2") + asgi + _answer(b"3") + _answer(b"4", LAST)
    writer.close()


async def test_a_body_may_come_in_pieces(running: Running) -> None:
    reader, writer = await running.connect()
    request = _post(b"0123456789", b"Connection: close")

    for place in range(0, len(request), 7):
        writer.write(request[place : place + 7])
        await writer.drain()
        await asyncio.sleep(0.001)

    assert await reader.read() == _answer(b"0123456789", LAST)
    assert running.door.came == [b"0123456789"]
    writer.close()


async def test_a_body_may_come_in_chunks(running: Running) -> None:
    request = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    answer = await running.said(request + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")

    assert answer == _answer(b"abcdefg", LAST)


async def test_an_empty_body_reaches_the_door(running: Running) -> None:
    await running.said(_post(b"", b"Connection: close"))

    assert running.door.came == [b""]


async def test_a_body_of_four_mebibytes_is_read(running: Running) -> None:
    body = b"x" * BODY_LIMIT

    assert await running.said(_post(body, b"Connection: close")) == _answer(body, LAST)


async def test_a_longer_body_is_refused_before_it_ends(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(_post(b"x" * (2 * BODY_LIMIT))[: BODY_LIMIT + 1000])

    answer = await reader.read()

    assert answer == _answer(b"too large", LAST)
    assert running.door.came == []
    writer.close()


@pytest.mark.parametrize(
    "request_head",
    [
        POST.replace(b"1.1", b"1.0"),
        POST.replace(b"gateway.do", b"gateway.do?a=1") + b"Connection: close\r\n",
        POST.replace(b"POST", b"PUT") + b"Connection: close\r\n",
        POST + b"Expect: 100-continue\r\nConnection: close\r\n",
        POST + b"Upgrade: h2c\r\nConnection: upgrade, close\r\n",
    ],
)
async def test_unusual_requests_go_through_uvicorns_own_code(
    running: Running, request_head: bytes
) -> None:
    answer = await running.said(request_head + b"Content-Length: 4\r\n\r\nbody")

    assert b"ASGI " in answer
    headers = running.application.scopes[0]["headers"]
    assert (b"host", b"a") in headers
    assert (b"content-length", b"4") in headers


async def test_who_waits_for_leave_to_send_the_body_gets_it(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"body")

    assert (await reader.readuntil(b"ASGI body")).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_while_the_node_starts_the_application_answers(running: Running) -> None:
    running.application.door = None

    assert (await running.said(_post(b"early", b"Connection: close"))).endswith(b"ASGI early")


async def test_what_is_no_http_is_refused(running: Running) -> None:
    assert (await running.said(b"\x16\x03\x01 no http")).startswith(b"HTTP/1.1 400 Bad Request")


async def test_a_client_that_goes_before_its_body_is_whole_was_never_there(
    running: Running,
) -> None:
    _, writer = await running.connect()
    writer.write(_post(b"0123456789")[:-5])
    await writer.drain()
    writer.close()

    await until(lambda: not running.server.server_state.connections)
    assert running.door.came == []
    assert not running.server.server_state.tasks


async def test_a_client_that_goes_before_its_answer_leaves_nothing_behind(
    running: Running,
) -> None:
    running.door.opened.clear()
    _, writer = await running.connect()
    writer.write(_post(b"1") + _post(b"2"))
    await until(lambda: running.door.came == [b"1"])
    writer.transport.abort()

    running.door.opened.set()

    state = running.server.server_state
    await until(lambda: not state.connections and not state.tasks)
    assert await running.said(_post(b"next", b"Connection: close")) == _answer(b"next", LAST)


async def test_a_message_of_a_half_closed_client_is_still_worked_on(running: Running) -> None:
    _, writer = await running.connect()
    writer.write(_post(b"1"))
    writer.write_eof()

    await until(lambda: running.door.came == [b"1"])
    await until(lambda: not running.server.server_state.tasks)
    writer.close()


async def test_a_stopping_server_answers_what_it_has_taken(running: Running) -> None:
    running.door.opened.clear()
    reader, writer = await running.connect()
    idle, idle_writer = await running.connect()
    writer.write(_post(b"under way"))
    await until(lambda: running.door.came == [b"under way"])

    running.server.should_exit = True
    assert await idle.read() == b""  # who waits for nothing is hung up on
    running.door.opened.set()

    assert await reader.read() == _answer(b"under way", LAST)
    writer.close()
    idle_writer.close()


async def test_who_does_not_read_is_not_worked_for(running: Running) -> None:
    running.door.times = 1_000_000
    reader, writer = await running.connect()
    writer.write(_post(b"x") * 200)
    await until(lambda: len(running.door.came) > 2)
    await asyncio.sleep(0.2)
    worked = len(running.door.came)
    assert worked < 50  # what socket buffers hold, and one more

    for _ in range(200):
        await reader.readexactly(len(_answer(b"x" * running.door.times)))

    assert len(running.door.came) == 200
    writer.close()


async def test_who_sends_ahead_is_read_no_further(running: Running) -> None:
    running.door.opened.clear()
    reader, writer = await running.connect()
    writer.write(_post(b"x" * 10_000) * 1_000)
    await until(lambda: len(running.door.came) == 1)
    await asyncio.sleep(0.2)
    (connection,) = running.server.server_state.connections
    assert isinstance(connection, DirectProtocol)
    assert len(connection.pipeline) < 200  # what was read before the first was seen

    running.door.opened.set()
    for _ in range(1_000):
        await reader.readexactly(len(_answer(b"x" * 10_000)))

    assert len(running.door.came) == 1_000
    writer.close()


async def test_a_silent_connection_is_closed_in_the_end(running: Running) -> None:
    running.server.config.timeout_keep_alive = 0
    reader, writer = await running.connect()
    writer.write(_post(b"once"))

    assert await reader.read() == _answer(b"once")
    writer.close()
