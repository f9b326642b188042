"""Days that served their time leave a table: detached without stopping anybody, then dropped.

Only tables that are told so lose days; which, and after how long, is decided by the caller.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from openehc.storage.pool import Database

_DAYS: Final = r"""
select c.relname as name, i.inhrelid is not null as attached,
       coalesce(i.inhdetachpending, false) as half_detached
  from pg_class c left join pg_inherits i on i.inhrelid = c.oid
 where c.relnamespace = (select relnamespace from pg_class where oid = to_regclass($1))
   and c.relkind = 'r' and starts_with(c.relname, $1 || '_')
 order by c.relname
"""
_DETACH: Final = "alter table {table} detach partition {day} concurrently"
_FINISH: Final = "alter table {table} detach partition {day} finalize"
_DROP: Final = "drop table {day}"
_NAME: Final = re.compile(r".+_(\d{8})")


async def drop_old_days(
    database: Database, kept: Mapping[str, timedelta], *, today: date
) -> list[str]:
    """Drop the days of each table in `kept` that ended longer ago than that.

    Returns the names of those dropped. What was interrupted half-way is finished. One at a
    time: of two that do it at the same moment, one gets StatementRefused, and loses nothing.
    Raises DatabaseDown.
    """
    dropped: list[str] = []
    for table, span in kept.items():
        for row in await database.fetch(_DAYS, table):
            name = row["name"]
            day = _day_of(name, table)
            if day is None or day >= today - span:
                continue
            if row["half_detached"]:
                await database.execute(_FINISH.format(table=table, day=name))
            elif row["attached"]:
                await database.execute(_DETACH.format(table=table, day=name))
            await database.execute(_DROP.format(day=name))
            dropped.append(name)
    return dropped


def _day_of(name: str, table: str) -> date | None:
    digits = _NAME.fullmatch(name)
    if digits is None or name != f"{table}_{digits[1]}":
        return None
    try:
        return datetime.strptime(digits[1], "%Y%m%d").date()  # noqa: DTZ007 (a day, no moment)
    except ValueError:
        return None
