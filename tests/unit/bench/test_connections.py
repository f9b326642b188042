"""A connection sends its next message when it has its whole answer, and counts what came."""

import asyncio
import math
from array import array

import pytest

from bench.connections import Client, Crowd, Drive

GOOD = b'{"ret_code":"0000","ret_msg":"x"}'


def http(body: bytes, *, name: str = "content-length") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{name}: {len(body)}\r\n\r\n"
    return head.encode() + body


class Wire(asyncio.Transport):
    """What a client wrote, and whether it hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


class Connected:
    """A client that takes part in a drive over a wire of ours."""

    def __init__(self, drive: Drive) -> None:
        self.wire, self.client = Wire(), Client()
        self.client.connection_made(self.wire)
        self.done = self.client.begin(drive)


def drive_of(*messages: bytes, seconds: float = 60.0, keep_every: int = 0) -> Drive:
    drive = Drive(messages, seconds, keep_every)
    drive.started = asyncio.get_running_loop().time()
    return drive


async def test_the_next_message_goes_out_when_the_answer_is_whole() -> None:
    connected = Connected(drive_of(b"first", b"second"))

    connected.client.data_received(http(GOOD))

    assert connected.wire.written == [b"first", b"second"]


@pytest.mark.parametrize("cut", range(1, len(http(GOOD))))
async def test_an_answer_may_come_in_two_pieces_cut_anywhere(cut: int) -> None:
    drive = drive_of(b"first", b"second")
    connected = Connected(drive)

    connected.client.data_received(http(GOOD)[:cut])
    before = drive.succeeded
    connected.client.data_received(http(GOOD)[cut:])

    assert (before, drive.succeeded) == (0, 1)


async def test_the_name_of_the_length_may_be_written_in_any_case() -> None:
    drive = drive_of(b"only")

    Connected(drive).client.data_received(http(GOOD, name="Content-Length"))

    assert drive.succeeded == 1


async def test_only_return_code_0000_counts_as_success() -> None:
    drive = drive_of(b"only")

    Connected(drive).client.data_received(http(b'{"ret_code":"3003"}'))

    assert (drive.succeeded, drive.failures) == (0, {"3003": 1})


async def test_a_lost_connection_counts_its_request_as_failed() -> None:
    drive = drive_of(b"only")
    connected = Connected(drive)

    connected.client.connection_lost(None)

    assert (drive.failures, connected.done.done()) == ({"no answer": 1}, True)


async def test_nothing_is_sent_after_the_time_is_over() -> None:
    connected = Connected(drive_of(b"first", seconds=0))

    assert (connected.wire.written, connected.done.done()) == ([], True)


async def test_a_connection_is_done_when_the_messages_have_run_out() -> None:
    connected = Connected(drive_of(b"only"))

    connected.client.data_received(http(GOOD))

    assert connected.done.done()


async def test_of_some_messages_one_successful_reply_is_kept() -> None:
    drive = drive_of(*[b"m"] * 4, keep_every=2)
    client = Connected(drive).client

    for body in (GOOD, GOOD, b'{"ret_code":"3003"}', GOOD):
        client.data_received(http(body))

    assert drive.replies == {0: GOOD}


def test_a_latency_is_the_nearest_rank_in_milliseconds() -> None:
    drive = Drive((), 1, 0, latencies=array("d", [n / 1000 for n in range(100, 0, -1)]))

    assert (drive.latency(0.5), drive.latency(0.99), drive.latency(1)) == (50.0, 99.0, 100.0)


def test_without_any_answer_the_latency_is_endless() -> None:
    assert Drive((), 1, 0).latency(0.5) == math.inf


async def answer_every_message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1):
        await asyncio.sleep(0.02)
        writer.write(http(GOOD))
    writer.close()
    await writer.wait_closed()


async def test_a_crowd_over_real_sockets_is_answered_and_timed() -> None:
    server = await asyncio.start_server(answer_every_message, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        crowd = await Crowd.connect(host=host, port=port, count=4)

        drive = await crowd.drive([b"m"] * 20, seconds=30)

        await crowd.close()

    assert (drive.sent, drive.succeeded, drive.latency(0) >= 20) == (20, 20, True)
