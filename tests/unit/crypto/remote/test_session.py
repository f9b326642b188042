"""Agreeing on a session, and messages under it."""

from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from openehc.crypto.remote.calls import MessageBroken, Nothing, read_answers, written
from openehc.crypto.remote.connection import ProxyAddress
from openehc.crypto.remote.handshake import (
    HandshakeFailed,
    Opening,
    read_hello,
    say_hello,
    say_welcome,
)
from openehc.crypto.remote.session import Head, SessionKeys
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.crypto.sm4 import SealBroken
from openehc.kernel.ids import SystemEntropy

NOW: Final = datetime(2026, 3, 1, 0, 0, 0, 123000, tzinfo=UTC)
CALLER: Final = Sm2PrivateKey.generate()
PROXY: Final = Sm2PrivateKey.generate()
ENTROPY: Final = SystemEntropy()


def hello(*, proxy: Sm2PrivateKey = PROXY) -> Opening:
    return say_hello(CALLER, proxy=proxy.public, now=NOW, entropy=ENTROPY)


def welcomed(opening: Opening, *, proxy: Sm2PrivateKey = PROXY) -> tuple[bytes, SessionKeys]:
    greeting = read_hello(opening.wire)
    wire, opened = say_welcome(greeting, proxy=proxy, lifetime=60, entropy=ENTROPY)
    return wire, opened.keys


class TestHandshake:
    def test_both_parties_get_the_same_keys(self) -> None:
        opening = hello()
        welcome, theirs = welcomed(opening)

        ours = opening.complete(welcome).keys

        message = ours.sealed_message(b"calls", counter=1, at=NOW)
        assert theirs.opened_message(message) == b"calls"
        assert ours.opened_answer(theirs.sealed_answer(b"done", to=message), to=message) == b"done"

    def test_a_welcome_of_another_proxy_is_refused(self) -> None:
        opening = hello()
        welcome, _ = welcomed(opening, proxy=Sm2PrivateKey.generate())

        with pytest.raises(HandshakeFailed):
            opening.complete(welcome)

    def test_a_welcome_to_another_hello_is_refused(self) -> None:
        welcome, _ = welcomed(hello())

        with pytest.raises(HandshakeFailed):
            hello().complete(welcome)

    def test_a_changed_welcome_is_refused(self) -> None:
        opening = hello()
        welcome, _ = welcomed(opening)
        refused = []
        for at in range(len(welcome)):
            changed = bytearray(welcome)
            changed[at] ^= 1
            try:
                opening.complete(bytes(changed))
            except (HandshakeFailed, MessageBroken):
                refused.append(at)

        assert refused == list(range(len(welcome)))

    def test_two_handshakes_never_give_the_same_keys(self) -> None:
        opening = hello()
        (_, one), (_, two) = welcomed(opening), welcomed(opening)

        with pytest.raises(SealBroken):
            two.opened_message(one.sealed_message(b"calls", counter=1, at=NOW))

    def test_the_hello_is_checked_against_the_key_of_this_proxy(self) -> None:
        greeting = read_hello(hello(proxy=Sm2PrivateKey.generate()).wire)

        with pytest.raises(HandshakeFailed):
            greeting.check(CALLER.public, proxy=PROXY.public)

    def test_a_fresh_key_that_is_no_point_is_refused(self) -> None:
        body = msgspec.msgpack.decode(msgspec.msgpack.decode(hello().wire)[0])
        body[2] = b"\x04" + bytes(64)
        wire = msgspec.msgpack.encode([msgspec.msgpack.encode(body), bytes(64)])

        with pytest.raises(HandshakeFailed):
            say_welcome(read_hello(wire), proxy=PROXY, lifetime=60, entropy=ENTROPY)

    @pytest.mark.parametrize(("place", "value"), [(0, 2), (4, -1), (4, 10**17)])
    def test_another_version_or_an_impossible_time_is_refused(self, place: int, value: int) -> None:
        body = msgspec.msgpack.decode(msgspec.msgpack.decode(hello().wire)[0])
        body[place] = value

        with pytest.raises(MessageBroken):
            read_hello(msgspec.msgpack.encode([msgspec.msgpack.encode(body), bytes(64)]))

    def test_nothing_of_the_keys_is_shown(self) -> None:
        opening = hello()
        _, keys = welcomed(opening)

        assert repr(keys) == "SessionKeys(***)"
        assert opening.fresh.raw().hex() not in repr(opening)


class TestMessages:
    keys = SessionKeys(b"k" * 32, session=b"s" * 16, transcript=b"t")

    def test_the_head_tells_session_time_and_counter(self) -> None:
        message = self.keys.sealed_message(b"calls", counter=7, at=NOW)

        assert Head.of(message) == Head(b"s" * 16, NOW, 7)

    def test_any_flipped_bit_is_refused(self) -> None:
        message = self.keys.sealed_message(b"calls", counter=7, at=NOW)
        opened = []
        for at in range(16, len(message)):  # the session chooses the key and is checked by that
            changed = bytearray(message)
            changed[at] ^= 0x80
            try:
                opened.append(self.keys.opened_message(bytes(changed)))
            except SealBroken:
                continue

        assert opened == []

    def test_an_answer_belongs_to_one_message_only(self) -> None:
        first = self.keys.sealed_message(b"a", counter=1, at=NOW)
        second = self.keys.sealed_message(b"a", counter=2, at=NOW)
        answer = self.keys.sealed_answer(b"done", to=first)

        with pytest.raises(SealBroken):
            self.keys.opened_answer(answer, to=second)

    def test_a_message_is_no_answer(self) -> None:
        message = self.keys.sealed_message(b"a", counter=1, at=NOW)

        with pytest.raises(SealBroken):
            self.keys.opened_answer(message[24:], to=message)

    @pytest.mark.parametrize("size", [0, 16, 36, 52])
    def test_what_is_too_short_is_no_message(self, size: int) -> None:
        message = self.keys.sealed_message(b"a", counter=1, at=NOW)

        with pytest.raises(MessageBroken):
            Head.of(message[:size])


def test_fewer_answers_than_calls_are_refused() -> None:
    with pytest.raises(MessageBroken):
        read_answers(b"\x90", count=1)
    with pytest.raises(MessageBroken):
        read_answers(written([Nothing(), Nothing()]), count=1)
    with pytest.raises(MessageBroken):
        read_answers(b"\x80", count=0)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.1.0.5:8090", ProxyAddress("10.1.0.5", 8090)),
        ("https://proxy.example.org", ProxyAddress("proxy.example.org", 443, tls=True)),
        ("http://[fd00::1]:8090/", ProxyAddress("fd00::1", 8090)),
    ],
)
def test_an_address_is_read_from_its_url(url: str, expected: ProxyAddress) -> None:
    assert ProxyAddress.of(url) == expected


@pytest.mark.parametrize(
    "url",
    ["10.1.0.5:8090", "ftp://a", "http://", "http://a/x", "http://u@a", "http://a?x=1",
     "http://a:99999"],
)  # fmt: skip
def test_what_is_no_address_of_a_proxy_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        ProxyAddress.of(url)
