"""Building and changing the tables: numbered SQL files, forward, and the last one back.

`migrations/NNNN_name.sql` goes forward, `NNNN_name.rollback.sql` back. Each file
is one transaction together with the mark that it was applied, so a machine that
stops in the middle leaves either all of it or nothing. Nodes that start at once
wait for each other. yoyo keeps the books; this module replaces three habits of it:
cutting files at semicolons, marking in a second transaction, and counting a
missing way back as a success.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, StepCollector

from openehc.kernel.refusal import PlatformError
from openehc.storage.errors import NeverSent

MIGRATIONS: Final = Path(__file__).with_name("migrations")

BOOKS: Final = "_yoyo_migration"
"""The table that says which migrations were applied."""

_LOCK: Final = 0x4F45_4843  # "OEHC": one number for every node
_FILE: Final = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")
_BACK: Final = ".rollback.sql"
_DEFINITION_CLASS: Final = "42"
_CONNECT_SECONDS: Final = 5


class MigrationFailed(PlatformError):
    """A migration could not be applied or undone; nothing of it remains."""


def migrate(dsn: str, *, folder: Path = MIGRATIONS) -> list[str]:
    """Apply every pending migration in order; returns their names.

    Raises MigrationFailed (the earlier ones stay applied), DatabaseDown.
    """
    with _backend(dsn) as backend:
        applied: list[str] = []
        for migration in backend.to_apply(_migrations(folder)):
            with _told(migration.id):
                backend.apply_one(migration, mark=False)
            applied.append(migration.id)
        return applied


def rollback_last(dsn: str, *, folder: Path = MIGRATIONS) -> str | None:
    """Undo the latest migration; returns its name, None when there is none.

    Raises MigrationFailed when this program does not know that migration (a newer
    program applied it and must undo it) or has no way back for it; DatabaseDown.
    """
    with _backend(dsn) as backend:
        name = _latest(backend.connection)
        if name is None:
            return None
        known = {migration.id: migration for migration in _migrations(folder)}
        if name not in known:
            raise MigrationFailed(f"{name} was applied by a newer program: let that one undo it")
        if not _way_back(known[name]).exists():
            raise MigrationFailed(f"{name} has no way back")
        with _told(name):
            backend.rollback_one(known[name])
        return name


def pending(dsn: str, *, folder: Path = MIGRATIONS) -> list[str]:
    """The names of the migrations that `migrate` would apply. Raises DatabaseDown."""
    with _connected(dsn) as connection:
        applied = set(_applied(connection))
    return [migration.id for migration in _migrations(folder) if migration.id not in applied]


def current_version(dsn: str) -> int:
    """The number of the latest applied migration, 0 for an empty database. Raises DatabaseDown."""
    with _connected(dsn) as connection:
        latest = _latest(connection)
    return int(latest[:4]) if latest else 0


def newest_version(*, folder: Path = MIGRATIONS) -> int:
    """The number of the newest migration that this program knows."""
    return max((int(migration.id[:4]) for migration in _migrations(folder)), default=0)


class _SqlFile(Migration):  # type: ignore[misc] # yoyo is untyped
    """One SQL file, run whole, and marked in the same transaction."""

    def load(self) -> None:
        if self.loaded:
            return
        forward = Path(self.path).read_text("utf-8")
        back = _way_back(self)
        collector = StepCollector(migration=self)
        collector.add_step(forward, back.read_text("utf-8") if back.exists() else None)
        collector.add_step(self._mark, self._unmark)
        self._depends: set[Migration] = set()
        self.steps = collector.create_steps(use_transactions=True)

    def _mark(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(
            f"insert into {BOOKS} (migration_hash, migration_id, applied_at_utc)"  # noqa: S608
            " values (%s, %s, timezone('utc', clock_timestamp()))",
            (self.hash, self.id),
        )

    def _unmark(self, connection: "psycopg.Connection[Any]") -> None:
        connection.execute(f"delete from {BOOKS} where migration_hash = %s", (self.hash,))  # noqa: S608


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo is untyped
    """yoyo's books, over the DSN as it stands and under our own lock."""

    def connect(self, dburi: DatabaseURI) -> "psycopg.Connection[Any]":
        return _open(dburi.args["dsn"])

    @contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:  # noqa: ARG002 (yoyo's signature)
        """Nothing: `_backend` holds an advisory lock, which no crash can leave behind."""
        yield

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> Any:  # noqa: ANN401
        """As yoyo's, without asking a name server who we are."""
        fields = {"id": None, "hash": None} if migration is None else vars(migration)
        with self.connection.cursor() as cursor:
            row = cursor.execute(
                "select gen_random_uuid()::text, session_user::text, timezone('utc', now())"
            ).fetchone()
        return {
            "id": row[0],
            "migration_id": fields["id"],
            "migration_hash": fields["hash"],
            "username": row[1],
            "hostname": "",
            "created_at_utc": row[2],
            "operation": operation,
        }

    def copy(self) -> Self:
        return type(self)(self.uri, self.migration_table)


@contextmanager
def _backend(dsn: str) -> Iterator[_Backend]:
    """The books, while no other node changes them."""
    with _connected(dsn) as guard:
        guard.execute("select pg_advisory_lock(%s)", (_LOCK,))
        uri = DatabaseURI("postgresql+psycopg", None, None, None, None, None, {"dsn": dsn})
        with _Backend(uri, BOOKS) as backend:
            yield backend


@contextmanager
def _connected(dsn: str) -> Iterator["psycopg.Connection[Any]"]:
    connection = _open(dsn)
    try:
        yield connection
    finally:
        connection.close()


def _open(dsn: str) -> "psycopg.Connection[Any]":
    try:
        return psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name="openehc-migrations",
            options="-c client_min_messages=warning",
        )
    except psycopg.OperationalError as error:
        failure = NeverSent(f"cannot connect ({error.sqlstate or type(error).__name__})")
    raise failure


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Failures in our words: PostgreSQL's hold rows, except those about definitions."""
    failure: MigrationFailed | None = None
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or "connection lost"
        is_about_definitions = state.startswith(_DEFINITION_CLASS)
        text = f": {error.diag.message_primary}" if is_about_definitions else ""
        failure = MigrationFailed(f"{name} ({state}){text}")
    if failure:
        raise failure


def _migrations(folder: Path) -> MigrationList:
    paths = sorted(path for path in folder.glob("*.sql") if not path.name.endswith(_BACK))
    numbers: dict[str, str] = {}
    for path in paths:
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise MigrationFailed(f"{path.name} is not named NNNN_name.sql")
        if match["number"] in numbers:
            raise MigrationFailed(f"{path.name} and {numbers[match['number']]} share a number")
        numbers[match["number"]] = path.name
    return MigrationList([_SqlFile(path.stem, str(path), str(folder)) for path in paths])


def _way_back(migration: Migration) -> Path:
    return Path(migration.path).with_name(f"{migration.id}{_BACK}")


def _applied(connection: "psycopg.Connection[Any]") -> list[str]:
    row = connection.execute("select to_regclass(%s) is not null", (BOOKS,)).fetchone()
    if row is None or not row[0]:
        return []
    found = connection.execute(f"select migration_id from {BOOKS} order by migration_id")  # noqa: S608
    return [name for (name,) in found]


def _latest(connection: "psycopg.Connection[Any]") -> str | None:
    names = _applied(connection)
    return names[-1] if names else None
