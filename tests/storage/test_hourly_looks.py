"""The platform looks every hour who was turned away: one worker of all, one record a day."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pytest

from openehc.access.findings import Finding
from openehc.access.watch_software import LOOK_EVERY
from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import SetClock, china_day
from openehc.kernel.ids import SystemEntropy
from openehc.storage.alone import alone
from openehc.storage.pool import Database
from openehc.wiring.access_desk import build_access_desk
from openehc.wiring.settings import Settings
from openehc.wiring.watching import LOCK, look_alone
from tests.support.stores import AT

KNOCK: Final = """
insert into application_knocks (day, app_id, reason, attempts, last_at)
values ($1, $2, 'app_unknown', 100, now())
"""


@dataclass(slots=True)
class Workers:
    """Two workers over one database, and one clock."""

    database: Database
    clock: SetClock
    desks: tuple[AccessDesk, AccessDesk]

    async def look(self) -> list[Finding]:
        """Both look, one after the other: what they found."""
        return [one for desk in self.desks for one in await look_alone(desk, self.database)]

    async def knock(self, app_id: str, day: date | None = None) -> None:
        """Somebody was turned away a hundred times."""
        await self.database.execute(KNOCK, day or china_day(self.clock.now()), app_id)

    async def records(self) -> list[Any]:
        rows = await self.database.fetch(
            "select object_ref, after from audit_records where action = 'finding.sweep' order by at"
        )
        return [tuple(row) for row in rows]


@pytest.fixture
def workers(database: Database, plain_settings: Settings) -> Workers:
    clock = SetClock(AT)

    def desk() -> AccessDesk:
        return build_access_desk(
            plain_settings, database, AuditTrail(database, SystemEntropy()),
            sealer=ProfileSealer({1: b"k" * 16}, current=1), clock=clock, entropy=SystemEntropy(),
        )  # fmt: skip

    return Workers(database, clock, (desk(), desk()))


@pytest.mark.requirement("G2-3.2-2", "G2-3.2-4")
async def test_looks_that_find_nothing_leave_one_record_a_day(workers: Workers) -> None:
    hours = timedelta(days=1) // LOOK_EVERY
    for _ in range(2 * hours):
        await workers.look()
        workers.clock.advance(seconds=LOOK_EVERY.total_seconds())

    days = [china_day(AT) + timedelta(days=n) for n in range(3)]
    assert await workers.records() == [(str(day), '{"found":0}') for day in days]


async def test_within_an_hour_nobody_looks_again(workers: Workers) -> None:
    await workers.look()
    await workers.knock("stranger")
    workers.clock.advance(seconds=LOOK_EVERY.total_seconds() - 1)
    early = await workers.look()

    workers.clock.advance(seconds=1)

    assert (early, len(await workers.look())) == ([], 1)


@pytest.mark.requirement("G2-3.2-2")
async def test_a_look_that_found_something_has_a_record(workers: Workers) -> None:
    await workers.look()
    await workers.knock("stranger")
    workers.clock.advance(seconds=LOOK_EVERY.total_seconds())

    await workers.look()

    assert [after for _, after in await workers.records()] == ['{"found":0}', '{"found":1}']


async def test_while_one_worker_looks_the_others_leave_it_alone(workers: Workers) -> None:
    await workers.knock("stranger")

    async with alone(workers.database, LOCK):
        meanwhile = await workers.look()

    assert (meanwhile, len(await workers.look())) == ([], 1)


async def test_who_knocked_before_midnight_is_found_after_it(workers: Workers) -> None:
    await workers.look()
    ended = china_day(workers.clock.now())
    while china_day(workers.clock.now()) == ended:
        workers.clock.advance(seconds=LOOK_EVERY.total_seconds())
        if china_day(workers.clock.now()) == ended:
            await workers.look()
    await workers.knock("late", day=ended)

    found = await workers.look()

    assert [one.seen.subject for one in found] == ["late"]
