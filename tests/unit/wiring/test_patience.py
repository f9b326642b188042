"""A starting worker waits while its registers grow, and not for a database that is away."""

import asyncio

import pytest

from openehc.kernel.refusal import DatabaseDown
from openehc.wiring.patience import Loading, wait_until_loaded

LOOK = 0.01
STALLED = 0.5


class Load:
    """A load whose rows arrive at the moments when somebody looks."""

    def __init__(self, *seen: int, there: bool = True) -> None:
        self.seen = list(seen)
        self.there = there
        self.done = asyncio.Event()
        self.looks = 0

    def rows(self) -> int:
        return self.seen[min(self.looks, len(self.seen) - 1)]

    async def answers(self) -> bool:
        self.looks += 1
        if self.looks == len(self.seen):
            self.done.set()
        return self.there

    async def loaded(self) -> None:
        await self.done.wait()

    async def outcome(self) -> bool:
        loading = Loading(self.loaded, self.answers, self.rows)
        async with asyncio.timeout(60):
            return await wait_until_loaded(loading, look_seconds=LOOK, stalled_seconds=STALLED)


async def test_a_long_load_that_goes_on_is_waited_for() -> None:
    rows = range(1, round(3 * STALLED / LOOK))

    assert await Load(*rows).outcome()


async def test_a_database_that_is_away_is_waited_for_once() -> None:
    load = Load(1, 2, 3, 4, there=False)

    assert not await load.outcome()
    assert load.looks == 1


async def test_a_load_that_begins_again_and_again_is_given_up() -> None:
    over_and_over = [10, 20, 30] * 100

    assert not await Load(*over_and_over).outcome()


async def test_trouble_at_the_end_of_a_load_is_no_load() -> None:
    async def broken() -> None:
        raise DatabaseDown("gone")

    load = Load(1)

    assert not await wait_until_loaded(Loading(broken, load.answers, load.rows), look_seconds=LOOK)


async def test_what_is_given_up_is_not_left_behind() -> None:
    before = asyncio.all_tasks()

    await Load(1, there=False).outcome()

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("rows", [0, 5])
async def test_a_load_that_ends_at_once_is_not_looked_at(rows: int) -> None:
    load = Load(rows)
    load.done.set()

    assert await load.outcome()
    assert load.looks == 0
