"""The database handle while the server is away, comes back, refuses and stalls."""

import asyncio
import os
import signal
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import pytest

from openehc.kernel.refusal import DatabaseDown
from openehc.storage import pool
from openehc.storage.embedded import EmbeddedPostgres
from openehc.storage.errors import NeverSent, QueueFull, StatementRefused, UniqueViolation
from openehc.storage.pool import Database
from tests.support.timing import clocked, quickest

SECRET = "11010119900307803X"
NOWHERE = "postgresql://nobody@/nothing?host=/nonexistent"


@pytest.fixture
async def private_database(private_postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    database = await Database.connect(private_postgres.dsn, size=4, name="test")
    yield database
    await database.close()


async def test_a_handle_is_made_while_the_server_is_down() -> None:
    database = await Database.connect(NOWHERE, size=2, name="test")

    with pytest.raises(NeverSent):
        await database.fetchval("select 1")

    await database.close()


@pytest.mark.usefixtures("production_patience")
async def test_a_silent_server_is_called_down_within_two_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        dsn = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        database = await Database.connect(dsn, size=2, name="test")

        async def all_are_told() -> None:
            asked = (database.fetchval("select 1") for _ in range(1000))
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(outcome, DatabaseDown) for outcome in outcomes)

        assert await quickest(lambda: clocked(all_are_told), within=3) < 3
        await database.close()


async def test_a_thousand_waiting_requests_do_not_each_knock_at_a_dead_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "DOWN_MEMORY_SECONDS", 60.0)  # however long a thousand take
    with _counting_refuser() as (port, knocks):
        dsn = f"postgresql://nobody@127.0.0.1:{port}/nothing?sslmode=disable"
        database = await Database.connect(dsn, size=4, name="test")

        await asyncio.gather(
            *(database.fetchval("select 1") for _ in range(1000)), return_exceptions=True
        )

        assert 0 < len(knocks) <= 8
        await database.close()


@pytest.mark.requirement("G2-B-5.3-29")
async def test_the_handle_heals_after_the_server_was_stopped_and_started(
    private_postgres: EmbeddedPostgres, private_database: Database
) -> None:
    await private_database.fetchval("select 1")
    private_postgres.stop()
    with pytest.raises(DatabaseDown):
        await private_database.fetchval("select 1")
    with pytest.raises(NeverSent):
        await private_database.fetchval("select 1")
    private_postgres.start()
    await asyncio.sleep(0.3)

    assert await private_database.fetchval("select 1") == 1


@pytest.mark.requirement("G2-B-5.3-29")
async def test_the_handle_heals_after_the_postmaster_was_killed(
    private_postgres: EmbeddedPostgres, private_database: Database
) -> None:
    await private_database.execute("create table kept (n int)")
    await private_database.execute("insert into kept values (7)")
    os.kill(private_postgres.pid, signal.SIGKILL)
    while private_postgres.alive():  # noqa: ASYNC110 (looks from outside)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    private_postgres.start()

    assert await private_database.fetchval("select n from kept") == 7


async def test_a_stalled_server_is_called_down_after_the_command_timeout(
    private_postgres: EmbeddedPostgres,
) -> None:
    database = await Database.connect(private_postgres.dsn, size=2, name="t", patience=1)

    async def gives_up() -> None:
        pid = await _backend_of(database)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseDown):
                await database.fetchval("select 1")
        finally:
            os.kill(pid, signal.SIGCONT)

    assert await quickest(lambda: clocked(gives_up), within=3) < 3
    await database.close()


async def _backend_of(database: Database) -> int:
    """The process behind the one connection; on a busy machine it may take more than one look."""
    while True:
        with suppress(DatabaseDown):
            return int(await database.fetchval("select pg_backend_pid()"))
        await asyncio.sleep(0.3)


@pytest.mark.usefixtures("production_patience")
async def test_without_a_free_connection_the_queue_is_full_within_two_seconds(
    database_dsn: str,
) -> None:
    narrow = await Database.connect(database_dsn, size=1, name="test")

    async def is_told() -> None:
        with pytest.raises(QueueFull):
            await narrow.fetchval("select 1")

    async with narrow.transaction():
        assert await quickest(lambda: clocked(is_told), within=3) < 3
    await narrow.close()


async def test_a_taken_key_is_named_by_its_constraint(database: Database) -> None:
    await database.execute("create table people (id text constraint people_once primary key)")
    await database.execute("insert into people values ($1)", SECRET)

    with pytest.raises(UniqueViolation) as caught:
        await database.execute("insert into people values ($1)", SECRET)

    assert caught.value.constraint == "people_once"


@pytest.mark.parametrize(
    ("sql", "argument"),
    [
        ("insert into people values ($1)", SECRET),
        ("select $1::text::date", SECRET),
        ("select $1::int", SECRET),
        ("select 1 from people where id = $1 and born = 'x'", SECRET),
    ],
    ids=["constraint", "server-side cast", "refused by the driver", "no such column"],
)
async def test_no_parameter_gets_into_an_error_or_its_traceback(
    database: Database, sql: str, argument: str
) -> None:
    await database.execute("create table people (id text primary key)")
    await database.execute("insert into people values ($1)", SECRET)

    with pytest.raises(StatementRefused) as caught:
        await database.execute(sql, argument)

    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("sql", ["select $1::text::date", "insert into people values ($1)"])
async def test_no_parameter_gets_into_the_servers_log(
    private_postgres: EmbeddedPostgres, private_database: Database, sql: str
) -> None:
    await private_database.execute("create table people (id text primary key)")
    await private_database.execute("insert into people values ($1)", SECRET)

    with pytest.raises(StatementRefused):
        await private_database.execute(sql, SECRET)
    private_postgres.stop()

    assert SECRET not in private_postgres.log_path.read_text("utf-8")


async def test_a_wrong_number_of_arguments_is_refused_and_not_taken_for_an_outage(
    database: Database,
) -> None:
    with pytest.raises(StatementRefused):
        await database.fetchval("select $1::int", 1, 2)


async def test_a_transaction_is_undone_by_an_exception(database: Database) -> None:
    await database.execute("create table numbers (n int)")

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 (the block is what is tested)
        async with database.transaction() as transaction:
            await transaction.execute("insert into numbers values (1)")
            raise ZeroDivisionError

    assert await database.fetchval("select count(*) from numbers") == 0


async def test_a_transaction_is_committed_at_its_end(database: Database) -> None:
    await database.execute("create table numbers (n int)")

    async with database.transaction() as transaction:
        await transaction.execute("insert into numbers values (1)")

    assert await database.fetchval("select count(*) from numbers") == 1


async def test_a_refused_statement_in_a_savepoint_leaves_the_rest(database: Database) -> None:
    await database.execute("create table numbers (n int primary key)")

    async with database.transaction() as transaction:
        await transaction.execute("insert into numbers values (1)")
        with pytest.raises(UniqueViolation):
            async with transaction.savepoint():
                await transaction.execute("insert into numbers values (1)")

    assert await database.fetchval("select count(*) from numbers") == 1


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["found out by use", "noticed before"])
async def test_a_connection_lost_in_a_transaction_is_told_as_down(
    database: Database, pause: float
) -> None:
    with pytest.raises(DatabaseDown):  # noqa: PT012 (the block is what is tested)
        async with database.transaction() as transaction:
            pid = await transaction.fetchval("select pg_backend_pid()")
            await database.execute("select pg_terminate_backend($1, 60000)", pid)
            await asyncio.sleep(pause)
            await transaction.execute("select 1")

    assert await database.fetchval("select 1") == 1


@contextmanager
def _counting_refuser() -> Iterator[tuple[int, list[str]]]:
    """A port that hangs up on everybody, and the list of those who came."""
    import threading  # noqa: PLC0415 (only this test wants it)

    knocks: list[str] = []
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:

        def refuse() -> None:
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                knocks.append("knock")
                visitor.close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield server.getsockname()[1], knocks
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
