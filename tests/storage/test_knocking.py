"""Who knocks in vain becomes a finding; strangers cannot fill the list."""

from datetime import date
from typing import Final

import pytest

from openehc.access.finding_store import MOST_STRANGERS, FindingStore
from openehc.storage.pool import Database
from tests.support.stores import Stores

DAY: Final = date(2026, 3, 2)
KNOCK: Final = """
insert into application_knocks (day, app_id, reason, attempts, last_at)
select $1, name, 'app_unknown', 100, now() from unnest($2::text[]) name
"""
OPEN: Final = """
insert into findings (subject, situation, state, evidence, source, found_at, changed_at)
select 'stranger ' || n, 'not_listed', $2, '', 'knocks', now(), now()
  from generate_series(1, $1::int) n
"""
REGISTERED: Final = """
insert into applications (app_id, institution_id, app_name, app_channel, standing)
values ('his', $1, 'HIS', '601', 'applied')
"""


async def _knocking(database: Database) -> list[str]:
    found = await FindingStore(database).knocking(DAY, at_least=100)
    return [one.app_id for one in found]


@pytest.fixture
async def knocked(stores: Stores) -> Database:
    database = stores.database
    institution = await database.fetchval(
        "insert into institutions (org_code, org_name) values ('X', 'x') returning institution_id"
    )
    await database.execute(REGISTERED, institution)
    await database.execute(KNOCK, DAY, ["his", "nobody"])
    return database


async def test_strangers_are_found_while_few_wait(knocked: Database) -> None:
    await knocked.execute(OPEN, MOST_STRANGERS - 1, "found")

    assert await _knocking(knocked) == ["his", "nobody"]


async def test_no_more_strangers_are_found_while_many_wait(knocked: Database) -> None:
    await knocked.execute(OPEN, MOST_STRANGERS, "found")

    assert await _knocking(knocked) == ["his"]


async def test_strangers_that_were_handled_do_not_count(knocked: Database) -> None:
    await knocked.execute(OPEN, MOST_STRANGERS, "dismissed")

    assert await _knocking(knocked) == ["his", "nobody"]
