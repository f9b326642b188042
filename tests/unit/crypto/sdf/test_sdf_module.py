"""The module over an SDF library: ways to the keys, errors by name, a device that comes back."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from openehc.crypto.module.port import DeviceInformation, ModuleKind
from openehc.crypto.module.sdf import (
    KeyByIndex,
    KeyUnderKek,
    SdfBusy,
    SdfCryptoModule,
    SdfSettings,
)
from openehc.crypto.module.sdf_device import SdfDevice
from openehc.crypto.module.sdf_library import SdfFailed, UnfitLibrary
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.kernel.refusal import CryptoModuleDown
from tests.support.crypto_machine import eventually
from tests.support.sdf_double import (
    COMMFAIL,
    KEK_INDEX,
    KEYNOTEXIST,
    PROTECT_INDEX,
    SAFE_INDEX,
    SdfDouble,
    sdf_double,
    under_kek,
)
from tests.support.waiting import until

EXPIRES = datetime(2026, 3, 1, tzinfo=UTC)
FOREVER = 600_000
"""Milliseconds: calls end when the test shortens the delay."""

INNER = SdfSettings(
    safe_key=KeyByIndex(SAFE_INDEX), protect_key=KeyByIndex(PROTECT_INDEX), call_seconds=60.0
)
OUTER = SdfSettings(
    safe_key=KeyUnderKek(KEK_INDEX, under_kek(PUBLIC_TEST_KEYS.safe_key)),
    protect_key=KeyUnderKek(KEK_INDEX, under_kek(PUBLIC_TEST_KEYS.protect_key)),
    call_seconds=60.0,
)
WITHOUT_HANDLES = ("-DWITHOUT_SYMM_KEY_HANDLE",)


def settings(**changes: object) -> SdfSettings:
    fields = {"safe_key": INNER.safe_key, "protect_key": INNER.protect_key, "call_seconds": 60.0}
    return SdfSettings(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def double() -> Iterator[SdfDouble]:
    with sdf_double(PUBLIC_TEST_KEYS) as device:
        yield device
        device.behave()  # whatever still waits in it goes on


async def soft_check_values() -> dict[str, str]:
    return await SoftCryptoModule(PUBLIC_TEST_KEYS).key_check_values()


class TestKeys:
    async def test_that_lie_in_the_device_are_used(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            assert await module.key_check_values() == await soft_check_values()

    async def test_that_lie_outside_under_a_key_of_the_device_are_used(
        self, double: SdfDouble
    ) -> None:
        async with SdfCryptoModule(double.path, settings=OUTER) as module:
            assert await module.key_check_values() == await soft_check_values()

    async def test_from_outside_need_no_internal_handles(self) -> None:
        with sdf_double(PUBLIC_TEST_KEYS, flags=WITHOUT_HANDLES) as double:
            async with SdfCryptoModule(double.path, settings=OUTER) as module:
                assert await module.key_check_values() == await soft_check_values()

    def test_by_index_need_a_library_that_has_them(self) -> None:
        with (
            sdf_double(PUBLIC_TEST_KEYS, flags=WITHOUT_HANDLES) as double,
            pytest.raises(UnfitLibrary, match="lacks SDF_GetSymmKeyHandle"),
        ):
            SdfCryptoModule(double.path, settings=INNER)

    async def test_that_are_absent_are_told_by_name(self, double: SdfDouble) -> None:
        wrong = settings(protect_key=KeyByIndex(20))

        async with SdfCryptoModule(double.path, settings=wrong) as module:
            with pytest.raises(SdfFailed, match=r"SDF_GetSymmKeyHandle .* SDR_KEYNOTEXIST"):
                await module.make_valid(EXPIRES)

    async def test_of_residents_are_destroyed_after_use(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=settings(threads=1)) as module:
            for number in range(20):
                await module.make_ehcid("99", str(number), "0123456789ABCDEF" * 4)

            assert double.count().keys == 2

    async def test_of_residents_are_destroyed_after_a_failure(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=settings(threads=1)) as module:
            await module.make_valid(EXPIRES)
            double.behave(extra_bytes=1)
            with pytest.raises(CryptoModuleDown):
                await module.make_ehcid("99", "X", "0123456789ABCDEF" * 4)

            assert double.count().keys == 2


class TestLibraries:
    def test_a_file_that_is_none_is_told(self, tmp_path: Path) -> None:
        text = tmp_path / "library.so"
        text.write_text("not a library")

        with pytest.raises(UnfitLibrary, match="cannot be loaded"):
            SdfCryptoModule(text, settings=INNER)

    def test_a_file_that_is_missing_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(UnfitLibrary, match="cannot be loaded"):
            SdfCryptoModule(tmp_path / "absent.so", settings=INNER)

    async def test_that_give_more_bytes_than_asked_are_not_believed(
        self, double: SdfDouble
    ) -> None:
        double.behave(extra_bytes=1)

        async with SdfCryptoModule(double.path, settings=INNER) as module:
            with pytest.raises(CryptoModuleDown, match="SDF_Encrypt gave 17 bytes instead of 16"):
                await module.make_valid(EXPIRES)


class TestThreads:
    async def test_have_one_session_each(self, double: SdfDouble) -> None:
        double.behave(delay_ms=FOREVER)

        async with SdfCryptoModule(double.path, settings=settings(threads=3)) as module:
            calls = [asyncio.create_task(module.make_valid(EXPIRES)) for _ in range(30)]
            await until(lambda: double.count().sessions == 3)
            double.behave()
            await asyncio.gather(*calls)

            assert double.count().sessions == 3

    async def test_keep_their_answers_apart(self, double: SdfDouble) -> None:
        expiries = [EXPIRES + timedelta(seconds=at) for at in range(200)]
        soft = SoftCryptoModule(PUBLIC_TEST_KEYS)

        async with SdfCryptoModule(double.path, settings=INNER) as module:
            valids = await asyncio.gather(*(module.make_valid(moment) for moment in expiries))

        assert valids == [await soft.make_valid(moment) for moment in expiries]

    async def test_do_not_hold_the_event_loop_up(self, double: SdfDouble) -> None:
        double.behave(delay_ms=500)

        async with SdfCryptoModule(double.path, settings=INNER) as module:
            call = asyncio.create_task(module.make_valid(EXPIRES))
            await asyncio.sleep(0)  # a call that holds the loop up has ended when we go on
            went_on = not call.done()
            await call

        assert went_on

    async def test_that_are_busy_let_no_more_wait_than_may(self, double: SdfDouble) -> None:
        double.behave(delay_ms=FOREVER)

        async with SdfCryptoModule(double.path, settings=settings(threads=1, waiting=1)) as module:
            served = [asyncio.create_task(module.make_valid(EXPIRES)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(SdfBusy):
                await module.make_valid(EXPIRES)
            double.behave()
            outcomes = await asyncio.gather(*served)

        assert [type(outcome) for outcome in outcomes] == [str, str]

    async def test_that_take_too_long_are_not_waited_for(self, double: SdfDouble) -> None:
        double.behave(delay_ms=FOREVER)

        async with SdfCryptoModule(double.path, settings=settings(call_seconds=0.1)) as module:
            with pytest.raises(CryptoModuleDown, match=r"no answer within 0\.1 s"):
                await module.make_valid(EXPIRES)
            double.behave()


class TestDevice:
    async def test_is_given_back_at_the_end(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            await asyncio.gather(*(module.make_valid(EXPIRES) for _ in range(20)))

        left = double.count()
        assert (left.devices, left.sessions, left.keys) == (0, 0, 0)

    async def test_is_opened_by_the_first_call_only(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            before = double.count().openings
            await asyncio.gather(*(module.make_valid(EXPIRES) for _ in range(20)))

            assert (before, double.count().openings) == (0, 1)

    async def test_a_closed_module_answers_nothing(self, double: SdfDouble) -> None:
        module = SdfCryptoModule(double.path, settings=INNER)
        await module.close()

        with pytest.raises(CryptoModuleDown, match="closed"):
            await module.make_valid(EXPIRES)

    def test_a_closed_device_is_not_opened_by_a_belated_call(self, double: SdfDouble) -> None:
        device = SdfDevice(double.path, settings=INNER)
        device.close()

        with pytest.raises(CryptoModuleDown, match="closed"):
            device.run(lambda session: session.digest(b"x"))

    async def test_that_fails_once_is_opened_again_and_the_call_ends_well(
        self, double: SdfDouble
    ) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            first = await module.make_valid(EXPIRES)
            double.fail(COMMFAIL, times=1)

            assert await module.make_valid(EXPIRES) == first
            assert (double.count().devices, double.count().openings) == (1, 2)

    async def test_that_was_unplugged_and_plugged_in_again_works(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            first = await asyncio.gather(*(module.make_valid(EXPIRES) for _ in range(20)))
            double.unplug()
            double.plug_in()

            again = await asyncio.gather(*(module.make_valid(EXPIRES) for _ in range(20)))

        assert again == first

    async def test_that_is_unplugged_is_told_by_name(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            double.unplug()

            with pytest.raises(CryptoModuleDown, match=r"SDR_COMMFAIL \(0x01000003\)"):
                await module.make_valid(EXPIRES)

    async def test_that_stays_away_is_not_opened_for_every_call(self, double: SdfDouble) -> None:
        patient = settings(reopen_seconds=60.0)

        async with SdfCryptoModule(double.path, settings=patient) as module:
            await module.make_valid(EXPIRES)
            double.fail(COMMFAIL, times=1000)
            for _ in range(5):
                with pytest.raises(SdfFailed):
                    await module.make_valid(EXPIRES)

            assert double.count().openings == 2

    async def test_that_cannot_be_opened_is_not_tried_again_at_once(
        self, double: SdfDouble
    ) -> None:
        async with SdfCryptoModule(double.path, settings=settings(reopen_seconds=60.0)) as module:
            double.unplug()
            with pytest.raises(SdfFailed):
                await module.make_valid(EXPIRES)
            double.plug_in()

            with pytest.raises(CryptoModuleDown, match="a moment ago"):
                await module.make_valid(EXPIRES)

    async def test_that_was_away_works_after_the_pause(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=settings(reopen_seconds=0.05)) as module:
            double.unplug()
            with pytest.raises(CryptoModuleDown):
                await module.make_valid(EXPIRES)
            double.plug_in()
            await asyncio.sleep(0.06)

            assert await module.make_valid(EXPIRES)

    async def test_that_says_no_is_not_opened_again(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            await module.make_valid(EXPIRES)
            double.fail(KEYNOTEXIST, times=1)
            with pytest.raises(SdfFailed):
                await module.make_valid(EXPIRES)

            assert double.count().openings == 1

    async def test_a_code_of_the_maker_is_told_as_a_number(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            double.fail(0x02000017, times=2)

            with pytest.raises(SdfFailed, match="0x02000017"):
                await module.make_valid(EXPIRES)

    async def test_threads_end_with_the_module(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            await module.make_valid(EXPIRES)

        await eventually(
            lambda: not any(one.name.startswith("ehc-sdf") for one in threading.enumerate())
        )


class TestState:
    async def test_the_device_tells_what_it_is(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            assert await module.device_information() == DeviceInformation(
                maker="DOUBLE",
                model="SDF-DOUBLE",
                serial="2026030100000001",
                version="7",
                algorithms=("SM3", "SM4"),
            )

    async def test_a_device_that_computes_is_alive(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            health = await module.health()

        assert (health.kind, health.alive) == (ModuleKind.SDF, True)

    async def test_a_device_that_does_not_is_dead_and_says_why(self, double: SdfDouble) -> None:
        async with SdfCryptoModule(double.path, settings=INNER) as module:
            double.unplug()

            health = await module.health()

        assert not health.alive
        assert "SDF_OpenDevice failed with SDR_COMMFAIL" in health.detail
