"""What is asked of records costs what the days asked for cost, however many there are."""

from datetime import timedelta
from typing import Final

import pytest

from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.findings import Flaw
from openehc.audit.sources import RECORDS, ChainSource
from openehc.audit.verify_trail import Scope
from openehc.cards.usage_sql import COUNTED, FACTS, NAMED
from openehc.cards.usage_store import UsageQuery, _where
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
        content=RECORDS.content,
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
