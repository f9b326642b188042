"""Rows that served their time leave a table, some at a time.

For tables whose rows live minutes or days and are found by keys without a day; what is cut
by day leaves whole (`old_days.py`). Which rows, and after how long, is decided by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from openehc.storage.pool import Database

AT_ONCE: Final = 5_000
"""Rows of one statement: nobody waits long for what it locks."""

# Rows that somebody holds are left for the next time.
_DELETE: Final = """
delete from {table}
 where ctid = any(array(
           select ctid from {table} where {column} < $1
            order by {column} limit $2 for update skip locked))
"""


@dataclass(frozen=True, slots=True)
class Passing:
    """Rows of `table` are removed when `column`, a moment, lies longer back than `kept`."""

    table: str
    column: str
    kept: timedelta


async def delete_old_rows(
    database: Database, passing: Sequence[Passing], *, now: datetime, at_once: int = AT_ONCE
) -> int:
    """Delete what is over, in statements of `at_once` rows; returns how many rows went.

    Raises DatabaseDown, StatementRefused.
    """
    gone = 0
    for one in passing:
        statement = _DELETE.format(table=one.table, column=one.column)
        deleted = at_once
        while deleted == at_once:
            told = await database.execute(statement, now - one.kept, at_once)
            deleted = int(told.rpartition(" ")[2])
            gone += deleted
    return gone
