"""Usage facts read back: one resident's own, everybody's, and counts."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import msgspec
import pytest

from openehc.audit.model import (
    RESIDENT_OBJECT,
    Actor,
    ActorKind,
    AuditEvent,
    Category,
    resident_ref,
)
from openehc.audit.trail import AuditTrail
from openehc.cards.model import CardAccount
from openehc.cards.usage import Kind, Purpose, UsageFact
from openehc.cards.usage_records import UsageRecords
from openehc.cards.usage_store import UsageQuery, UsageRecord, UsageStore
from openehc.kernel.refusal import Reason, Refusal
from openehc.storage.listing import Found, Listing
from tests.support.counted_entropy import CountedEntropy
from tests.support.residents import account, resident
from tests.support.stores import ADMISSION, AT, Stores

DAY: Final = date(2026, 3, 2)
QUERY: Final = UsageQuery(first_day=DAY, last_day=DAY)
NEWEST: Final = Listing(order="at", direction="desc", limit=20, offset=0)


async def _verify(
    stores: Stores, whom: CardAccount, *, minutes: int = 0, app_id: str = "test-app"
) -> None:
    fact = UsageFact(
        Kind.VERIFY, at=AT + timedelta(minutes=minutes), account=whom,
        admission=msgspec.structs.replace(ADMISSION, app_id=app_id),
        purpose=Purpose("010101", "0300", "doctor-1"),
    )  # fmt: skip
    await stores.codes.save_verification(fact, serial=None)


async def _look(stores: Stores, whom: CardAccount, *, minutes: int) -> None:
    await AuditTrail(stores.database, CountedEntropy(bytes([minutes]))).record(
        AuditEvent(
            category=Category.PERSONAL_DATA, action="resident.reveal",
            actor=Actor(ActorKind.USER, "window-1"), at=AT + timedelta(minutes=minutes),
            object_kind=RESIDENT_OBJECT, object_ref=resident_ref(whom.ehcid),
        )
    )  # fmt: skip


def _records(stores: Stores) -> UsageRecords:
    return UsageRecords(UsageStore(stores.database))


def _kinds(page: Found[UsageRecord] | Refusal) -> list[tuple[str, str]]:
    assert isinstance(page, Found)
    return [(record.kind, record.operator_id) for record in page.records]


async def _registered(stores: Stores) -> None:
    """The parties of `ADMISSION`, in the registers."""
    institution = await stores.access.save_institution(org_code="ORG-1", org_name="示例医院")
    await stores.database.execute(
        "insert into terminals (term_id, institution_id, term_name) values ('T-1', $1, '窗口')",
        institution,
    )


@pytest.mark.requirement("G2-B-5.1-30")
async def test_a_use_tells_who_where_when_and_for_what(stores: Stores) -> None:
    await _registered(stores)
    whom = account(resident(1))
    await _verify(stores, whom)

    page = await _records(stores).of_resident(whom.ehcid, query=QUERY, listing=NEWEST)

    assert isinstance(page, Found)
    assert page.records == [
        UsageRecord(
            at=AT, kind="verify", result="ok", ehcid=whom.ehcid, institution_id=1,
            org_name="示例医院", app_id="test-app", app_name="", term_id="T-1", term_name="窗口",
            app_channel="601", medium="offline", code_tag="", treatment_code="010101",
            office_code="0300", operator_id="doctor-1", action="",
        )
    ]  # fmt: skip


async def test_a_residents_list_holds_looks_by_people_too_and_nobody_elses_uses(
    stores: Stores,
) -> None:
    whom, other = account(resident(1)), account(resident(2))
    await _verify(stores, whom, minutes=1)
    await _verify(stores, other, minutes=2)
    await _look(stores, whom, minutes=3)
    await _look(stores, other, minutes=4)

    page = await _records(stores).of_resident(whom.ehcid, query=QUERY, listing=NEWEST)

    assert _kinds(page) == [("console", "window-1"), ("verify", "doctor-1")]


async def test_a_list_is_cut_into_pages_and_counted_whole(stores: Stores) -> None:
    whom = account(resident(1))
    for minutes in range(5):
        await _verify(stores, whom, minutes=minutes)

    page = await _records(stores).of_resident(
        whom.ehcid, query=QUERY, listing=replace(NEWEST, limit=2, offset=4)
    )

    assert isinstance(page, Found)
    assert (len(page.records), page.total) == (1, 5)
    assert page.records[0].at == AT


async def test_uses_are_found_by_application_and_day(stores: Stores) -> None:
    await _verify(stores, account(resident(1)))
    await _verify(stores, account(resident(2)), app_id="other-app")
    records = _records(stores)

    found = await records.matching(replace(QUERY, app_id="other-app"), listing=NEWEST)
    yesterday = DAY - timedelta(days=1)
    none = await records.matching(
        UsageQuery(first_day=yesterday, last_day=yesterday), listing=NEWEST
    )

    assert isinstance(found, Found)
    assert [record.ehcid for record in found.records] == [account(resident(2)).ehcid]
    assert _kinds(none) == []


async def test_uses_are_counted_by_the_dimensions_asked_for(stores: Stores) -> None:
    for seed in (1, 1, 2):
        await _verify(stores, account(resident(seed)))
    await _verify(stores, account(resident(3)), app_id="other-app")

    counts = await _records(stores).counted(QUERY, by=("application", "kind"))

    assert not isinstance(counts, Refusal)
    assert [(count.key, count.facts, count.residents) for count in counts] == [
        (("test-app", "verify"), 3, 2),
        (("other-app", "verify"), 1, 1),
    ]


async def test_a_span_of_years_is_refused(stores: Stores) -> None:
    long_ago = UsageQuery(first_day=date(2020, 1, 1), last_day=DAY)

    page = await _records(stores).matching(long_ago, listing=NEWEST)

    assert isinstance(page, Refusal)
    assert (page.reason, page.faults[0].field) == (Reason.INPUT_WRONG, "last_day")


@pytest.mark.parametrize("by", [(), ("day", "day"), ("ehcid",)])
async def test_counts_by_anything_else_are_refused(stores: Stores, by: tuple[str, ...]) -> None:
    counts = await _records(stores).counted(QUERY, by=by)

    assert isinstance(counts, Refusal)
    assert counts.faults[0].field == "by"
