"""Pages of a register with 100,000 applications, each with its contact person under seal."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from openehc.access.contacts import CONTACTS, contact_row
from openehc.kernel.ids import SystemEntropy
from tests.support.entries import Desk
from tests.support.node import RunningNode
from tests.support.timing import cost

MANY: Final = 100_000
BUDGET_SECONDS: Final = 0.1
"""Of processors, for a page: the server's and its database's."""
TRIES: Final = 30

SEED: Final = """
insert into applications (app_id, institution_id, app_name, app_channel, ehcappid, standing,
                          use_unit, use_unit_type, record_time, created_at, sealed_contact)
select 'many-' || n, $4, '示例应用' || n, '101',
       case when n % 3 > 0 then '9901A0001Z' || lpad(to_hex(n), 7, '0') end,
       case n % 3 when 0 then 'applied' when 1 then 'active' else 'suspended' end,
       '示例机构' || n % 500, 'B', date '2026-01-01' + n % 300,
       $3::timestamptz - n * interval '1 s', c
  from unnest($1::int[], $2::bytea[]) as g (n, c)
"""


async def seed(node: RunningNode) -> None:
    """Many applications of one institution; workers are not told of each of them."""
    sealer, entropy = node.parts.keys.sealer, SystemEntropy()
    contact = msgspec.json.encode(dict(zip(CONTACTS, ("甲样本", "19900000001", None), strict=True)))
    sealed = [
        sealer.seal(contact, row=contact_row(f"many-{n}"), entropy=entropy).content
        for n in range(MANY)
    ]
    async with node.parts.database.transaction() as connection:
        await connection.execute("alter table applications disable trigger user")
        institution = await connection.fetchval("select min(institution_id) from institutions")
        for start in range(0, MANY, 10_000):
            numbers = list(range(start, start + 10_000))
            await connection.execute(
                SEED, numbers, sealed[start : start + 10_000], datetime(2026, 3, 2, tzinfo=UTC),
                institution,
            )  # fmt: skip
        await connection.execute("alter table applications enable trigger user")
    await node.parts.database.execute("analyze applications")


QUESTIONS: Final[dict[str, dict[str, Any]]] = {
    "the first page": {},
    "by name": {"sort": "app_name"},
    "backwards by number": {"sort": "-record_num"},
    "of a standing": {"standing": "suspended", "sort": "-record_time"},
    "a page of 200": {"size": 200},
    "deep down": {"page": 4000, "size": 20},
    "by a part of the name": {"q": "应用7777"},
    "nothing is found": {"q": "没有这个"},
    "by what the hospital calls it": {"q": "many-7777"},
    "of an operator": {"use_unit": "示例机构77"},
    "of a kind": {"app_channel": "101"},
    "not online": {"online_statuses": "2"},
    "stopped": {"online_statuses": "3", "access_since": "2026-06-01"},
}


@pytest.mark.slow
async def test_a_page_among_a_hundred_thousand_applications_is_quick(
    desk: Desk, node: RunningNode
) -> None:
    await seed(node)
    database = node.parts.database
    measured: dict[str, float] = {}

    for what, asked in QUESTIONS.items():
        ask = partial(desk.province.get, "/api/applications", params=asked)
        seconds, page = await cost(ask, database, within=BUDGET_SECONDS, tries=TRIES)
        measured[what] = round(seconds * 1000, 1)
        assert "items" in page, page
        assert bool(page["items"]) == (what != "nothing is found"), what

    print(measured)  # noqa: T201 (shown with -s, for the figures of the documents)
    assert {what: taken for what, taken in measured.items() if taken > BUDGET_SECONDS * 1000} == {}
