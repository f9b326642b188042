"""Sessions and refusals of the front proxy in the audit trail of a real database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final, cast

import httpx
import pytest

from openehc.audit.trail import AuditTrail
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.remote.connection import CALLS_PATH, SESSION_PATH
from openehc.crypto.remote.handshake import say_hello
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.gateway.proxy_door import ProxyDoor
from openehc.kernel.clock import SetClock
from openehc.kernel.ids import SystemEntropy
from openehc.proxy.model import ALL_CALLS, Caller
from openehc.proxy.record_refusals import RecordRefusals
from openehc.storage.pool import Database
from tests.support.counted_entropy import CountedEntropy
from tests.support.front_proxy import ALLOWED_AT, HERE, KeptRecords, door_over

RECORDS: Final = """
select category, action, actor_id, address, result, after::json ->> 'refusals' as refusals
  from audit_records order by action desc
"""


@dataclass(slots=True)
class Recorded:
    """A caller of a proxy whose records go into the database."""

    door: ProxyDoor
    proxy: Sm2PrivateKey
    key: Sm2PrivateKey
    http: httpx.AsyncClient

    async def open(self) -> httpx.Response:
        hello = say_hello(
            self.key, proxy=self.proxy.public, now=ALLOWED_AT, entropy=SystemEntropy()
        )
        return await self.http.post(SESSION_PATH, content=hello.wire)

    async def written(self) -> None:
        await cast("RecordRefusals", self.door.refusals).close()


@pytest.fixture
async def recorded(database: Database) -> AsyncIterator[Recorded]:
    proxy, key = Sm2PrivateKey.generate(), Sm2PrivateKey.generate()
    trail = AuditTrail(database, CountedEntropy())
    door = door_over(
        SoftCryptoModule(PUBLIC_TEST_KEYS), clock=SetClock(ALLOWED_AT), key=proxy,
        kept=KeptRecords(), trail=trail,
    )  # fmt: skip
    networks = tuple(map(ip_network, HERE))
    door.allow_list.replace([Caller("card", key.public, ALL_CALLS, networks, ALLOWED_AT)])
    transport = httpx.ASGITransport(cast("Any", door))
    async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as http:
        yield Recorded(door, proxy, key, http)
    await trail.close()


@pytest.mark.requirement("G1-9.5-11")
async def test_a_session_and_a_refusal_are_rows_of_the_trail(
    database: Database, recorded: Recorded
) -> None:
    await recorded.open()
    await recorded.http.post(CALLS_PATH, content=b"wrong")
    await recorded.written()

    rows = [tuple(row) for row in await database.fetch(RECORDS)]
    assert rows == [
        ("security", "crypto.session", "card", "127.0.0.1", "ok", None),
        ("security", "crypto.refusal", "", "127.0.0.1", "malformed", "1"),
    ]


async def test_without_the_table_of_the_trail_no_session_is_opened(
    database: Database, recorded: Recorded
) -> None:
    await database.execute("alter table audit_records rename to gone")

    away = await recorded.open()
    held = len(recorded.door.answer_calls.sessions)
    await database.execute("alter table gone rename to audit_records")
    back = await recorded.open()
    await recorded.written()

    assert (away.status_code, away.content, held) == (503, b"", 0)
    assert back.status_code == 200
    rows = [tuple(row)[1:] for row in await database.fetch(RECORDS)]
    assert rows == [
        ("crypto.session", "card", "127.0.0.1", "ok", None),
        ("crypto.refusal", "card", "127.0.0.1", "not_recorded", "1"),
    ]
