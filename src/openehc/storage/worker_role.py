"""The database role of the workers: it reads and writes rows, and cannot change what is appended.

Whoever owns the tables gives it its rights; it owns nothing. Rights are looked at before
they are changed, so a start that changes nothing disturbs nobody.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from openehc.kernel.refusal import PlatformError
from openehc.storage.errors import NeverSent
from openehc.storage.migrations import BOOKS

WORKER: Final = "openehc_worker"
"""The role of the workers in the embedded database."""

_LOCK: Final = 0x4F45_5752  # "OEWR": one number for every node
_CONNECT_SECONDS: Final = 5
_ALL: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_APPENDING: Final = frozenset({"SELECT", "INSERT"})
_READING: Final = frozenset({"SELECT"})
_NOTHING: Final[frozenset[str]] = frozenset()
_EXISTS: Final = frozenset({"42710", "23505"})  # two programs made the role at once

# Partitions are reached through their tables: a right on one would pass by the table's.
_TABLES: Final = """
select c.oid::regclass::text as name, c.relname, c.relispartition as part,
       array(select privilege_type from aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
              where r.rolname = %s) as held
  from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
 order by c.relname
"""

_CHANGEABLE: Final = """
select c.relname
  from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relname = any(%s)
   and (pg_has_role(current_user, c.relowner, 'USAGE')
        or has_table_privilege(c.oid, 'UPDATE') or has_table_privilege(c.oid, 'DELETE')
        or has_table_privilege(c.oid, 'TRUNCATE') or has_table_privilege(c.oid, 'TRIGGER'))
 order by c.relname
"""


class RightsNotGiven(PlatformError):
    """The owner's connection may not give the workers' role its rights."""


def make_role(owner_dsn: str, role: str, *, password: str | None = None) -> None:
    """Make the role that workers sign in as, unless it exists. Raises DatabaseDown."""
    with _connected(owner_dsn) as connection:
        if connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone():
            return
        made = sql.SQL("create role {} login").format(sql.Identifier(role))
        if password is not None:
            made += sql.SQL(" password {}").format(sql.Literal(password))
        try:
            connection.execute(made)
        except psycopg.Error as error:
            if error.sqlstate not in _EXISTS:
                raise RightsNotGiven(f"cannot make the role {role} ({error.sqlstate})") from None


def give_rights(owner_dsn: str, role: str, *, append_only: Collection[str]) -> list[str]:
    """Give the role what workers need, and nothing more; returns the tables that changed.

    Raises RightsNotGiven when the connection does not own the tables, DatabaseDown.
    """
    with _connected(owner_dsn) as connection, connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        changed = []
        for name, table, part, held in connection.execute(_TABLES, (role,)).fetchall():
            wanted = _wanted(table, is_part=part, append_only=append_only)
            if set(held) != wanted:
                _set(connection, name, role, wanted)
                changed.append(table)
        for name, table, part, held in connection.execute(_TABLES, (role,)).fetchall():
            # whoever is not the owner is only warned
            if set(held) != _wanted(table, is_part=part, append_only=append_only):
                raise RightsNotGiven(f"cannot give {role} its rights on {name}: not its owner")
        return changed


def changeable(dsn: str, tables: Collection[str]) -> list[str]:
    """Those of the tables that this connection could change or empty. Raises DatabaseDown."""
    with _connected(dsn) as connection:
        return [name for (name,) in connection.execute(_CHANGEABLE, (list(tables),))]


def role_of(dsn: str) -> str:
    """The role that this connection is. Raises DatabaseDown."""
    with _connected(dsn) as connection:
        row = connection.execute("select current_user::text").fetchone()
    return str(row[0]) if row else ""


def as_role(dsn: str, role: str, *, password: str | None = None) -> str:
    """The same address for another role."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    who = role if password is None else f"{role}:{password}"
    return urlunsplit(parts._replace(netloc=f"{who}@{place}"))


def _wanted(table: str, *, is_part: object, append_only: Collection[str]) -> frozenset[str]:
    if is_part:
        return _NOTHING
    if table == BOOKS:
        return _READING
    return _APPENDING if table in append_only else _ALL


def _set(
    connection: "psycopg.Connection[Any]", name: str, role: str, wanted: frozenset[str]
) -> None:
    """`name` is quoted by the server; privileges are words of this program."""
    who = sql.Identifier(role)
    table = sql.SQL(name)
    try:
        connection.execute(sql.SQL("revoke all on {} from {}").format(table, who))
        if wanted:
            words = sql.SQL(", ").join(sql.SQL(word) for word in sorted(wanted))
            connection.execute(sql.SQL("grant {} on {} to {}").format(words, table, who))
    except psycopg.errors.InsufficientPrivilege:
        raise RightsNotGiven(f"cannot give {role} its rights on {name}: not its owner") from None


@contextmanager
def _connected(dsn: str) -> Iterator["psycopg.Connection[Any]"]:
    try:
        connection = psycopg.connect(
            dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS,
            application_name="openehc rights",
        )  # fmt: skip
    except psycopg.OperationalError as error:
        failure = NeverSent(f"cannot connect ({error.sqlstate or type(error).__name__})")
    else:
        with connection:
            yield connection
        return
    raise failure
