"""The listener hears, reloads after every gap, and stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.notify import Listener
from openehc.storage.pool import Database
from tests.support.waiting import until, until_told


@dataclass(slots=True)
class Owner:
    """Writes down what it is told; fails once on a payload of "fail"."""

    heard: list[tuple[str, str]] = field(default_factory=list)
    reloads: int = 0

    async def hear(self, channel: str, payload: str) -> None:
        self.heard.append((channel, payload))
        if payload == "fail":
            raise RuntimeError(payload)

    async def reload(self) -> None:
        self.reloads += 1


@asynccontextmanager
async def _listening(dsn: str, owner: Owner) -> AsyncIterator[Listener]:
    listener = Listener(dsn, ["apps", "grants"], owner.hear, owner.reload)
    listener.start()
    try:
        async with asyncio.timeout(60):
            await listener.listening.wait()
        yield listener
    finally:
        await listener.stop()


async def _until_heard(owner: Owner, payload: str) -> None:
    await until(lambda: payload in [text for _, text in owner.heard])


async def _until_reloaded(owner: Owner, times: int) -> None:
    await until(lambda: owner.reloads >= times)


async def test_notices_arrive_in_order_with_their_channel(
    database: Database, database_dsn: str
) -> None:
    owner = Owner()
    async with _listening(database_dsn, owner):
        for channel, payload in [("apps", "1"), ("grants", "2"), ("other", "3"), ("apps", "4")]:
            await database.execute("select pg_notify($1, $2)", channel, payload)
        await _until_heard(owner, "4")

    assert owner.heard == [("apps", "1"), ("grants", "2"), ("apps", "4")]


async def test_the_owner_loads_before_it_is_said_to_listen(database_dsn: str) -> None:
    owner = Owner()

    async with _listening(database_dsn, owner):
        assert owner.reloads == 1


@pytest.mark.requirement("G2-B-5.3-29")
async def test_after_a_restart_of_the_server_the_owner_reloads_and_hears_again(
    private_postgres: EmbeddedPostgres,
) -> None:
    owner = Owner()
    async with _listening(private_postgres.dsn, owner):
        private_postgres.stop()
        await asyncio.sleep(0.3)
        private_postgres.start()
        await _until_reloaded(owner, 2)

        database = await Database.connect(private_postgres.dsn, size=1, name="test")
        await database.execute("select pg_notify('apps', 'again')")
        await _until_heard(owner, "again")
        await database.close()


async def test_while_the_server_is_away_it_is_not_listening(
    private_postgres: EmbeddedPostgres,
) -> None:
    owner = Owner()
    async with _listening(private_postgres.dsn, owner) as listener:
        private_postgres.stop()

        await until(lambda: not listener.listening.is_set())


async def test_a_notice_that_the_owner_could_not_take_leads_to_a_reload(
    database: Database, database_dsn: str
) -> None:
    owner = Owner()
    async with _listening(database_dsn, owner):
        await database.execute("select pg_notify('apps', 'fail')")
        await _until_reloaded(owner, 2)


async def test_after_stop_its_connection_is_closed(database: Database, database_dsn: str) -> None:
    async with _listening(database_dsn, Owner()):
        pass

    count = (
        "select count(*) from pg_stat_activity "
        "where application_name = 'listener' and datname = current_database()"
    )

    async def gone() -> bool:
        return bool(await database.fetchval(count) == 0)

    await until_told(gone)
