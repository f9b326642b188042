"""What each batched statement asks of the tables, as the server plans it before they have rows.

A worker plans such a statement once, while tables may be empty, and keeps the plan while
they grow: a step that reads a table or an index whole is a cost that grows with the residents.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import pytest

from openehc.audit.sql import INSERT_RECORDS
from openehc.cards.sql import ACCOUNT_BY_DOCUMENT, ACCOUNT_BY_EHCID, RECORD_USE, REGISTER
from openehc.codes.sql import ISSUE, PRESENTED, VERIFIED
from openehc.storage.batching import Batch, BatchedRead, GroupCommit

READS: Final = {
    "account by document": ACCOUNT_BY_DOCUMENT,
    "account by ehcid": ACCOUNT_BY_EHCID,
    "presented code": PRESENTED,
}
COMMITS: Final = {
    "register": REGISTER,
    "record use": RECORD_USE,
    "issue code": ISSUE,
    "verified code": VERIFIED,
    "audit": INSERT_RECORDS,
}
KEPT: Final = [
    *((BatchedRead, statement) for statement in READS.values()),
    *((GroupCommit, statement) for statement in COMMITS.values()),
]
_LOOKS: Final = ("Index Cond", "Recheck Cond", "TID Cond")


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A step of a plan and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


async def planned(dsn: str, batch: type[Batch], statement: str) -> dict[str, Any]:
    """The plan that a lane keeps: made for no values in particular."""
    connection = await asyncpg.connect(
        dsn, server_settings={**batch.planning, "plan_cache_mode": "force_generic_plan"}
    )
    try:
        await connection.execute(f"prepare kept as {statement}")
        values = ", ".join(["null"] * len(set(re.findall(r"\$\d+", statement))))
        text = await connection.fetchval(f"explain (format json) execute kept({values})")
    finally:
        await connection.close()
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


@pytest.mark.parametrize(("batch", "statement"), KEPT, ids=[*READS, *COMMITS])
async def test_a_batch_finds_each_row_by_its_key(
    database_dsn: str, batch: type[Batch], statement: str
) -> None:
    plan = await planned(database_dsn, batch, statement)

    reads = [
        step for step in steps(plan)
        if "Relation Name" in step and step["Node Type"] != "ModifyTable"
    ]  # fmt: skip
    whole = [step for step in reads if not any(look in step for look in _LOOKS)]
    assert [(step["Node Type"], step["Relation Name"]) for step in whole] == []
