"""The registers as workers load them, and entries that a program registers unasked."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from openehc.access import sql
from openehc.access.contacts import Contacts
from openehc.access.credentials import secret_row
from openehc.access.entries import Entry, ModuleEntry
from openehc.access.kinds import APPLICATIONS, MODULES, Kind
from openehc.access.model import NO_LIMITS, Application, Institution, Limits, Standing, Terminal
from openehc.access.numbers import counter_of
from openehc.access.record_store import stored
from openehc.access.registry import Registers
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy
from openehc.storage.pool import Database, Transaction

CHANNEL: Final = "registry"
"""The notification channel on which the database tells which rows of a register changed."""

_AT_ONCE: Final = 100
"""So many rows are opened before other tasks get their turn."""

Loaded = TypeVar("Loaded")


class AccessStore:
    """Reads the registers whole or in part; application secrets are sealed at rest."""

    def __init__(self, database: Database, sealer: ProfileSealer, entropy: Entropy) -> None:
        self._database = database
        self._sealer = sealer
        self._entropy = entropy
        self._opened: dict[tuple[str, bytes], str] = {}
        self.rows_read = 0
        """How many rows `registers` has made ready since it was called."""

    async def registers(self) -> Registers:
        """Everything that is registered now and has a number."""
        self.rows_read = 0
        async with self._database.transaction() as connection:
            institutions = await connection.fetch(sql.LOAD_INSTITUTIONS)
            applications = await connection.fetch(sql.LOAD_APPLICATIONS)
            terminals = await connection.fetch(sql.LOAD_TERMINALS)
        read = Registers(
            institutions=await self._each(institutions, _institution),
            applications=await self._each(applications, self._application),
            terminals=await self._each(terminals, _terminal),
        )
        present = {(row["app_id"], row["sealed_secret"]) for row in applications}
        self._opened = {key: text for key, text in self._opened.items() if key in present}
        return read

    async def rows_of(self, table: str, keys: Sequence[int]) -> Registers:
        """Those rows of one table that are there; raises KeyError for another table."""
        rows = await self._database.fetch(sql.LOAD_SOME[table], list(keys))
        if table == "institutions":
            return Registers(institutions=await self._each(rows, _institution))
        if table == "terminals":
            return Registers(terminals=await self._each(rows, _terminal))
        return Registers(applications=await self._each(rows, self._application))

    async def _each(self, rows: Sequence[Any], made: Callable[[Any], Loaded]) -> tuple[Loaded, ...]:
        """What `made` makes of each row; lets others work between, since a register can be long."""
        loaded: list[Loaded] = []
        for start in range(0, len(rows), _AT_ONCE):
            loaded += [made(row) for row in rows[start : start + _AT_ONCE]]
            self.rows_read += len(rows[start : start + _AT_ONCE])
            await asyncio.sleep(0)
        return tuple(loaded)

    def _application(self, row: Any) -> Application:  # noqa: ANN401 (a row of the driver)
        app_id = row["app_id"]
        return Application(
            app_id=app_id, secret=self._open(app_id, row["sealed_secret"]),
            institution_id=row["institution_id"], app_name=row["app_name"],
            app_channel=row["app_channel"], ehcappid=row["ehcappid"],
            grants=frozenset(row["grants"]), standing=Standing(row["standing"]),
            wire_profile=row["wire_profile"],
            previous_secret=self._open(app_id, row["sealed_previous"]),
            previous_until=row["previous_until"],
            limits=_limits(row),
            application_id=row["application_id"],
        )  # fmt: skip

    def _open(self, app_id: str, sealed: bytes | None) -> str:
        if sealed is None:
            return ""
        key = app_id, sealed
        if key not in self._opened:
            self._opened[key] = self._sealer.open(sealed, row=secret_row(app_id)).decode()
        return self._opened[key]

    async def save_institution(self, *, org_code: str, org_name: str) -> int:
        """Register the institution, or rename it; returns its id."""
        found = await self._database.fetchval(sql.SAVE_INSTITUTION, org_code, org_name)
        return int(found)

    async def save_application(self, app: Application) -> None:
        """Register the application, or change it; afterwards it has exactly these grants."""
        sealed = self._sealer.seal(
            app.secret.encode(), row=secret_row(app.app_id), entropy=self._entropy
        ).content
        async with self._database.transaction() as connection:
            await connection.execute(
                sql.SAVE_APPLICATION, app.app_id, app.institution_id, app.app_name,
                app.app_channel, app.ehcappid, sealed, app.wire_profile,
            )  # fmt: skip
            grants = sorted(app.grants)
            await connection.execute(sql.DELETE_GRANTS, app.app_id, grants)
            await connection.execute(sql.INSERT_GRANTS, app.app_id, grants)
            await _count(connection, app.ehcappid)

    async def save_terminal(self, terminal: Terminal) -> None:
        """Register the terminal, or change it."""
        async with self._database.transaction() as connection:
            await connection.execute(
                sql.SAVE_TERMINAL, terminal.term_id, terminal.institution_id, terminal.term_name
            )
            await _count(connection, terminal.term_id)

    async def describe(self, kind: Kind, number: str, entry: Entry) -> None:
        """Complete what a program registered in short, unless somebody changed it since."""
        values = stored(entry)
        if kind is APPLICATIONS:
            app_id = await self._database.fetchval(sql.APP_ID_OF_NUMBER, number)
            contacts = Contacts(lambda: self._sealer, self._entropy)
            values = contacts.columns(values, app_id=app_id, present={})
        await self._database.execute(
            sql.describe_statement(kind, tuple(values)), number, *values.values()
        )

    async def save_module(self, module_no: str, entry: ModuleEntry) -> None:
        """Register a crypto module, unless it is there."""
        values = stored(entry) | {"module_no": module_no, "standing": Standing.ACTIVE.value}
        async with self._database.transaction() as connection:
            statement = sql.insert_statement(MODULES, tuple(values))
            await connection.execute(statement, *values.values())
            await _count(connection, module_no)


async def _count(connection: Transaction, number: str) -> None:
    """A number that was chosen elsewhere is never assigned here."""
    parts = counter_of(number)
    if parts:
        await connection.execute(sql.NUMBER_IN_USE, *parts)


def _limits(row: Any) -> Limits:  # noqa: ANN401 (a row of the driver)
    rate, quota, networks = row["rate_limit"], row["daily_quota"], row["allowed_networks"]
    needed = frozenset(row["client_certificates"] if row["certificate_needed"] else ())
    if rate is None and quota is None and not networks and not needed:
        return NO_LIMITS
    return Limits(rate, quota, tuple(networks), needed)


def _institution(row: Any) -> Institution:  # noqa: ANN401 (a row of the driver)
    return Institution(
        row["institution_id"], row["org_code"], row["org_name"], Standing(row["standing"])
    )


def _terminal(row: Any) -> Terminal:  # noqa: ANN401 (a row of the driver)
    return Terminal(
        row["term_id"], row["institution_id"], row["term_name"], Standing(row["standing"]),
        row["terminal_id"],
    )  # fmt: skip


def changed_rows(payload: str) -> tuple[str, list[int]] | None:
    """Table and keys that a notice names; None when it asks for everything."""
    table, _, keys = payload.partition(":")
    if table not in sql.LOAD_SOME or not keys or keys == "*":
        return None
    return table, [int(key) for key in keys.split(",")]
