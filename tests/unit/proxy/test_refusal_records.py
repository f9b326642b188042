"""What is refused leaves a record, and a flood of it a handful; a session is recorded first."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

import msgspec
import pytest

from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.connection import CALLS_PATH, SESSION_PATH
from openehc.crypto.remote.handshake import LARGEST_HELLO
from openehc.crypto.remote.session import SESSION_SIZE
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import SetClock
from openehc.proxy.model import Denial, Reason
from openehc.proxy.record_refusals import ACTION, MOST_KINDS, RecordRefusals
from openehc.proxy.record_sessions import ACTION as SESSION
from tests.support.front_proxy import ALLOWED_AT, KeptRecords, KeptTrail, door_over
from tests.support.proxy_wire import Wire
from tests.support.waiting import until

HOST: Final = IPv4Address("10.1.0.5")


def counts(events: list[AuditEvent]) -> Counter[tuple[str, str]]:
    """Refusals by claimed caller and reason."""
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        found[event.actor.id, event.result] += (event.after or {})["refusals"]
    return found


# ---- the ways to be refused: each is done once and returns the status


async def unknown_key(wire: Wire) -> int:
    stranger = wire.proxy.party(Sm2PrivateKey.generate())
    return (await wire.post(SESSION_PATH, wire.hello(party=stranger).wire)).status_code


async def outside_its_network(wire: Wire) -> int:
    outside = wire.proxy.allow("remote", networks=("10.9.0.0/16",))
    return (await wire.post(SESSION_PATH, wire.hello(party=outside).wire)).status_code


async def revoked(wire: Wire) -> int:
    left = wire.proxy.allow("left")
    wire.proxy.put(replace(wire.proxy.callers["left"], revoked_at=ALLOWED_AT))
    return (await wire.post(SESSION_PATH, wire.hello(party=left).wire)).status_code


async def wrong_signature(wire: Wire) -> int:
    hello = msgspec.msgpack.decode(wire.hello().wire)
    forged = msgspec.msgpack.encode([hello[0], Sm2PrivateKey.generate().sign_raw(hello[0])])
    return (await wire.post(SESSION_PATH, forged)).status_code


async def stale_hello(wire: Wire) -> int:
    hello = wire.hello().wire
    wire.clock.advance(seconds=61)
    return (await wire.post(SESSION_PATH, hello)).status_code


async def repeated_hello(wire: Wire) -> int:
    hello = wire.hello().wire
    await wire.post(SESSION_PATH, hello)
    return (await wire.post(SESSION_PATH, hello)).status_code


async def no_hello(wire: Wire) -> int:
    return (await wire.post(SESSION_PATH, b"SECRETNUMBER")).status_code


async def large_hello(wire: Wire) -> int:
    return (await wire.post(SESSION_PATH, b"x" * (LARGEST_HELLO + 1))).status_code


async def no_session(wire: Wire) -> int:
    message = await wire.message()
    forged = bytes(SESSION_SIZE) + message[SESSION_SIZE:]
    return (await wire.post(CALLS_PATH, forged)).status_code


async def wrong_seal(wire: Wire) -> int:
    message = bytearray(await wire.message())
    message[-1] ^= 1
    return (await wire.post(CALLS_PATH, bytes(message))).status_code


async def held_back(wire: Wire) -> int:
    message = await wire.message()
    wire.clock.advance(seconds=61)
    return (await wire.post(CALLS_PATH, message)).status_code


async def replayed(wire: Wire) -> int:
    await wire.open()
    message = await wire.message()
    await wire.post(CALLS_PATH, message)
    return (await wire.post(CALLS_PATH, message)).status_code


async def no_calls(wire: Wire) -> int:
    keys = await wire.open()
    message = keys.sealed_message(b"\x90", counter=1, at=wire.clock.now())
    return (await wire.post(CALLS_PATH, message)).status_code


async def unrecorded(wire: Wire) -> int:
    wire.proxy.kept.down = True
    await wire.open()
    return (await wire.post(CALLS_PATH, await wire.message())).status_code


async def from_nowhere_known(wire: Wire) -> int:
    wire.proxy.put(replace(wire.proxy.callers["card"], revoked_at=ALLOWED_AT))
    return (await wire.post(SESSION_PATH, b"x")).status_code


@pytest.mark.requirement("G1-9.5-11")
@pytest.mark.parametrize(
    ("refused", "status", "caller", "result"),
    [
        (unknown_key, 403, "", "caller_unknown"),
        (outside_its_network, 403, "remote", "source_wrong"),
        (revoked, 403, "left", "caller_revoked"),
        (wrong_signature, 403, "card", "signature_wrong"),
        (stale_hello, 403, "card", "clock_wrong"),
        (repeated_hello, 403, "card", "hello_repeated"),
        (no_hello, 400, "", "malformed"),
        (large_hello, 413, "", "too_large"),
        (no_session, 401, "", "session_unknown"),
        (wrong_seal, 403, "card", "seal_broken"),
        (held_back, 403, "card", "clock_wrong"),
        (replayed, 403, "card", "replayed"),
        (no_calls, 400, "card", "malformed"),
        (unrecorded, 503, "card", "not_recorded"),
        (from_nowhere_known, 403, "", "source_wrong"),
    ],
)  # fmt: skip
async def test_each_refusal_is_recorded_with_its_reason_and_how_often(
    wire: Wire, refused: Callable[[Wire], Awaitable[int]], status: int, caller: str, result: str
) -> None:
    statuses = [await refused(wire) for _ in range(3)]
    await wire.proxy.refusals.close()

    records = wire.proxy.trail.of(ACTION)
    assert statuses == [status] * 3
    assert counts(records) == {(caller, result): 3}
    assert {(one.category, one.actor) for one in records} == {
        (Category.SECURITY, Actor(ActorKind.APPLICATION, caller, "127.0.0.1"))
    }
    assert {(one.after or {})["network"] for one in records} == {"127.0.0.0/24"}
    assert "SECRETNUMBER" not in repr(records)


async def test_a_refusal_stands_in_the_trail_without_a_stop(wire: Wire) -> None:
    await unknown_key(wire)

    await until(lambda: len(wire.proxy.trail.of(ACTION)) == 1)


async def test_ten_thousand_wrong_messages_leave_a_handful_of_records() -> None:
    trail, clock = KeptTrail(), SetClock(ALLOWED_AT)
    door = door_over(
        SoftCryptoModule(PUBLIC_TEST_KEYS), clock=clock, key=Sm2PrivateKey.generate(),
        kept=KeptRecords(), trail=trail,
    )  # fmt: skip
    refusals = RecordRefusals(trail, clock)  # with the pause of production
    flooded = replace(door, refusals=refusals, fresh=lambda: True)
    started = asyncio.get_running_loop().time()

    for _ in range(10_000):
        await flooded(SCOPE, _message, _nothing)
        await asyncio.sleep(0)
    seconds = asyncio.get_running_loop().time() - started
    await refusals.close()

    records = trail.of(ACTION)
    assert len(records) <= seconds + 2
    assert counts(records) == {("", "source_wrong"): 10_000}


SCOPE: Final[dict[str, Any]] = {
    "method": "POST", "path": CALLS_PATH, "client": ("10.1.0.5", 40_000),
}  # fmt: skip


async def _message() -> dict[str, Any]:
    return {"type": "http.request", "body": b"wrong", "more_body": False}


async def _nothing(_sent: dict[str, Any]) -> None:
    """Nobody reads the answers."""


class TestCounting:
    async def test_a_flood_from_everywhere_is_told_apart_only_so_far(self) -> None:
        trail = KeptTrail()
        refusals = RecordRefusals(trail, SetClock(ALLOWED_AT))

        for network in range(5_000):
            source = IPv6Address((0xFD << 120) + (network << 64) + 1)
            refusals.note(Denial(Reason.MALFORMED), source=source)
        refusals.note(Denial(Reason.REPLAYED, "card"), source=HOST)
        await refusals.close()

        assert len(trail.events) <= MOST_KINDS + 2
        assert counts(trail.events) == {("", "malformed"): 5_000, ("card", "replayed"): 1}

    async def test_addresses_of_one_network_share_a_record_that_names_the_last(self) -> None:
        trail, clock = KeptTrail(), SetClock(ALLOWED_AT)
        refusals = RecordRefusals(trail, clock)

        for last in (5, 9):
            source = IPv4Address(f"10.1.0.{last}")
            refusals.note(Denial(Reason.SEAL_BROKEN, "card"), source=source)
            clock.advance(seconds=0.25)
        await refusals.close()

        (record,) = trail.events
        assert (record.actor.address, (record.after or {})["network"]) == (
            "10.1.0.9", "10.1.0.0/24",
        )  # fmt: skip
        told = record.after or {}
        assert (told["refusals"], told["last"] - told["first"]) == (2, 250)

    async def test_what_cannot_be_recorded_is_counted_until_it_can(self) -> None:
        trail = KeptTrail(down=True)
        refusals = RecordRefusals(trail, SetClock(ALLOWED_AT), pause=0.01)
        for _ in range(3):
            refusals.note(Denial(Reason.MALFORMED), source=HOST)
            await asyncio.sleep(0.02)

        trail.down = False
        await until(lambda: bool(trail.events))

        assert counts(trail.events) == {("", "malformed"): 3}
        await refusals.close()

    async def test_a_trail_that_stays_away_neither_grows_the_memory_nor_stops_the_stop(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        refusals = RecordRefusals(KeptTrail(down=True), SetClock(ALLOWED_AT), pause=0.001)
        for network in range(500):
            refusals.note(Denial(Reason.MALFORMED), source=IPv4Address(network << 8))
            await asyncio.sleep(0.0001)

        held = len(refusals._counted)
        await refusals.close()

        assert held <= MOST_KINDS + 1
        assert "500 refusals were not recorded" in caplog.text


@dataclass(slots=True)
class StuckTrail:
    """A trail that never comes to an end."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def record(self, event: AuditEvent) -> None:
        del event
        self.asked.set()
        await asyncio.Event().wait()


async def test_a_refusal_does_not_wait_for_its_record() -> None:
    trail = StuckTrail()
    door = door_over(
        SoftCryptoModule(PUBLIC_TEST_KEYS), clock=SetClock(ALLOWED_AT),
        key=Sm2PrivateKey.generate(), kept=KeptRecords(), trail=trail,
    )  # fmt: skip
    answered = [asyncio.create_task(door(SCOPE, _message, _nothing)) for _ in range(2)]

    await trail.asked.wait()
    await asyncio.sleep(0)

    assert all(one.done() for one in answered)


class TestSession:
    @pytest.mark.requirement("G1-9.5-11")
    async def test_is_recorded_when_it_is_opened(self, wire: Wire) -> None:
        await wire.open()

        (record,) = wire.proxy.trail.events
        assert (record.category, record.action, record.result, record.at) == (
            Category.SECURITY, SESSION, "ok", ALLOWED_AT,
        )  # fmt: skip
        assert record.actor == Actor(ActorKind.APPLICATION, "card", "127.0.0.1")

    async def test_is_not_opened_when_it_cannot_be_recorded(self, wire: Wire) -> None:
        wire.proxy.trail.down = True

        answer = await wire.post(SESSION_PATH, wire.hello().wire)

        assert (answer.status_code, answer.content, len(wire.proxy.sessions)) == (503, b"", 0)
        wire.proxy.trail.down = False
        await until(lambda: bool(wire.proxy.trail.events))
        assert counts(wire.proxy.trail.of(ACTION)) == {("card", "not_recorded"): 1}
        await wire.open()
        assert len(wire.proxy.sessions) == 1
