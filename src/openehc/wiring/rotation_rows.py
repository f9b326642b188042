"""Writing rows anew under another key, a batch at a time; the rotation's own transactions.

Each batch and the mark of how far it came are one commit, so a rotation that is killed
goes on behind the last batch. The revision of an account stays: nothing about it changed.
Which table is sealed under which identity stands in `SEALED`: whoever adds a sealed
column adds it there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from openehc.access.contacts import contact_row, history_row
from openehc.access.credentials import secret_row
from openehc.access.imports.failed_rows import failed_rows_row
from openehc.cards.model import CardAccount, Resident
from openehc.cards.store import photo_row, profile_row
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.kernel.ids import Entropy
from openehc.people.user_store import credentials_row
from openehc.storage.pool import Transaction
from openehc.wiring import rotation_sql as sql

OpenAccount = Callable[[Any], CardAccount]
"""How a row of `cards` is opened: `CardStore.account_of`."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of sealed values: how to read those under other keys, and to write them."""

    table: str
    column: str
    key: str
    select: str
    update: str
    identity: Callable[[Any], bytes]
    more: tuple[str, ...] = ()
    first: bytes | str | int = b""


SEALED: Final = (
    SealedColumn("cards", "sealed_profile", "ehcid", sql.CARDS_UNDER_OTHERS, sql.RESEAL_CARD,
                 profile_row),
    SealedColumn("card_photos", "sealed_photo", "ehcid", sql.PHOTOS_UNDER_OTHERS,
                 sql.RESEAL_PHOTO, photo_row),
    SealedColumn("card_history", "sealed_before", "ehcid", sql.HISTORY_UNDER_OTHERS,
                 sql.RESEAL_HISTORY, profile_row, ("revision",)),
    SealedColumn("applications", "sealed_secret", "app_id", sql.SECRETS_UNDER_OTHERS,
                 sql.RESEAL_APPLICATION, secret_row, first=""),
    SealedColumn("users", "sealed_credentials", "login", sql.CREDENTIALS_UNDER_OTHERS,
                 sql.RESEAL_CREDENTIALS, credentials_row, first=""),
    SealedColumn("applications", "sealed_previous", "app_id", sql.PREVIOUS_UNDER_OTHERS,
                 sql.RESEAL_PREVIOUS, secret_row, first=""),
    SealedColumn("applications", "sealed_contact", "app_id", sql.CONTACTS_UNDER_OTHERS,
                 sql.RESEAL_CONTACT, contact_row, first=""),
    SealedColumn("register_history", "sealed_contact", "record_id", sql.CHANGES_UNDER_OTHERS,
                 sql.RESEAL_CHANGE, history_row, ("revision",), first=0),
    SealedColumn("import_jobs", "sealed_failed_rows", "job_id", sql.FAILED_ROWS_UNDER_OTHERS,
                 sql.RESEAL_FAILED_ROWS, failed_rows_row, first=""),
)  # fmt: skip
"""Every sealed column of the database."""

INDEXED: Final = (
    ("card_documents", "document_index"), ("cards", "phone_index"), ("cards", "name_index"),
    ("card_links", "card_index"),
)  # fmt: skip
"""Every column of blind indexes."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a batch did: how many rows, and the key of the last (`""` when none was left)."""

    rows: int
    position: str


class Work(Protocol):
    """One pass over one table."""

    @property
    def step(self) -> str:
        """Its name in `key_rotations`."""

    async def batch(self, connection: Transaction, *, position: str, rows: int) -> Done:
        """The next `rows` rows behind `position`, written in this transaction."""


@dataclass(frozen=True, slots=True)
class Reseal:
    """Seal one column anew under the current key of `sealer`."""

    column: SealedColumn
    sealer: ProfileSealer
    entropy: Entropy

    @property
    def step(self) -> str:
        """The column."""
        return f"{self.column.table}.{self.column.column}"

    async def batch(self, connection: Transaction, *, position: str, rows: int) -> Done:
        """As `Work`."""
        column, version = self.column, self.sealer.current.to_bytes(2, "big")
        found = await connection.fetch(column.select, _behind(column, position), version, rows)
        if not found:
            return Done(0, "")
        keys = [row[column.key] for row in found]
        sealed = [self._again(row) for row in found]
        more = [[row[name] for row in found] for name in column.more]
        await connection.execute(column.update, keys, sealed, *more)
        return Done(len(found), _told(keys[-1]))

    def _again(self, row: Any) -> bytes:  # noqa: ANN401 (a row of the driver)
        identity = self.column.identity(row[self.column.key])
        plain = self.sealer.open(row["sealed"], row=identity)
        return self.sealer.seal(plain, row=identity, entropy=self.entropy).content


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Accounts of one batch, opened."""

    ehcids: Sequence[bytes]
    residents: Sequence[Resident]

    def documents(self, indexer: BlindIndexer) -> list[bytes]:
        return [indexer.document(person.id_type, person.id_no) for person in self.residents]

    def links(self, indexer: BlindIndexer) -> list[bytes]:
        return [
            indexer.card(card.card_type, card.card_no)
            for person in self.residents
            for card in person.cards
        ]

    def linked(self) -> list[bytes]:
        return [
            ehcid
            for ehcid, person in zip(self.ehcids, self.residents, strict=True)
            for _ in person.cards
        ]


async def _accounts(
    connection: Transaction, opened: OpenAccount, *, position: str, rows: int
) -> _Accounts:
    found = await connection.fetch(sql.CARDS_TO_INDEX, bytes.fromhex(position), rows)
    residents = [opened(row).resident for row in found]
    return _Accounts([row["ehcid"] for row in found], residents)


@dataclass(frozen=True, slots=True)
class Reindex:
    """Index accounts under the new key as well; phones and names under it alone."""

    opened: OpenAccount
    old: BlindIndexer
    new: BlindIndexer
    step: str = "cards"

    async def batch(self, connection: Transaction, *, position: str, rows: int) -> Done:
        """As `Work`."""
        found = await _accounts(connection, self.opened, position=position, rows=rows)
        if not found.ehcids:
            return Done(0, "")
        old, new = self.old, self.new
        await connection.execute(
            sql.INDEX_DOCUMENTS, found.ehcids, found.documents(old), found.documents(new)
        )
        await connection.execute(
            sql.INDEX_CARDS, found.ehcids,
            [new.phone(person.mobile_phone) for person in found.residents],
            [new.name(person.user_name) for person in found.residents],
        )  # fmt: skip
        await connection.execute(
            sql.INDEX_LINKS, found.linked(), found.links(old), found.links(new)
        )
        return Done(len(found.ehcids), _told(found.ehcids[-1]))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Remove the rows of the old index."""

    opened: OpenAccount
    old: BlindIndexer
    step: str = "cards"

    async def batch(self, connection: Transaction, *, position: str, rows: int) -> Done:
        """As `Work`."""
        found = await _accounts(connection, self.opened, position=position, rows=rows)
        if not found.ehcids:
            return Done(0, "")
        await connection.execute(sql.SWEEP_DOCUMENTS, found.documents(self.old))
        await connection.execute(sql.SWEEP_LINKS, found.linked(), found.links(self.old))
        return Done(len(found.ehcids), _told(found.ehcids[-1]))


def _behind(column: SealedColumn, position: str) -> bytes | str | int:
    if isinstance(column.first, int):
        return int(position or column.first)
    return position if isinstance(column.first, str) else bytes.fromhex(position)


def _told(key: bytes | str | int) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)
