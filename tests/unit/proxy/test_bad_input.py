"""What must not be answered: each refused with a status, and its reason in the proxy's log."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import httpx
import msgspec
import pytest

from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.calls import (
    LARGEST_MESSAGE,
    MOST_CALLS,
    CheckValid,
    MakeValid,
    Text,
    read_answers,
    written,
)
from openehc.crypto.remote.connection import CALLS_PATH, SESSION_PATH
from openehc.crypto.remote.handshake import LARGEST_HELLO
from openehc.crypto.remote.lane import ProxyRefused
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.remote.session import SESSION_SIZE
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import SetClock
from openehc.proxy.sessions import LIFETIME_SECONDS
from tests.support.front_proxy import ALLOWED_AT, PATIENT, KeptRecords, door_over
from tests.support.proxy_wire import VALID, Wire


def told(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.text


class TestHello:
    async def test_of_an_unknown_key_is_refused(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        stranger = wire.proxy.party(Sm2PrivateKey.generate())

        answer = await wire.post(SESSION_PATH, wire.hello(party=stranger).wire)

        assert (answer.status_code, answer.content) == (403, b"")
        assert "somebody unknown at 127.0.0.1: no caller of this key" in told(caplog)

    async def test_signed_by_another_key_than_it_names_is_refused(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        hello = msgspec.msgpack.decode(wire.hello().wire)
        forged = msgspec.msgpack.encode([hello[0], Sm2PrivateKey.generate().sign_raw(hello[0])])

        answer = await wire.post(SESSION_PATH, forged)

        assert answer.status_code == 403
        assert "refused card at 127.0.0.1: the caller does not hold the key" in told(caplog)

    async def test_for_another_proxy_is_refused(self, wire: Wire) -> None:
        elsewhere = replace(wire.party, proxy=Sm2PrivateKey.generate().public)

        answer = await wire.post(SESSION_PATH, wire.hello(party=elsewhere).wire)

        assert answer.status_code == 403

    async def test_used_twice_is_refused_the_second_time(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        hello = wire.hello().wire

        answers = [await wire.post(SESSION_PATH, hello) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 403]
        assert "this hello was used before" in told(caplog)

    @pytest.mark.parametrize("seconds", [-61, 61])
    async def test_of_a_clock_that_is_a_minute_off_is_refused(
        self, wire: Wire, caplog: pytest.LogCaptureFixture, seconds: int
    ) -> None:
        hello = wire.hello().wire
        wire.clock.advance(seconds=seconds)

        answer = await wire.post(SESSION_PATH, hello)

        assert answer.status_code == 403
        assert "the caller's clock and ours differ" in told(caplog)

    @pytest.mark.requirement("G1-9.5-8")
    async def test_from_outside_the_callers_networks_is_refused(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        outside = wire.proxy.allow("remote", networks=("10.9.0.0/16",))

        answer = await wire.post(SESSION_PATH, wire.hello(party=outside).wire)

        assert answer.status_code == 403
        assert "refused remote at 127.0.0.1: the caller may not call from" in told(caplog)

    async def test_is_not_even_read_where_nobody_may_call_from(self, wire: Wire) -> None:
        wire.proxy.put(replace(wire.proxy.callers["card"], revoked_at=ALLOWED_AT))

        answer = await wire.post(SESSION_PATH, b"x" * (LARGEST_HELLO + 1))

        assert answer.status_code == 403

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400), (b"\x00", 400), (b"\x92\xc4", 400), (b"{}", 400), (b"\xff" * 100, 400),
            (b"\x91" * LARGEST_HELLO, 400), (b"x" * (LARGEST_HELLO + 1), 413),
        ],
        ids=["nothing", "number", "cut", "JSON", "bytes", "deep", "too large"],
    )  # fmt: skip
    async def test_that_is_none_is_refused(self, wire: Wire, body: bytes, status: int) -> None:
        assert (await wire.post(SESSION_PATH, body)).status_code == status

    async def test_a_flood_of_them_fills_no_log(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(50):
            wire.clock.advance(seconds=-100.001)  # each is off by another time
            hello = wire.hello().wire
            wire.clock.advance(seconds=100.001)
            await wire.post(SESSION_PATH, hello)

        assert 1 <= caplog.text.count("the caller's clock and ours") <= 5

    async def test_by_get_is_refused(self, wire: Wire) -> None:
        assert (await wire.http.get(SESSION_PATH)).status_code == 405


class TestMessage:
    async def test_is_answered_under_the_session(self, wire: Wire) -> None:
        message = await wire.message(calls=(MakeValid(ALLOWED_AT),))

        answer = await wire.post(CALLS_PATH, message)

        assert wire.keys
        body = wire.keys.opened_answer(answer.content, to=message)
        expected = await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(ALLOWED_AT)
        assert read_answers(body, count=1) == [Text(expected)]

    async def test_sent_again_is_refused(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        message = await wire.message()

        answers = [await wire.post(CALLS_PATH, message) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 403]
        assert "a message with this or a later counter came before" in told(caplog)
        assert len(wire.proxy.kept.records) == 1

    async def test_of_an_older_counter_is_refused(self, wire: Wire) -> None:
        early, late = await wire.message(counter=1), await wire.message(counter=2)

        answers = [await wire.post(CALLS_PATH, message) for message in (late, early)]

        assert [answer.status_code for answer in answers] == [200, 403]

    @pytest.mark.parametrize("seconds", [-61, 61])
    async def test_that_was_held_back_a_minute_is_refused(self, wire: Wire, seconds: int) -> None:
        message = await wire.message()
        wire.clock.advance(seconds=seconds)

        assert (await wire.post(CALLS_PATH, message)).status_code == 403

    async def test_of_no_session_asks_for_a_new_one(self, wire: Wire) -> None:
        message = await wire.message()

        answer = await wire.post(CALLS_PATH, bytes(SESSION_SIZE) + message[SESSION_SIZE:])

        assert answer.status_code == 401

    async def test_of_a_session_that_is_over_asks_for_a_new_one(self, wire: Wire) -> None:
        await wire.open()
        wire.clock.advance(seconds=LIFETIME_SECONDS)

        assert (await wire.post(CALLS_PATH, await wire.message())).status_code == 401

    @pytest.mark.requirement("G1-F-3-2")
    @pytest.mark.parametrize("at", [20, 30, 40, -1], ids=["time", "counter", "body", "tag"])
    async def test_with_a_flipped_bit_is_refused(
        self, wire: Wire, at: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        message = bytearray(await wire.message())
        message[at] ^= 1

        answer = await wire.post(CALLS_PATH, bytes(message))

        assert (answer.status_code, wire.proxy.kept.records) == (403, [])
        assert "the message was changed on its way" in told(caplog)

    async def test_over_the_limit_is_refused(self, wire: Wire) -> None:
        answer = await wire.post(CALLS_PATH, bytes(LARGEST_MESSAGE + 1))

        assert answer.status_code == 413

    @pytest.mark.parametrize(
        "body",
        [b"", b"\x90", b"\x91\x91\x63", written([CheckValid(VALID)] * (MOST_CALLS + 1)),
         written([CheckValid("A" * 10_000)]), b"\x91" * 2_000],
        ids=["nothing", "no call", "unknown call", "too many calls", "long text", "deep"],
    )  # fmt: skip
    async def test_that_holds_no_calls_is_refused(self, wire: Wire, body: bytes) -> None:
        keys = await wire.open()
        message = keys.sealed_message(body, counter=1, at=wire.clock.now())

        assert (await wire.post(CALLS_PATH, message)).status_code == 400

    async def test_of_a_caller_that_was_revoked_is_refused_in_the_middle_of_a_session(
        self, wire: Wire
    ) -> None:
        first = await wire.post(CALLS_PATH, await wire.message(counter=1))
        wire.proxy.allow("another", key=Sm2PrivateKey.generate())

        wire.proxy.put(replace(wire.proxy.callers["card"], revoked_at=ALLOWED_AT))

        second = await wire.post(CALLS_PATH, await wire.message(counter=2))
        assert (first.status_code, second.status_code) == (200, 403)
        assert len(wire.proxy.sessions) == 0

    async def test_is_not_answered_when_it_cannot_be_recorded(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        wire.proxy.kept.down = True

        answer = await wire.post(CALLS_PATH, await wire.message())

        assert (answer.status_code, answer.content) == (503, b"")
        assert "it cannot be recorded, so it is not answered" in told(caplog)


async def test_nothing_is_answered_while_a_change_of_the_list_could_be_missed() -> None:
    clock, kept = SetClock(ALLOWED_AT), KeptRecords()
    soft, key = SoftCryptoModule(PUBLIC_TEST_KEYS), Sm2PrivateKey.generate()
    door = door_over(soft, clock=clock, key=key, kept=kept, fresh=lambda: False)
    transport = httpx.ASGITransport(cast("Any", door))
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as http:
        answers = [await http.post(path, content=b"x") for path in (SESSION_PATH, CALLS_PATH)]

    assert [answer.status_code for answer in answers] == [503, 503]


class TestModule:
    """The same, as a node meets it: every refusal is 2005 there."""

    async def test_goes_on_with_a_new_session_when_the_old_one_is_over(self, wire: Wire) -> None:
        module = ProxyCryptoModule(wire.party, lanes=1, patience=PATIENT, clock=wire.clock)
        before = await module.open_valid(VALID)
        wire.clock.advance(seconds=LIFETIME_SECONDS + 1)

        after = await module.open_valid(VALID)

        await module.close()
        assert before == after is not None

    async def test_meets_an_impostor_who_does_not_hold_the_key(self, wire: Wire) -> None:
        deceived = replace(wire.party, proxy=Sm2PrivateKey.generate().public)
        module = ProxyCryptoModule(deceived, lanes=1, patience=PATIENT, clock=wire.clock)

        with pytest.raises(ProxyRefused):
            await module.open_valid(VALID)

        await module.close()

    async def test_with_a_skewed_clock_is_told_to_look_at_the_log(self, wire: Wire) -> None:
        skewed = SetClock(ALLOWED_AT + timedelta(minutes=5))
        module = ProxyCryptoModule(wire.party, lanes=1, patience=PATIENT, clock=skewed)

        with pytest.raises(ProxyRefused, match="its log says why"):
            await module.open_valid(VALID)

        await module.close()

    async def test_many_calls_at_once_share_messages(self, wire: Wire) -> None:
        module = ProxyCryptoModule(wire.party, lanes=2, patience=PATIENT, clock=wire.clock)
        moments = [ALLOWED_AT + timedelta(seconds=i) for i in range(600)]

        valids = await asyncio.gather(*(module.make_valid(moment) for moment in moments))
        opened = await asyncio.gather(*(module.open_valid(valid) for valid in valids))

        await module.close()
        assert opened == moments
        assert len(wire.proxy.kept.records) == 1200

    async def test_logs_nothing_of_what_was_asked(
        self, wire: Wire, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        module = ProxyCryptoModule(wire.party, lanes=1, patience=PATIENT, clock=wire.clock)

        await module.make_mindex_id("99", "SECRETNUMBER", "某某")
        await module.close()

        assert "SECRETNUMBER" not in caplog.text + repr(wire.proxy.kept.records)
