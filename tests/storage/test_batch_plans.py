"""What each batched statement asks of the tables, as the server plans it before they have rows.

A worker plans such a statement once, while tables may be empty, and keeps the plan while
they grow: a step that reads a table or an index whole is a cost that grows with the residents.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from openehc.audit.sql import INSERT_RECORDS
from openehc.cards.sql import ACCOUNT_BY_DOCUMENT, ACCOUNT_BY_EHCID, RECORD_USE, REGISTER
from openehc.codes.sql import ISSUE, PRESENTED, VERIFIED
from openehc.storage.batching import PLANNING
from tests.support.postgres import FIRST_DAY

STATEMENTS: Final = {
    "account by document": ACCOUNT_BY_DOCUMENT,
    "account by ehcid": ACCOUNT_BY_EHCID,
    "presented code": PRESENTED,
    "register": REGISTER,
    "record use": RECORD_USE,
    "issue code": ISSUE,
    "verified code": VERIFIED,
    "audit": INSERT_RECORDS,
}
_BY_KEY: Final = re.compile(r"[^<>]= ")
"""A condition of an index that asks for one value, not for a span of them."""


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A step of a plan and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


async def planned(dsn: str, statement: str, values: Sequence[str] | None = None) -> dict[str, Any]:
    """The plan that a lane keeps, made for no values in particular, and used for these."""
    connection = await asyncpg.connect(dsn, server_settings=dict(PLANNING))
    try:
        await connection.execute(f"prepare kept as {statement}")
        given = values or ["null"] * len(set(re.findall(r"\$\d+", statement)))
        text = await connection.fetchval(f"explain (format json) execute kept({', '.join(given)})")
    finally:
        await connection.close()
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_batch_finds_each_row_by_its_key(database_dsn: str, name: str) -> None:
    plan = await planned(database_dsn, STATEMENTS[name])

    reads = [
        step for step in steps(plan)
        if "Relation Name" in step and step["Node Type"] != "ModifyTable"
    ]  # fmt: skip
    whole = [step for step in reads if not _BY_KEY.search(step.get("Index Cond", ""))]
    assert [(step["Node Type"], step["Relation Name"]) for step in whole] == []


async def test_a_presented_code_costs_no_more_for_the_days_that_are_kept(
    database_dsn: str,
) -> None:
    today, tomorrow = f"'{FIRST_DAY}'", f"'{FIRST_DAY + timedelta(days=1)}'"

    plan = await planned(database_dsn, PRESENTED, ["'[]'", today, tomorrow])

    asked = [
        step["Relation Name"] for step in steps(plan)
        if step.get("Relation Name", "").startswith("issued_codes")
    ]  # fmt: skip
    assert asked == [
        f"issued_codes_{FIRST_DAY:%Y%m%d}", f"issued_codes_{FIRST_DAY + timedelta(days=1):%Y%m%d}",
    ]  # fmt: skip
