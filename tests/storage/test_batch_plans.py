"""What each batched statement asks of the tables, as the server plans it before they have rows.

A worker plans such a statement once, while tables may be empty, and keeps the plan while
they grow: a step that reads a table or an index whole is a cost that grows with the residents.
"""

import re
from datetime import timedelta
from typing import Final

import pytest

from openehc.audit.sql import INSERT_RECORDS
from openehc.cards.sql import ACCOUNT_BY_DOCUMENT, ACCOUNT_BY_EHCID, RECORD_USE, REGISTER
from openehc.codes.sql import ISSUE, PRESENTED, VERIFIED
from tests.support.plans import planned, steps
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
