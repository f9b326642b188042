"""Clock, wire time, days and serial numbers."""

from datetime import UTC, date, datetime, timedelta

import pytest

from openehc.kernel.clock import SetClock, SystemClock, china_day, parse_wire_time, wire_time
from openehc.kernel.ids import SystemEntropy, new_serial
from tests.support.counted_entropy import CountedEntropy
from tests.support.full_width import full_width

NEW_YEAR = datetime(2025, 12, 31, 16, 0, 0, tzinfo=UTC)


@pytest.mark.requirement("G3-A-3.2-1")
def test_wire_time_is_14_digits_in_china() -> None:
    assert wire_time(NEW_YEAR) == "20260101000000"


def test_wire_time_reads_back() -> None:
    assert parse_wire_time("20260101000000") == NEW_YEAR


@pytest.mark.parametrize(
    "text",
    [
        "", "2026010100000", "202601010000000", "20260101 00000", "20260230000000",
        "20261301000000", "20260101240000", "00000101000000", "00010101000000",
        full_width("20260101000000"), "2026-1-1000000",
    ],
)  # fmt: skip
def test_an_impossible_wire_time_reads_as_none(text: str) -> None:
    assert parse_wire_time(text) is None


def test_the_day_changes_at_midnight_in_china() -> None:
    days = [china_day(NEW_YEAR - timedelta(microseconds=1)), china_day(NEW_YEAR)]

    assert days == [date(2025, 12, 31), date(2026, 1, 1)]


def test_the_system_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_set_clock_stands_still() -> None:
    clock = SetClock(NEW_YEAR)

    assert clock.now() == clock.now() == NEW_YEAR


def test_a_set_clock_moves_when_it_is_told() -> None:
    clock = SetClock(NEW_YEAR)
    clock.advance(seconds=90)

    assert clock.now() == NEW_YEAR + timedelta(seconds=90)


def test_system_entropy_gives_as_many_bytes_as_asked() -> None:
    assert len(SystemEntropy().bytes(15)) == 15


def test_a_serial_is_32_hex_characters_of_16_random_bytes() -> None:
    assert new_serial(CountedEntropy()) == CountedEntropy().bytes(16).hex()
