"""Every call leaves a record: who, what, which machine, how it ended, when; never the data."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from openehc.audit.model import AuditEvent
from openehc.crypto.module.balancing import EjectionRules
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.machine_pool import MachineSettings
from openehc.crypto.module.port import UnfitIdentity
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.calls import Call, Failed, Fault, MakeEhcid, read_answers, written
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.kernel.clock import SetClock
from openehc.kernel.refusal import CryptoModuleDown, DatabaseDown
from openehc.proxy.model import CallRecord, Result
from openehc.proxy.record_calls import RecordCalls, events_of
from tests.support.crypto_machine import CryptoMachine, Manner
from tests.support.front_proxy import ALLOWED_AT, PATIENT, front_proxy
from tests.support.waiting import until

AT: Final = datetime(2026, 3, 1, 8, tzinfo=UTC)
CALM: Final = MachineSettings(
    connect_seconds=60.0, call_seconds=60.0, answer_seconds=120.0,
    ejection=EjectionRules(failures=50),
)  # fmt: skip
HASTY: Final = replace(CALM, call_seconds=0.3, answer_seconds=1.0)
"""For a machine that says nothing."""


def record(call: Call = Call.MAKE_VALID, *, result: Result = Result.OK, **more: str) -> CallRecord:
    told = {"caller": "card", "source": "10.1.0.5", "machine": "10.2.0.1:8018"} | more
    return CallRecord(call=call, result=result, at=AT, **told)


@pytest.mark.requirement("G1-9.5-11")
async def test_a_record_names_the_machine_that_answered() -> None:
    async with (
        CryptoMachine() as machine,
        MachineCryptoModule([machine.address], settings=CALM) as behind,
        front_proxy(behind, clock=SetClock(ALLOWED_AT)) as proxy,
    ):
        module = ProxyCryptoModule(
            proxy.allow(), lanes=1, patience=PATIENT, clock=SetClock(ALLOWED_AT)
        )
        await module.make_valid(AT)
        await module.close()

        name = f"127.0.0.1:{machine.port}"
        expected = CallRecord("card", "127.0.0.1", Call.MAKE_VALID, name, Result.OK, ALLOWED_AT)
        assert proxy.kept.records == [expected]


@pytest.mark.requirement("G1-9.5-6")
async def test_a_caller_learns_neither_why_a_call_failed_nor_where_the_machines_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        CryptoMachine() as machine,
        MachineCryptoModule([machine.address], settings=CALM) as behind,
        front_proxy(behind) as proxy,
    ):
        module = ProxyCryptoModule(proxy.allow(), lanes=1, patience=PATIENT)
        machine.manner, machine.spared = Manner.REFUSING, frozenset({"NC"})
        with pytest.raises(CryptoModuleDown) as failed:
            await module.make_valid(AT)
        health = await module.health()
        device = await module.device_information()
        await module.close()

    told = f"{failed.value} {health} {device}"
    assert "the crypto module behind the front proxy does not answer" in told
    assert str(machine.port) not in told
    assert "make_valid of card failed: the crypto machine answered S4 with return code 21" in (
        caplog.text
    )
    assert proxy.kept.records[0].result is Result.DOWN


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Manner.SILENT, "no answer within 0.3 s"), (Manner.TWICE, "more than one reply"),
        (Manner.WRONG_COMMAND, "not of the command"), (Manner.REFUSING, "return code 21"),
        (Manner.TRUNCATED, "announces 16 bytes"), (Manner.CUT, "in the middle of a reply"),
        (Manner.OVERSIZED, "longer than 4096"), (Manner.CLOSING, "before it answered"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
async def test_whatever_a_machine_does_wrong_the_caller_sees_one_error_and_the_log_the_reason(
    manner: Manner, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = HASTY if manner is Manner.SILENT else CALM
    async with (
        CryptoMachine() as machine,
        MachineCryptoModule([machine.address], settings=settings) as behind,
        front_proxy(behind) as proxy,
    ):
        module = ProxyCryptoModule(proxy.allow(), lanes=1, patience=PATIENT)
        machine.manner = manner
        with pytest.raises(CryptoModuleDown) as failed:
            await module.make_valid(AT)
        machine.manner = Manner.WELL
        after = await _sooner_or_later(module)
        await module.close()

    assert str(failed.value) == "the crypto module behind the front proxy does not answer"
    assert reason in caplog.text
    assert after == await SoftCryptoModule(PUBLIC_TEST_KEYS).make_valid(AT)


async def _sooner_or_later(module: ProxyCryptoModule) -> str:
    """What it makes; on a busy machine a hasty call may fail once more."""
    async with asyncio.timeout(60):
        while True:
            with suppress(CryptoModuleDown):
                return await module.make_valid(AT)


async def test_what_does_not_open_is_recorded_as_that() -> None:
    async with front_proxy(SoftCryptoModule(PUBLIC_TEST_KEYS)) as proxy:
        module = ProxyCryptoModule(proxy.allow(), lanes=1, patience=PATIENT)
        assert await module.open_valid("00" * 16) is None
        assert await module.open_ehcid(bytes(32), "0" * 64) is None
        await module.close()

    assert [one.result for one in proxy.kept.records] == [Result.NOTHING, Result.NOTHING]


async def test_an_identity_that_only_the_proxy_finds_unfit_is_told_as_unfit() -> None:
    answer = read_answers(written([Failed(Fault.UNFIT)]), count=1)[0]
    async with front_proxy(SoftCryptoModule(PUBLIC_TEST_KEYS)) as proxy:
        module = ProxyCryptoModule(proxy.allow(), lanes=1, patience=PATIENT)
        with pytest.raises(UnfitIdentity):
            # past the module's own checks, as a caller of another make would send it
            await module._answer(MakeEhcid("01", "", "0" * 64))
        await module.close()

    assert answer == Failed(Fault.UNFIT)
    assert [one.result for one in proxy.kept.records] == [Result.UNFIT]


@dataclass(slots=True)
class SlowTrail:
    """A trail that writes when it is let."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    events: list[AuditEvent] = field(default_factory=list)
    begun: int = 0
    down: bool = False

    async def record(self, event: AuditEvent) -> None:
        self.begun += 1
        await self.go.wait()
        if self.down:
            raise DatabaseDown("away")
        self.events.append(event)


class TestGathering:
    async def test_returns_only_when_the_record_is_durable(self) -> None:
        trail = SlowTrail()
        recording = asyncio.create_task(RecordCalls(trail).record([record()]))
        await until(lambda: trail.begun == 1)
        early = recording.done()

        trail.go.set()
        await recording

        assert (early, len(trail.events)) == (False, 1)

    async def test_what_comes_while_a_record_is_written_shares_the_next_one(self) -> None:
        trail = SlowTrail()
        recorder = RecordCalls(trail, lanes=1)
        first = asyncio.create_task(recorder.record([record()]))
        await until(lambda: trail.begun == 1)
        others = [asyncio.create_task(recorder.record([record(), record()])) for _ in range(50)]
        await asyncio.sleep(0.01)

        trail.go.set()
        await asyncio.gather(first, *others)

        sizes = [len((event.after or {})["calls"]) for event in trail.events]
        assert sizes == [1, 100]

    async def test_a_record_that_cannot_be_written_fails_every_call_that_it_holds(self) -> None:
        trail = SlowTrail(down=True)
        trail.go.set()
        recorder = RecordCalls(trail)

        outcomes = await asyncio.gather(
            *(recorder.record([record()]) for _ in range(5)), return_exceptions=True
        )

        assert [type(one) for one in outcomes] == [DatabaseDown] * 5

    async def test_goes_on_after_a_failure(self) -> None:
        trail = SlowTrail(down=True)
        trail.go.set()
        recorder = RecordCalls(trail)
        with pytest.raises(DatabaseDown):
            await recorder.record([record()])

        trail.down = False
        await recorder.record([record()])

        assert len(trail.events) == 1

    async def test_refuses_more_than_it_can_hold(self) -> None:
        recorder = RecordCalls(SlowTrail(), lanes=0)

        with pytest.raises(DatabaseDown, match="wait to be written"):
            await recorder.record([record()] * 50_001)


@pytest.mark.requirement("G1-9.5-11")
def test_an_event_holds_calls_of_one_caller_address_and_result() -> None:
    later = CallRecord("card", "10.1.0.5", Call.OPEN_EHCID, "m2", Result.OK,
                       AT + timedelta(milliseconds=7))  # fmt: skip
    events = events_of([
        record(), record(caller="desk"), record(result=Result.DOWN), later,
        record(source="10.1.0.6"),
    ])  # fmt: skip

    told = [
        (event.actor.id, event.actor.address, event.result, len((event.after or {})["calls"]))
        for event in events
    ]
    assert told == [
        ("card", "10.1.0.5", "ok", 2), ("desk", "10.1.0.5", "ok", 1),
        ("card", "10.1.0.5", "down", 1), ("card", "10.1.0.6", "ok", 1),
    ]  # fmt: skip
    assert (events[0].after or {})["calls"] == [
        [1772352000000, "make_valid", "10.2.0.1:8018"], [1772352000007, "open_ehcid", "m2"],
    ]  # fmt: skip
