"""How long an answer takes, on a machine that does something else as well. Judges nothing.

Three measures leave out what others do. `cost` is the processor time that an answer takes, here
and in the database: for what computes. `quickest` is the shortest of several tries by the
clock, of which the first that is quick enough is the last: for what waits. `delay_until` and
`mostly` are for what has to reach the workers soon.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from openehc.storage.pool import Database

TRIES: Final = 7
_NANO: Final = 1e-9
_TICK: Final = 0.01
_A_MINUTE: Final = 60.0
_HANDFUL: Final = 3
_MOST_OF_FIVE: Final = 3
_BACKENDS: Final = "select pid from pg_stat_activity where datname = current_database()"


async def cost(
    ask: Callable[[], Awaitable[httpx.Response]], database: Database, *, within: float, tries: int
) -> tuple[float, Any]:
    """The least processor time of some tries, in seconds, and the last answer.

    Counted are this process, where the node runs, and the backends of its database. Processors
    that others use as well are slower, so there are more tries until one is `within` the bound.
    """
    least, answer = float("inf"), httpx.Response(0)
    for _ in range(tries):
        before = await _processor_seconds(database)
        answer = await ask()
        after = await _processor_seconds(database)
        least = min(least, sum(used - before.get(who, 0.0) for who, used in after.items()))
        if least <= within:
            break
    return least, answer.json()


async def quickest(
    attempt: Callable[[], Awaitable[float]], *, within: float, tries: int = TRIES
) -> float:
    """The shortest time that `attempt` tells, in seconds; none is made after one `within`."""
    shortest = float("inf")
    for _ in range(tries):
        shortest = min(shortest, await attempt())
        if shortest < within:
            break
    return shortest


async def clocked(work: Callable[[], Awaitable[object]]) -> float:
    """The seconds that `work` takes by the clock."""
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _processor_seconds(database: Database) -> dict[int, float]:
    """What this process (as 0) and each backend used so far; those that ended are left out."""
    used = {0: time.process_time()}
    for row in await database.fetch(_BACKENDS):
        seconds = processor_seconds_of(row["pid"])
        if seconds is not None:
            used[row["pid"]] = seconds
    return used


def processor_seconds_of(pid: int) -> float | None:
    """Processor time of a process of one thread; None when it ended.

    In nanoseconds where the kernel keeps them (`schedstat`), in hundredths of a second elsewhere.
    """
    folder = Path("/proc") / str(pid)
    try:
        return int((folder / "schedstat").read_text("ascii").split()[0]) * _NANO
    except (OSError, IndexError, ValueError):
        pass
    try:
        fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) * _TICK


def others_had() -> float:
    """Seconds of each processor in which it worked for others so far; compare two moments.

    Ours are this process and what it started; a server that another process started counts as
    another's, and so does what the host of a virtual machine took.
    """
    times = psutil.cpu_times()
    busy = sum(times) - times.idle - getattr(times, "iowait", 0.0)
    me = psutil.Process()
    own = 0.0
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            own += used.user + used.system + used.children_user + used.children_system
    return float(busy - own) / (psutil.cpu_count() or 1)


async def delay_until(seen: Callable[[], Awaitable[bool]]) -> float:
    """Seconds after which a change was seen, counted to the question whose answer shows it.

    Zero when a handful of answers did not show it yet: where an answer alone takes long, the
    machine is slow, and what is told to the workers comes no sooner than their answers. Raises
    TimeoutError after a minute.
    """
    began, stale = time.perf_counter(), 0
    while (asked := time.perf_counter()) - began < _A_MINUTE:
        if await seen():
            return 0.0 if stale <= _HANDFUL else asked - began
        stale += 1
    raise TimeoutError


async def mostly(attempt: Callable[[], Awaitable[float]], *, within: float) -> list[float]:
    """The times of tries until three of them are `within` the bound, or three are not.

    Where workers looked for changes every few seconds, one try might be lucky.
    """
    quick: list[float] = []
    slow: list[float] = []
    while max(len(quick), len(slow)) < _MOST_OF_FIVE:
        taken = await attempt()
        (quick if taken < within else slow).append(taken)
    return quick if len(quick) >= _MOST_OF_FIVE else slow
