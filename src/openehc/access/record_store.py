"""Entries of the four registers in the database: lists, single rows, changes, numbers, history.

Every change is made inside a transaction that the caller opened together with its audit
record; decides nothing itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import msgspec

from openehc.access import sql
from openehc.access.clash_sql import IN_THE_WAY
from openehc.access.clashes import named_by
from openehc.access.columns import Column
from openehc.access.contacts import Contacts, without
from openehc.access.entries import Entry
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, Kind
from openehc.access.model import Standing
from openehc.access.record import ActCommand, HistoryRow, Record, Search
from openehc.access.rules import Act
from openehc.storage.errors import UniqueViolation
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class RecordStore:
    """Reads and writes the registers."""

    def __init__(self, database: Database, contacts: Contacts) -> None:
        self._database = database
        self._contacts = contacts

    async def page(self, kind: Kind, search: Search, listing: Listing) -> tuple[list[Record], int]:
        """One page of a register, and how many rows match (up to 100,000)."""
        where, arguments = sql.conditions(kind, search)
        if sql.is_rare(kind, search):
            rows = await self._database.fetch(
                sql.searched_statement(kind, where, listing), *arguments
            )
            found = [self._record(kind, row) for row in rows if row["record_id"] is not None]
            return found, int(rows[0]["total"])
        clause = listing.clause(tie_break=f"r.{kind.key} {listing.direction}")
        rows = await self._database.fetch(sql.page_statement(kind, where, clause), *arguments)
        total = await self._database.fetchval(sql.count_statement(kind, where), *arguments)
        return [self._record(kind, row) for row in rows], int(total)

    async def find(self, kind: Kind, record_id: int, *, reach: int | None) -> Record | None:
        """One entry, if the actor's reach covers it."""
        row = await self._database.fetchrow(sql.SELECT_ONE[kind], record_id)
        record = self._record(kind, row) if row else None
        return record if record and reached(record, reach) else None

    async def history(self, kind: Kind, record_id: int) -> list[HistoryRow]:
        """What happened to an entry, the last first; at most 500 changes."""
        rows = await self._database.fetch(sql.SELECT_HISTORY, kind.name, record_id)
        return [self._change(row, record_id) for row in rows]

    def _change(self, row: Any, record_id: int) -> HistoryRow:  # noqa: ANN401 (a row of the driver)
        before, after = self._contacts.from_history(row["sealed_contact"], record_id=record_id)
        return HistoryRow(
            row["revision"], row["at"], row["act"], row["actor_kind"], row["actor_id"],
            row["reason"], msgspec.json.decode(row["before"]) | before,
            msgspec.json.decode(row["after"]) | after,
        )  # fmt: skip

    def _record(self, kind: Kind, row: Any) -> Record:  # noqa: ANN401 (a row of the driver)
        sealed: dict[str, Any] = {}
        if kind is APPLICATIONS:
            sealed = self._contacts.opened(row["sealed_contact"], app_id=row["app_id"])
        return record_of(kind, row, sealed)

    async def institution_of(self, org_code: str) -> int | None:
        """The institution with this code."""
        found = await self._database.fetchval(sql.INSTITUTION_BY_CODE, org_code)
        return None if found is None else int(found)

    async def locked(self, connection: Transaction, kind: Kind, record_id: int) -> Record | None:
        """One entry, which nobody else changes until the transaction ends."""
        row = await connection.fetchrow(sql.LOCK_ONE[kind], record_id)
        return self._record(kind, row) if row else None

    async def hold_owner(self, connection: Transaction, kind: Kind, record_id: int) -> None:
        """Nobody changes the institution that the entry belongs to until the transaction ends."""
        if kind is not INSTITUTIONS:
            await connection.execute(sql.LOCK_OWNER[kind], record_id)

    async def standing_before(
        self, connection: Transaction, record: Record, act: Act
    ) -> Standing | None:
        """The standing that the entry had when `act` was done to it the last time."""
        found = await connection.fetchval(
            sql.STANDING_BEFORE, record.kind.name, record.record_id, act.value
        )
        return Standing(found) if found else None

    async def in_the_way(
        self, connection: Transaction, kind: Kind, entry: Entry, *, besides: int = 0
    ) -> Standing | None:
        """The standing of another entry for the same thing, black-listed before any other."""
        found = await connection.fetchval(IN_THE_WAY[kind], besides, *named_by(entry))
        return Standing(found) if found else None

    async def institution_state(
        self, connection: Transaction, institution_id: int
    ) -> tuple[Standing, str | None, str | None] | None:
        """Standing, owner letter and category of an institution, held until the end."""
        row = await connection.fetchrow(sql.LOCK_INSTITUTION, institution_id)
        if row is None:
            return None
        return Standing(row["standing"]), row["owner_type"], row["org_category"]

    async def insert(
        self, connection: Transaction, kind: Kind, values: Mapping[str, Any]
    ) -> int | None:
        """A new entry's id; None when one of its unique keys is taken."""
        if kind is APPLICATIONS:
            values = self._contacts.columns(values, app_id=values["app_id"], present={})
        names = tuple(values)
        found = await connection.fetchval(sql.insert_statement(kind, names), *values.values())
        return None if found is None else int(found)

    async def update(
        self, connection: Transaction, record: Record, values: Mapping[str, Any]
    ) -> bool:
        """Write these columns; False when one of its unique keys is taken."""
        if record.kind is APPLICATIONS:
            values = self._contacts.columns(
                values, app_id=record.more["app_id"], present=asdict(record.entry)
            )
        statement = sql.update_statement(record.kind, tuple(values))
        try:
            async with connection.savepoint():
                await connection.execute(statement, record.record_id, *values.values())
        except UniqueViolation:
            return False
        return True

    async def next_number(
        self, connection: Transaction, *, ehcin: str, component: str, owner: str
    ) -> int | None:
        """The next serial (1 to 9999); others wait for this transaction. None when used up."""
        found = await connection.fetchval(sql.NEXT_NUMBER, ehcin, component, owner)
        return None if found is None else int(found)

    async def remember(
        self, connection: Transaction, command: ActCommand,
        *, before: Mapping[str, Any], after: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Add what `command` did to the history; its revision is the one it was made to."""
        actor = command.by
        await connection.execute(
            sql.INSERT_HISTORY, command.kind.name, command.record_id, command.revision + 1,
            command.now, command.act.value, actor.kind.value, actor.id, command.reason,
            _encode(without(before)).decode(), _encode(without(after)).decode(),
            self._contacts.history(command.record_id, before=before, after=after),
        )  # fmt: skip

    async def sealed_secret(self, connection: Transaction, record: Record) -> bytes | None:
        """The present secret of an application as it is kept, None when there is none."""
        found = await connection.fetchval(sql.SEALED_NOW, record.record_id)
        return None if found is None else bytes(found)

    async def set_grants(
        self, connection: Transaction, record: Record, methods: Sequence[str]
    ) -> None:
        """The application holds exactly these grants from now on."""
        app_id, wanted = record.more["app_id"], sorted(methods)
        await connection.execute(sql.DELETE_GRANTS, app_id, wanted)
        await connection.execute(sql.INSERT_GRANTS, app_id, wanted)


async def enter_ehcin(database: Database, ehcin: str) -> str:
    """The number of this node: the one given now, unless one was entered before (附录D.1)."""
    await database.execute(sql.ENTER_EHCIN, ehcin)
    return str(await database.fetchval(sql.ENTERED_EHCIN))


def reached(record: Record, reach: int | None) -> bool:
    """Whether someone limited to the institution `reach` may see the entry."""
    return reach is None or record.institution_id == reach


def record_of(kind: Kind, row: Any, opened: Mapping[str, Any]) -> Record:  # noqa: ANN401 (a row)
    """The entry that a row holds, with what of it was sealed."""
    of_standing = row["of_standing"]
    return Record(
        kind=kind, record_id=row["record_id"], entry=entry_of(kind, row, opened),
        standing=Standing(row["standing"]), revision=row["revision"], number=row["number"],
        institution_id=row["of_institution"], org_code=row["of_code"], org_name=row["of_name"],
        institution_standing=Standing(of_standing) if of_standing else None,
        created_at=row["created_at"], changed_at=row["changed_at"],
        more={name: row[name] for name in kind.more},
    )  # fmt: skip


def entry_of(kind: Kind, row: Any, opened: Mapping[str, Any]) -> Entry:  # noqa: ANN401 (a row)
    """What an applicant entered, of such a row."""
    names = sql.ENTRY_COLUMNS[kind]
    entered: dict[str, Any] = {
        name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names
    }
    return kind.entry(**entered, **opened)


def stored(entry: Any) -> dict[str, Any]:  # noqa: ANN401 (an entry)
    """An entry's columns by name; those of contact persons are still in clear."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(entry).items()
    }


def filtered(kind: Kind) -> Mapping[str, Column]:
    """The columns by which a list of a register can be narrowed."""
    return sql.FILTERED[kind]


def sortable(kind: Kind) -> Mapping[str, str]:
    """The columns by which a register can be sorted."""
    return sql.SORTABLE[kind]
