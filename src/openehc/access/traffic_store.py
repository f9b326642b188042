"""The sums of all workers in the database: what applications used today, who knocked."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from openehc.access.traffic import Knock, Used
from openehc.storage.pool import Database

MOST_STRANGERS: Final = 10_000
"""So many names are kept for one day; what strangers invent does not fill the disk."""

ADD_USED: Final = """
insert into application_traffic as t (day, app_id, calls, last_success_at)
select $1, u.app_id, u.calls, coalesce(u.last, 'epoch')
  from unnest($2::text[], $3::bigint[], $4::timestamptz[]) as u (app_id, calls, last)
 order by u.app_id
on conflict (day, app_id) do update
   set calls = t.calls + excluded.calls,
       last_success_at = greatest(t.last_success_at, excluded.last_success_at)
returning app_id, calls
"""

LAST_SUCCESS: Final = """(select t.last_success_at from application_traffic t
         where t.app_id = {app_id} and t.last_success_at > 'epoch'
         order by t.day desc limit 1)"""
"""When the application was last served, null for never; the moment itself is in no index, since
it changes every second."""

ADD_KNOCKS: Final = """
insert into application_knocks as k (day, app_id, reason, attempts, last_at)
select $1, n.app_id, n.reason, n.attempts, $5
  from unnest($2::text[], $3::text[], $4::bigint[]) as n (app_id, reason, attempts)
 where (select count(*) from application_knocks where day = $1) < $6
    or exists (select from application_knocks o
                where o.day = $1 and o.app_id = n.app_id and o.reason = n.reason)
 order by n.app_id, n.reason
on conflict (day, app_id, reason) do update
   set attempts = k.attempts + excluded.attempts, last_at = excluded.last_at
"""

FORGET: Final = """
with old as (delete from application_knocks where day < $1)
delete from application_traffic t
 where day < $1
   and exists (select from application_traffic n where n.app_id = t.app_id and n.day > t.day)
"""


class TrafficStore:
    """Adds up what workers counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, day: date, used: list[Used]) -> Mapping[str, int]:
        """Add one worker's counts; returns the day's sums of these applications."""
        if not used:
            return {}
        rows = await self._database.fetch(
            ADD_USED, day, [one.app_id for one in used], [one.calls for one in used],
            [one.last_success_at for one in used],
        )  # fmt: skip
        return {row["app_id"]: row["calls"] for row in rows}

    async def add_knocks(self, day: date, knocks: Mapping[Knock, int], *, at: datetime) -> None:
        """Add who knocked; new names only while the day has fewer than `MOST_STRANGERS`."""
        if knocks:
            await self._database.execute(
                ADD_KNOCKS, day, [one.app_id for one in knocks], [one.reason for one in knocks],
                list(knocks.values()), at, MOST_STRANGERS,
            )  # fmt: skip

    async def forget(self, *, before: date) -> None:
        """Remove days before that one, but for the last day of each application."""
        await self._database.execute(FORGET, before)
