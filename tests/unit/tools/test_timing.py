"""How tests with a time budget leave out what else the machine does, and what they still see."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from tests.support.timing import delay_until, mostly, processor_seconds_of, quickest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that `perf_counter` tells; answers of the tests move it."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


async def _told(times: Iterator[float]) -> float:
    return next(times)


async def test_the_quickest_of_some_tries_counts_and_ends_them() -> None:
    times = iter([9.0, 5.0, 2.0, 0.1])

    assert await quickest(lambda: _told(times), within=3) == 2.0
    assert list(times) == [0.1]


async def test_what_is_never_quick_is_told_as_slow() -> None:
    times = (5.0 + n for n in count())

    assert await quickest(lambda: _told(times), within=3, tries=7) == 5.0


async def test_what_is_looked_for_every_few_seconds_is_slow_although_one_try_is_lucky() -> None:
    times = iter([0.2, 4.0, 0.3, 3.0, 2.0])

    assert await mostly(lambda: _told(times), within=1) == [4.0, 3.0, 2.0]


async def test_a_machine_that_stands_still_twice_does_not_make_it_slow() -> None:
    times = iter([0.2, 4.0, 0.3, 3.0, 0.1])

    assert max(await mostly(lambda: _told(times), within=1)) < 1


@pytest.mark.parametrize(
    ("stale", "each", "delay"),
    [(3, 2.0, 0.0), (100, 0.05, 5.0), (5, 0.01, 0.05)],
    ids=["a slow machine", "a worker that looks every five seconds", "told soon"],
)
async def test_a_delay_counts_where_many_answers_did_not_show_the_change(
    clock: list[float], stale: int, each: float, delay: float
) -> None:
    asked = count()

    async def seen() -> bool:
        clock[0] += each
        return next(asked) >= stale

    assert await delay_until(seen) == pytest.approx(delay)


async def test_a_change_that_never_comes_is_an_error(clock: list[float]) -> None:
    async def seen() -> bool:
        clock[0] += 1.0
        return False

    with pytest.raises(TimeoutError):
        await delay_until(seen)


def test_the_processor_time_of_a_process_is_what_it_worked_and_not_what_it_waited() -> None:
    work = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]"
    told = f"{work}; print(flush=True); import sys; sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", told], stdin=pipe, stdout=pipe) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        worked = processor_seconds_of(process.pid)
        process.stdin.close()

    assert worked
    assert worked >= 0.25
    assert processor_seconds_of(process.pid) is None
