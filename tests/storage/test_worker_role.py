"""The workers' role of the database: enough for a whole node, and nothing that changes a record."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import china_day
from openehc.storage.errors import StatementRefused
from openehc.storage.migrations import migrate
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.storage.worker_role import (
    WORKER,
    RightsNotGiven,
    as_role,
    changeable,
    give_rights,
    make_role,
)
from openehc.wiring.running import prepare_database
from openehc.wiring.settings import Settings, WrongSettings
from openehc.wiring.workers_database import APPEND_ONLY, AUDITED, DAILY_TABLES, workers_database
from tests.support.audit import EVENT
from tests.support.client import (
    ALTERINFO,
    AUTH_QUERY,
    AUTHURL,
    CLOSE,
    GENERATE,
    REGQUERY,
    VERIFY,
)
from tests.support.messages import (
    Person,
    alteration,
    authorisation,
    closing,
    registration,
    verification,
)
from tests.support.node import MORNING, RunningNode, StartNode


@pytest.fixture
def worker_dsn(database: Database, database_dsn: str) -> str:
    """The test's database as a worker sees it."""
    del database
    make_role(database_dsn, WORKER)
    give_rights(database_dsn, WORKER, append_only=APPEND_ONLY)
    return as_role(database_dsn, WORKER)


@pytest.fixture
async def node(worker_dsn: str, database: Database, start: StartNode) -> RunningNode:
    """A node whose workers have the role of workers; its days were made by the owner."""
    await ensure_day_partitions(database, DAILY_TABLES, today=china_day(MORNING))
    return await start(dsn=worker_dsn)


@pytest.mark.requirement("G2-B-5.3-12", "G2-B-5.3-24")
@pytest.mark.parametrize("table", AUDITED)
@pytest.mark.parametrize(
    "change",
    ["update {} set hash = hash", "delete from {}", "truncate {}",
     "alter table {} disable trigger all", "drop table {}"],
)  # fmt: skip
async def test_a_worker_cannot_change_what_was_recorded(
    worker_dsn: str, database: Database, table: str, change: str
) -> None:
    await database.execute(f"alter table {table} disable trigger user")  # rights alone must hold
    if table == "audit_heads":
        change = change.replace("hash", "digest")
    worker = await Database.connect(worker_dsn, size=1, name="worker")

    with pytest.raises(StatementRefused, match="42501"):
        await worker.execute(change.format(table))

    await worker.close()


async def test_no_way_leads_past_the_table_to_its_days(worker_dsn: str, database: Database) -> None:
    await ensure_day_partitions(database, ["usage_facts"], today=china_day(MORNING))
    await asyncio.to_thread(give_rights, database._connector.dsn, WORKER, append_only=APPEND_ONLY)
    worker = await Database.connect(worker_dsn, size=1, name="worker")

    with pytest.raises(StatementRefused, match="42501"):
        await worker.execute("delete from usage_facts_20260302")

    await worker.close()


async def test_a_whole_node_runs_on_the_rights_of_a_worker(node: RunningNode) -> None:
    client = node.client()
    card = await client.register(
        registration(Person.invented(), card_list=[{"card_type": "02", "card_no": "H-1"}])
    )
    who = {"ehealth_card_id": card["ehealth_card_id"]}
    consent = authorisation()
    link = (await client.call(AUTHURL, consent)).biz["ehealth_authurl"]
    code = (await client.call(GENERATE, {**who, "generate_type": "dynamic"})).biz["ehealth_code"]
    form = {"decision": "confirm", "ehealth_code": code}
    asked: list[tuple[str, dict[str, Any]]] = [
        (VERIFY, verification(code)),
        (REGQUERY, who),
        (AUTH_QUERY, {"out_authorize_no": consent["out_authorize_no"]}),
        (ALTERINFO, alteration(who["ehealth_card_id"], mobile_phone="19900001111")),
        (CLOSE, closing(who["ehealth_card_id"])),
    ]

    await client.http.post(link, data=form)
    replies = [await client.call(method, biz) for method, biz in asked]
    async with node.parts.trail.act(EVENT):
        pass
    assert node.parts.checkpoints
    made = await node.parts.checkpoints()

    assert [reply.code for reply in replies] == ["0000"] * 5
    assert made
    assert await node.rows("select current_user::text as who") == [{"who": WORKER}]


def test_rights_that_are_right_are_left_alone(worker_dsn: str, database_dsn: str) -> None:
    del worker_dsn

    assert give_rights(database_dsn, WORKER, append_only=APPEND_ONLY) == []


def test_a_start_without_the_owner_finds_nothing_to_do(worker_dsn: str, database_dsn: str) -> None:
    prepare_database(database_dsn)
    prepare_database(worker_dsn)

    assert migrate(worker_dsn) == []


def test_a_worker_gives_itself_nothing(worker_dsn: str) -> None:
    with pytest.raises(RightsNotGiven):
        give_rights(worker_dsn, WORKER, append_only=())


def test_what_could_be_changed_is_told(worker_dsn: str, database_dsn: str) -> None:
    assert changeable(worker_dsn, AUDITED) == []
    assert changeable(database_dsn, AUDITED) == sorted(AUDITED)


# ---------------------------------------------------------------- an external database


@pytest.fixture
def external(worker_dsn: str, database_dsn: str) -> Iterator[Settings]:
    """A node of production with an external database and both of its roles."""
    yield Settings(
        data=Path("/nowhere"), ehcin="9901A0001", mode=KeyPurpose.PRODUCTION, dsn=worker_dsn,
        owner_dsn=database_dsn, kept_days=3660,
    )  # fmt: skip
    with psycopg.connect(database_dsn) as owner:
        give_rights(database_dsn, WORKER, append_only=APPEND_ONLY)
        owner.rollback()


def test_workers_of_an_external_database_get_their_rights(external: Settings) -> None:
    assert external.owner_dsn
    assert external.dsn
    with psycopg.connect(external.owner_dsn) as owner:
        owner.execute(f"grant update on audit_records to {WORKER}")

    with workers_database(external, external.owner_dsn) as dsn:
        assert dsn == external.dsn
        assert changeable(dsn, AUDITED) == []


def test_production_refuses_workers_that_could_change_records(
    external: Settings, database_dsn: str
) -> None:
    alone = replace(external, dsn=database_dsn, owner_dsn=None)

    with (
        pytest.raises(WrongSettings, match=r"could change audit_checkpoints.*owner_dsn"),
        workers_database(alone, database_dsn),
    ):
        pass


def test_debugging_warns_of_workers_that_could_change_records(
    external: Settings, database_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    alone = replace(external, dsn=database_dsn, owner_dsn=None, mode=KeyPurpose.DEBUGGING)

    with workers_database(alone, database_dsn) as dsn:
        assert dsn == database_dsn

    assert "could change audit_checkpoints" in caplog.text
