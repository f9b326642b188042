"""What is asked of records costs what the days asked for cost, however many there are."""

import asyncio
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest

from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.findings import Flaw
from openehc.audit.sources import RECORDS, ChainSource
from openehc.audit.verify_trail import Scope
from openehc.cards.usage_sql import COUNTED, FACTS, NAMED
from openehc.cards.usage_store import UsageQuery, _where
from openehc.storage.migrations import MIGRATIONS, migrate, rollback_last
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from tests.support.audit import KEY, MORNING, TrailOfNode
from tests.support.plans import planned, steps
from tests.support.postgres import FIRST_DAY

QUERY: Final = UsageQuery(
    first_day=FIRST_DAY, last_day=FIRST_DAY + timedelta(days=1), institution_id=7
)
WHERE: Final = _where(QUERY).clause
STATEMENTS: Final = {
    "list": NAMED.format(source=FACTS + WHERE),
    "count": COUNTED.format(keys="kind", where=WHERE, groups="kind", most=10),
}
ASKED: Final = [f"usage_facts_{FIRST_DAY + timedelta(days=more):%Y%m%d}" for more in (0, 1)]

# One chain moved, if the question is planned for its day.
PLANNED_FOR_ITS_DAY: Final = """
select 1::bigint as stream, 1 as seq, array[sha256('group')] as hashes
 where current_setting('plan_cache_mode') = 'force_custom_plan' and $1::date is not null
"""


@pytest.mark.parametrize("name", STATEMENTS)
async def test_days_that_are_not_asked_for_are_not_opened(database_dsn: str, name: str) -> None:
    plan = await planned(database_dsn, STATEMENTS[name])

    relations = [step.get("Relation Name", "") for step in steps(plan)]
    assert [one for one in relations if one.startswith("usage_facts")] == ASKED
    assert sum(step.get("Subplans Removed", 0) for step in steps(plan)) == 0


async def test_a_checkpoint_asks_for_its_days_alone(database: Database) -> None:
    source = ChainSource(
        RECORDS.name, moved=PLANNED_FOR_ITS_DAY, of_day=RECORDS.of_day, span=RECORDS.span,
        hashes=RECORDS.hashes, content=RECORDS.content,
    )  # fmt: skip

    assert await CheckpointStore(database, [source]).sign(KEY, at=MORNING)


async def _signed_days(node: TrailOfNode) -> None:
    for _ in range(3):
        await node.record("1", "2")
        await node.sign()
        await node.hours_later(24)


@pytest.mark.parametrize(
    "head",
    ["insert into audit_heads values ('audit_records', 5, 1, sha256('x'), 0)",
     "insert into audit_heads values ('audit_records', 5, 1, sha256('x'), 99)"],
)  # fmt: skip
async def test_a_head_without_a_checkpoint_is_found(trail_of_node: TrailOfNode, head: str) -> None:
    await _signed_days(trail_of_node)
    await trail_of_node.forge(head)

    found = (await trail_of_node.check()).findings

    assert [one.flaw for one in found] == [Flaw.HEAD_ADDED]


async def test_a_check_of_the_last_days_reads_the_heads_of_these_days(
    trail_of_node: TrailOfNode,
) -> None:
    await _signed_days(trail_of_node)
    last = Scope(since=(MORNING + timedelta(days=2)).date())
    await trail_of_node.forge("delete from audit_checkpoints where number = 1")

    everything, later = await trail_of_node.check(), await trail_of_node.check(last)

    assert Flaw.HEAD_ADDED in {one.flaw for one in everything.findings}
    assert later.sound


BY_MOMENT: Final = """
select c.relname from pg_index i join pg_class c on c.oid = i.indrelid
  join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
 where c.relname ~ '^usage_facts_' and m.amname = 'btree' and a.attname = 'at' and i.indisvalid
 order by c.relname
"""
DAYS: Final = """
select inhrelid::regclass::text from pg_inherits where inhparent = 'usage_facts'::regclass
 order by inhrelid::regclass::text
"""
FACT: Final = """
insert into usage_facts (day, at, kind, result, institution_id, way_id, stream, seq, place, hash)
values ($1, $1::date, 'verify', 'ok', 1, 1, 1, 1, 1, sha256('fact'))
"""


async def _days(database: Database) -> tuple[list[str], list[str]]:
    """The days of facts, and those of them that have an index by the moment."""
    return (
        [row[0] for row in await database.fetch(DAYS)],
        [row[0] for row in await database.fetch(BY_MOMENT)],
    )


async def test_each_new_day_can_be_read_by_the_moment(database: Database) -> None:
    days, by_moment = await _days(database)

    assert days
    assert by_moment == days


def _rows(dsn: str, statement: str) -> list[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [row[0] for row in connection.execute(statement.encode()).fetchall()]


def test_days_that_hold_facts_already_are_not_stopped_for_an_index(
    empty_database_dsn: str, tmp_path: Path
) -> None:
    for file in MIGRATIONS.glob("*.sql"):
        if file.name < "0020":
            shutil.copy(file, tmp_path)
    migrate(empty_database_dsn, folder=tmp_path)
    asyncio.run(_two_days(empty_database_dsn))

    migrate(empty_database_dsn)
    now = _rows(empty_database_dsn, BY_MOMENT)
    while (rollback_last(empty_database_dsn) or "0020_").partition("_")[0] != "0020":
        pass
    then = _rows(empty_database_dsn, BY_MOMENT)

    assert (now, then) == (["usage_facts_20310302"], [])


async def _two_days(dsn: str) -> None:
    database = await Database.connect(dsn, size=1, name="test")
    await ensure_day_partitions(database, ["usage_facts"], today=date(2031, 3, 2), ahead=0)
    await database.execute(FACT, date(2031, 3, 1))
    await database.close()
