"""The public list of valid client software as the database knows it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from openehc.access.traffic_store import LAST_SUCCESS
from openehc.storage.pool import Database

_VALID: Final = """
  from applications a
 where a.standing = 'active'
   and a.institution_id <> all (array(
           select institution_id from institutions where standing <> 'active'))
"""
"""An array, so that a page walks the names in their order and stops when it is full."""

ENTRIES: Final = f"""
with chosen as materialized (
    select a.application_id {_VALID} order by a.app_name, a.application_id limit $1 offset $2
)
select a.ehcappid, a.app_name, a.app_channel, a.app_version, a.use_unit, i.org_name, a.record_time,
       a.app_url,
       {LAST_SUCCESS.format(app_id="a.app_id")} as last_success_at
  from chosen c
  join applications a using (application_id)
  join institutions i using (institution_id)
 order by a.app_name, a.application_id
"""  # noqa: S608 (put together from our own words)

TOTAL: Final = f"select count(*) from (select {_VALID} limit 100000) valid"  # noqa: S608 (our own words)


@dataclass(frozen=True, slots=True)
class PublicEntry:
    """What everybody may know of a client application."""

    record_num: str
    app_name: str
    app_channel: str
    app_version: str | None
    use_unit: str
    record_time: date | None
    app_url: str | None
    last_success_at: datetime | None


class PublicListStore:
    """Reads the list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def total(self) -> int:
        """How many entries there are (up to 100,000)."""
        return int(await self._database.fetchval(TOTAL))

    async def entries(self, *, limit: int, offset: int) -> list[PublicEntry]:
        """So many entries by name."""
        rows = await self._database.fetch(ENTRIES, limit, offset)
        return [
            PublicEntry(
                row["ehcappid"], row["app_name"], row["app_channel"], row["app_version"],
                row["use_unit"] or row["org_name"], row["record_time"], row["app_url"],
                row["last_success_at"],
            )
            for row in rows
        ]  # fmt: skip
