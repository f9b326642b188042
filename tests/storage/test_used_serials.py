"""Numbers that were used: each once, also those from before they were led by their digits."""

import psycopg
import pytest

from openehc.access.serials import Claim, SerialKey, serial_key
from openehc.cards.model import CardAccount
from openehc.cards.usage import Kind, Purpose
from openehc.codes.model import AuthorisationStatus
from openehc.codes.store import Authorisation
from openehc.storage.migrations import migrate, rollback_last
from tests.support.residents import account, resident
from tests.support.stores import AT, Stores, fact, serial

BEFORE = "insert into serial_numbers (serial, used_at) values ($1, $2)"
KEPT = "select serial::text from serial_numbers order by serial"


@pytest.fixture
async def holder(stores: Stores) -> CardAccount:
    made = account(resident(1))
    await stores.open(made)
    return made


async def _ask(stores: Stores, key: SerialKey) -> Claim:
    asked = Authorisation(
        status=AuthorisationStatus.WAITING, ehcid=None, app_id="test-app", term_id="T1",
        institution_id=1, purpose=Purpose(treatment_code="010101"), expires_at=AT,
    )  # fmt: skip
    return await stores.codes.open_authorisation("token", asked, serial=key, at=AT)


async def test_numbers_with_the_same_digits_are_told_apart(
    stores: Stores, holder: CardAccount
) -> None:
    verified = fact(Kind.VERIFY, holder)

    claims = [
        await stores.codes.save_verification(verified, serial=serial(number))
        for number in ("A-20260301", "B-20260301", "A-20260301")
    ]

    assert claims == [Claim.USED, Claim.USED, Claim.REPEATED]


async def test_numbers_of_one_time_lie_beside_each_other(
    stores: Stores, holder: CardAccount
) -> None:
    numbers = [f"2026030108{minute:02}" for minute in range(20)]
    for number in numbers:
        await stores.codes.save_verification(fact(Kind.VERIFY, holder), serial=serial(number))

    rows = await stores.database.fetch("select serial::text from used_serials order by lead")

    kept = [row["serial"].replace("-", "") for row in rows]
    assert kept == [serial(number).value for number in numbers]


async def test_a_number_that_was_used_before_verifies_nothing(
    stores: Stores, holder: CardAccount
) -> None:
    await stores.database.execute(BEFORE, serial("v1").value, AT)

    claim = await stores.codes.save_verification(fact(Kind.VERIFY, holder), serial=serial("v1"))

    assert claim is Claim.REPEATED


async def test_a_number_that_was_used_before_opens_no_account(stores: Stores) -> None:
    await stores.database.execute(BEFORE, serial("r1").value, AT)

    written = await stores.open(account(resident(2)), serial=serial("r1"))

    assert written.claim is Claim.REPEATED


async def test_a_number_that_was_used_before_asks_for_no_consent(stores: Stores) -> None:
    await stores.database.execute(BEFORE, serial("a1").value, AT)

    claims = [await _ask(stores, serial("a1")), await _ask(stores, serial("a2"))]

    assert claims == [Claim.REPEATED, Claim.USED]


@pytest.mark.requirement("G1-8.1-2")
def test_on_the_way_back_every_number_stays_used(empty_database_dsn: str) -> None:
    key = serial_key("app", "method", "20260301000001")
    former = serial_key("app", "method", "20250301000001")
    migrate(empty_database_dsn)
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute("insert into serial_numbers values (%s, now())", (former.value,))
        for used in (key, former):  # as if two programs had worked at once
            connection.execute("insert into used_serials values (%s, %s)", (used.lead, used.value))

    undone = rollback_last(empty_database_dsn)
    while undone and not undone.startswith("0019"):
        undone = rollback_last(empty_database_dsn)

    with psycopg.connect(empty_database_dsn) as connection:
        rows = connection.execute(KEPT).fetchall()
    assert {row[0].replace("-", "") for row in rows} == {key.value, former.value}
    assert undone in migrate(empty_database_dsn)
