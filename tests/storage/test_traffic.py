"""What applications used: counted in place, remembered for the last day that had a success."""

from datetime import UTC, date, datetime, timedelta

from openehc.access.traffic import Used
from openehc.access.traffic_store import LAST_SUCCESS, TrafficStore
from openehc.storage.pool import Database

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
LAST = f"select {LAST_SUCCESS.format(app_id='$1')}"
ALL_CHANGE = {"calls", "last_success_at"}
INDEXED = """
select distinct a.attname from pg_index i
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
 where i.indrelid = 'application_traffic'::regclass
"""


async def test_no_index_holds_what_changes_every_second(database: Database) -> None:
    rows = await database.fetch(INDEXED)

    assert {row["attname"] for row in rows} & ALL_CHANGE == set()


async def test_calls_of_a_day_add_up_and_the_latest_success_stays(database: Database) -> None:
    store = TrafficStore(database)
    await store.add(DAY, [Used("his", 3, AT)])

    sums = await store.add(DAY, [Used("his", 4, AT - timedelta(seconds=9))])

    assert (sums, await database.fetchval(LAST, "his")) == ({"his": 7}, AT)


async def test_the_last_success_is_that_of_the_last_day_that_had_one(database: Database) -> None:
    store = TrafficStore(database)
    for back, success in [(2, AT - timedelta(days=2)), (1, AT - timedelta(days=1)), (0, None)]:
        await store.add(DAY - timedelta(days=back), [Used("his", 1, success)])

    assert await database.fetchval(LAST, "his") == AT - timedelta(days=1)


async def test_an_application_that_was_never_served_has_no_last_success(
    database: Database,
) -> None:
    await TrafficStore(database).add(DAY, [Used("his", 1, None)])

    assert await database.fetchval(LAST, "his") is None
