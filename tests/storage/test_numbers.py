"""Numbers of 附录D.2 are gap-free and never given twice, also when many approve at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from openehc.access.decide import Approved
from openehc.access.entries import TerminalEntry
from openehc.access.kinds import TERMINALS
from openehc.access.model import Terminal
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import enter_ehcin
from openehc.access.rules import Act
from openehc.audit.model import Actor, ActorKind
from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import SetClock
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.storage.pool import Database
from openehc.wiring.access_desk import build_access_desk
from openehc.wiring.settings import Settings
from tests.support.entries import hospital_in
from tests.support.stores import AT, Stores

BY = Actor(ActorKind.USER, "province", "127.0.0.1")
TOGETHER = 50


@pytest.fixture
async def desk(database: Database, plain_settings: Settings) -> AccessDesk:
    return _desk(database, plain_settings)


def _desk(database: Database, settings: Settings) -> AccessDesk:
    sealer = ProfileSealer({1: b"k" * 16}, current=1)
    trail = AuditTrail(database, SystemEntropy())
    return build_access_desk(
        settings, database, trail, sealer=sealer, clock=SetClock(AT), entropy=SystemEntropy()
    )


@pytest.fixture
async def desks(
    database: Database, database_dsn: str, plain_settings: Settings
) -> AsyncIterator[list[AccessDesk]]:
    """Five workers with pools of their own."""
    handles = [await Database.connect(database_dsn, size=4, name=f"worker {n}") for n in range(5)]
    yield [_desk(handle, plain_settings) for handle in handles]
    for handle in handles:
        await handle.close()
    del database


async def applied(desk: AccessDesk, institution: int, count: int) -> list[Record]:
    made = [
        await desk.apply(TERMINALS, _terminal(institution, number), by=BY, now=AT)
        for number in range(count)
    ]
    return [record for record in made if isinstance(record, Record)]


def _terminal(institution: int, number: int) -> TerminalEntry:
    return TerminalEntry(
        institution_id=institution, serial_no=f"S-{number}", term_name="窗口", purpose="挂号",
        developer="示例设备有限公司", access_date=date(2026, 3, 1),
    )  # fmt: skip


def approval(record: Record, revision: int = 1) -> ActCommand:
    return ActCommand(
        kind=TERMINALS, record_id=record.record_id, revision=revision, act=Act.APPROVE, by=BY,
        now=AT,
    )  # fmt: skip


def number_of(done: Approved | Refusal) -> str | None:
    return done.record.number if isinstance(done, Approved) else None


@pytest.mark.requirement("G1-D.2-2", "G1-7.2-3")
async def test_many_approvals_at_once_leave_no_gap_and_repeat_nothing(
    stores: Stores, desks: list[AccessDesk]
) -> None:
    institution = await hospital_in(stores.access)
    waiting = await applied(desks[0], institution, TOGETHER)

    done = await asyncio.gather(*[
        desks[n % len(desks)].decide.approve(approval(record)) for n, record in enumerate(waiting)
    ])  # fmt: skip

    numbers = sorted(number_of(one) or "" for one in done)
    assert numbers == [f"9901A0001STMX{n:04d}" for n in range(1, TOGETHER + 1)]


async def test_an_approval_that_fails_uses_up_no_number(
    stores: Stores, desk: AccessDesk, database: Database
) -> None:
    institution = await hospital_in(stores.access)
    first, second = await applied(desk, institution, 2)
    await database.execute(
        "alter table audit_records add constraint none check (action <> 'terminal.approve')"
    )
    with pytest.raises(Exception, match="none"):
        await desk.decide.approve(approval(first))
    await database.execute("alter table audit_records drop constraint none")

    done = await desk.decide.approve(approval(second))

    assert number_of(done) == "9901A0001STMX0001"


async def test_the_number_of_what_has_left_is_not_given_again(
    stores: Stores, desk: AccessDesk
) -> None:
    institution = await hospital_in(stores.access)
    first, second = await applied(desk, institution, 2)
    await desk.decide.approve(approval(first))
    leave: dict[str, Any] = {"revision": 2, "act": Act.EXIT, "reason": "报废"}
    await desk.change_standing(
        ActCommand(kind=TERMINALS, record_id=first.record_id, by=BY, now=AT, **leave)
    )

    done = await desk.decide.approve(approval(second))

    assert number_of(done) == "9901A0001STMX0002"


async def test_a_number_that_a_program_chose_is_not_assigned(
    stores: Stores, desk: AccessDesk
) -> None:
    institution = await hospital_in(stores.access)
    await stores.access.save_terminal(Terminal("9901A0001STMX0007", institution, "旧窗口"))
    (record,) = await applied(desk, institution, 1)

    done = await desk.decide.approve(approval(record))

    assert number_of(done) == "9901A0001STMX0008"


async def test_when_all_numbers_are_used_up_the_refusal_says_so(
    stores: Stores, desk: AccessDesk
) -> None:
    institution = await hospital_in(stores.access)
    await stores.access.save_terminal(Terminal("9901A0001STMX9999", institution, "旧窗口"))
    (record,) = await applied(desk, institution, 1)

    done = await desk.decide.approve(approval(record))

    assert isinstance(done, Refusal)
    assert done.reason is Reason.STATE_FORBIDS
    assert "0001~9999" in done.detail


async def test_the_same_application_is_approved_once(
    stores: Stores, desks: list[AccessDesk]
) -> None:
    institution = await hospital_in(stores.access)
    (record,) = await applied(desks[0], institution, 1)

    done = await asyncio.gather(*[desk.decide.approve(approval(record)) for desk in desks])

    assert sorted(number_of(one) or "" for one in done) == ["", "", "", "", "9901A0001STMX0001"]


@pytest.mark.requirement("G1-D.1-3")
async def test_the_ehcin_is_entered_once(database: Database) -> None:
    first = await enter_ehcin(database, "9901A0001")

    second = await enter_ehcin(database, "9902A0001")

    assert (first, second) == ("9901A0001", "9901A0001")
    with pytest.raises(Exception, match="42501"):
        await database.execute("update node_identity set ehcin = '9902A0001'")
