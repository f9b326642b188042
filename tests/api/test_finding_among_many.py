"""Searches among 100,000 accounts answer at once, also for a name that two thousand bear."""

import hashlib
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
import pytest

from openehc.cards.store import profile_row
from openehc.kernel.ids import SystemEntropy
from openehc.people.permissions import Role
from tests.support.console import Console
from tests.support.node import RunningNode
from tests.support.residents import resident
from tests.support.timing import cost

MANY: Final = 100_000
COMMON: Final = "甲样本"
FAMILY: Final = "19888880000"
BUDGET_SECONDS: Final = 0.3
"""Of processors. About 0.03 on a quiet machine; to open 100,000 accounts takes seconds."""
TRIES: Final = 30

SEED: Final = """
insert into cards (ehcid, state, sealed_profile, phone_index, name_index, origin, institution_id,
                   app_id, apply_method, certificate_mode, registered_at, activated_at)
select e, 'active', s, p, n, '9901A0001', 1, 'seed', '4', '01', $5, $5
  from unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[]) as g (e, s, p, n)
"""


async def seed(node: RunningNode) -> None:
    """Accounts of invented people: every fiftieth bears the common name, twenty share a phone."""
    ring, entropy = node.parts.keys, SystemEntropy()
    encode = msgspec.json.Encoder().encode
    rows: list[tuple[bytes, bytes, bytes, bytes]] = []
    for number in range(MANY):
        name = COMMON if number % 50 == 0 else f"虚构{number:06d}"
        phone = FAMILY if number < 20 else f"198{number:08d}"
        person = resident(number, user_name=name, mobile_phone=phone)
        ehcid = hashlib.sha256(f"many {number}".encode()).digest()
        profile = encode(("M" * 64, person))
        sealed = ring.sealer.seal(profile, row=profile_row(ehcid), entropy=entropy).content
        rows.append((ehcid, sealed, ring.indexer.phone(phone), ring.indexer.name(name)))
    for start in range(0, MANY, 10_000):
        columns = list(zip(*rows[start : start + 10_000], strict=True))
        await node.parts.database.execute(SEED, *columns, datetime(2026, 1, 1, tzinfo=UTC))
    await node.parts.database.execute("analyze cards")


@pytest.mark.slow
async def test_a_search_among_a_hundred_thousand_does_not_walk_through_them(
    console: Console, node: RunningNode
) -> None:
    await seed(node)
    database = node.parts.database
    measured: dict[str, float] = {}
    questions: dict[str, dict[str, Any]] = {
        "phone": {"by": "phone", "value": "19800077777"},
        "phone of twenty": {"by": "phone", "value": FAMILY},
        "name": {"by": "name", "value": "虚构077777"},
        "name of two thousand": {"by": "name", "value": COMMON},
    }

    for what, asked in questions.items():
        client = await console.as_(Role.PROVINCE_OPERATOR, login=what)
        ask = partial(client.post, "/api/residents/search", json=asked)
        seconds, answer = await cost(ask, database, within=BUDGET_SECONDS, tries=TRIES)
        measured[what] = round(seconds * 1000, 1)
        assert answer["items"], what
        assert seconds < BUDGET_SECONDS, what

    client = await console.as_(Role.PROVINCE_OPERATOR, login="doubles")
    began = time.perf_counter()
    page = (await client.get("/api/residents/doubles")).json()
    measured["a page of doubles"] = round((time.perf_counter() - began) * 1000, 1)
    assert page["after"]
    print(measured)  # noqa: T201 (shown with -s, for the figures of the documents)
