"""Tables partitioned by day: tomorrow's table is there before tomorrow.

Days run from midnight in +08:00 (附录E 6.2). Days go in `old_days.py`.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from openehc.kernel.clock import Clock, china_day
from openehc.kernel.refusal import PlatformError
from openehc.storage.pool import Database, Transaction

_LOCK: Final = 0x4F45_4450  # "OEDP": one number for every node
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,53}")
_AHEAD: Final = 7
_ONE_DAY: Final = timedelta(days=1)

_log = logging.getLogger(__name__)

_TAKE_LOCK = "select pg_advisory_xact_lock($1)"
_TRY_LOCK = "select pg_try_advisory_xact_lock($1)"
_PATIENCE = "set local lock_timeout = '5s'"
_KEY_TYPE = """
select format_type(a.atttypid, null)
from pg_partitioned_table p
join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
where p.partrelid = to_regclass($1) and p.partstrat = 'r' and p.partnatts = 1
"""
_ATTACHED = """
select c.relname
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1)
"""
# Made aside and attached: "create table ... partition of" would stop all writing
# to the whole table while it waits for the longest reader.
_CREATE = (
    "create table {partition} (like {table} including defaults including constraints "
    "including generated including storage including compression)"
)
_ATTACH = "alter table {table} attach partition {partition} for values from ('{low}') to ('{high}')"


class NotPartitionedByDay(PlatformError):
    """The table is not range-partitioned by one date or timestamptz column."""


async def ensure_day_partitions(
    database: Database, tables: Iterable[str], *, today: date, ahead: int = _AHEAD
) -> list[str]:
    """Make `<table>_yyyymmdd` for yesterday to `today` + `ahead` days where missing.

    Returns the names of those made. Safe when several nodes run it at once. Raises
    NotPartitionedByDay, DatabaseDown, StatementRefused.
    """
    async with database.transaction() as transaction:
        await transaction.fetchval(_TAKE_LOCK, _LOCK)
        return await _made(transaction, tables, today=today, ahead=ahead)


async def keep_partitions(
    database: Database, tables: Sequence[str], clock: Clock, *, every: float
) -> None:
    """See to the partitions at once and every `every` seconds, until cancelled.

    Every worker may run it: those that find another at work skip the round. A failed
    round is logged; the days made ahead leave a week to repair it.
    """
    while True:
        try:
            async with database.transaction() as transaction:
                if await transaction.fetchval(_TRY_LOCK, _LOCK):
                    today = china_day(clock.now())
                    await _made(transaction, tables, today=today, ahead=_AHEAD)
        except PlatformError as failure:
            _log.warning("day partitions not made: %s", failure)
        await asyncio.sleep(every)


async def _made(
    transaction: Transaction, tables: Iterable[str], *, today: date, ahead: int
) -> list[str]:
    await transaction.execute(_PATIENCE)
    made: list[str] = []
    for table in tables:
        if not _NAME.fullmatch(table):
            raise NotPartitionedByDay(f"{table!r} is no plain table name")
        key_type = await transaction.fetchval(_KEY_TYPE, table)
        attached = {row[0] for row in await transaction.fetch(_ATTACHED, table)}
        for offset in range(-1, ahead + 1):
            day = today + timedelta(days=offset)
            partition = f"{table}_{day:%Y%m%d}"
            if partition not in attached:
                low, high = _bound(table, day, key_type), _bound(table, day + _ONE_DAY, key_type)
                await transaction.execute(_CREATE.format(partition=partition, table=table))
                await transaction.execute(
                    _ATTACH.format(partition=partition, table=table, low=low, high=high)
                )
                made.append(partition)
    return made


def _bound(table: str, day: date, key_type: str | None) -> str:
    if key_type == "date":
        return day.isoformat()
    if key_type == "timestamp with time zone":
        return f"{day.isoformat()} 00:00:00+08"
    raise NotPartitionedByDay(f"{table} is not partitioned by one date or timestamptz column")
