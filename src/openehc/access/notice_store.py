"""Public notices about client software that had to stop (材料二 3.2: 事后通告), from what was done.

A notice is no row of its own: that a finding suspended software, that it was black-listed or
lost its number, and what came after, stand in the steps of findings and in the register's
history. Reasons that people wrote are not among what is read; the situation of a finding is.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from openehc.access.findings import Situation
from openehc.storage.pool import Database


@unique
class Measure(StrEnum):
    """What was done to the software."""

    SUSPENDED = "suspended"
    BLACKLISTED = "blacklisted"
    ENDED = "ended"


@unique
class Outcome(StrEnum):
    """How it ended; the software was put right, the finding was none, the black list let go."""

    CORRECTED = "corrected"
    DISMISSED = "dismissed"
    RESTORED = "restored"


_EVENTS: Final = """
    select s.at, s.step_id as place, f.application_id, f.finding_id, 'suspended' as measure
      from finding_steps s
      join findings f using (finding_id)
     where s.step = 'suspend'
     union all
    select h.at, h.revision, h.record_id, null,
           case h.act when 'blacklist' then 'blacklisted' else 'ended' end
      from register_history h
     where h.register = 'application' and h.act in ('blacklist', 'exit')
"""

ENTRIES: Final = f"""
with chosen as materialized (
    select e.at, e.place, e.application_id, e.finding_id, e.measure
      from ({_EVENTS}) e
      join applications a using (application_id)
     where a.ehcappid is not null
     order by e.at desc, e.application_id, e.place limit $1 offset $2
)
select c.at, c.measure, a.ehcappid, a.app_name, a.app_channel, a.use_unit, i.org_name,
       coalesce(own.situation, near.situation) as situation,
       coalesce(put_right.at, back.at) as ended_at,
       case put_right.step when 'close' then 'corrected' when 'dismiss' then 'dismissed'
            else case when back.at is not null then 'restored' end end as outcome
  from chosen c
  join applications a using (application_id)
  join institutions i using (institution_id)
  left join findings own on own.finding_id = c.finding_id
  left join lateral (
      select n.situation from findings n
       where c.finding_id is null and n.application_id = c.application_id and n.found_at <= c.at
         and (n.state not in ('returned', 'dismissed') or n.changed_at >= c.at)
       order by n.finding_id desc limit 1) near on true
  left join lateral (
      select s.at, s.step from finding_steps s
       where s.finding_id = c.finding_id and s.step in ('close', 'dismiss') and s.step_id > c.place
       order by s.step_id limit 1) put_right on true
  left join lateral (
      select h.at from register_history h
       where c.measure = 'blacklisted' and h.register = 'application'
         and h.record_id = c.application_id and h.act = 'restore' and h.revision > c.place
       order by h.revision limit 1) back on true
 order by c.at desc, c.application_id, c.place
"""  # noqa: S608 (put together from our own words)

TOTAL: Final = f"""
select count(*) from (
    select from ({_EVENTS}) e
      join applications a using (application_id)
     where a.ehcappid is not null limit 100000) noticed
"""  # noqa: S608 (put together from our own words)


@dataclass(frozen=True, slots=True)
class Notice:
    """What everybody is told about software that had to stop.

    `situation` is of the finding that led there, None where there was none; `ended_at` and
    `outcome` stay None while it lasts.
    """

    at: datetime
    measure: Measure
    record_num: str
    app_name: str
    app_channel: str
    use_unit: str
    situation: Situation | None
    ended_at: datetime | None
    outcome: Outcome | None


class NoticeStore:
    """Reads the notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def total(self) -> int:
        """How many notices there are (up to 100,000)."""
        return int(await self._database.fetchval(TOTAL))

    async def entries(self, *, limit: int, offset: int) -> list[Notice]:
        """So many notices, the newest first."""
        rows = await self._database.fetch(ENTRIES, limit, offset)
        return [
            Notice(
                row["at"], Measure(row["measure"]), row["ehcappid"], row["app_name"],
                row["app_channel"], row["use_unit"] or row["org_name"],
                Situation(row["situation"]) if row["situation"] else None, row["ended_at"],
                Outcome(row["outcome"]) if row["outcome"] else None,
            )
            for row in rows
        ]  # fmt: skip
