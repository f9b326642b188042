"""Card accounts while the key of the blind index is rotated: found and kept under both keys.

Outside a rotation it is `CardStore`, with one comparison more. During one, a document
gets a row under each key in the same transaction, so that "one person, one document"
holds between workers of which one is a stage ahead. Rewrites no rows by itself.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from openehc.access.serials import Claim, SerialKey
from openehc.audit.mark_files import MarkFiles
from openehc.cards.model import BoundCard, CardAccount, Change
from openehc.cards.sql import INSERT_DOCUMENT, REGISTER, RELEASE_DOCUMENT
from openehc.cards.store import AccountChange, CardStore, NewAccount, Saved, Written
from openehc.cards.usage import UsageFact
from openehc.kernel.ids import Entropy
from openehc.storage.errors import StatementRefused
from openehc.storage.pool import Database, Transaction
from openehc.wiring.rotation_worker import KeyRing

_ATTEMPTS: Final = 4
_DEADLOCK: Final = "40P01"


class _TakenError(Exception):
    """Another worker holds the document under the other key; never leaves the store."""


class RotatingCardStore(CardStore):
    """`CardStore` under the keys of a `KeyRing`."""

    def __init__(
        self, database: Database, ring: KeyRing, entropy: Entropy, *,
        marks: MarkFiles | None = None,
    ) -> None:  # fmt: skip
        super().__init__(database, ring.sealer, ring.indexer, entropy, marks=marks)
        self._ring = ring

    async def by_document(self, *, id_type: str, id_no: str) -> CardAccount | None:
        """As the plain store's; during a rotation under both keys."""
        ring = self._ring
        if not ring.fresh:
            await ring.freshen()
        found = await super().by_document(id_type=id_type, id_no=id_no)
        if found is None:
            for other in ring.indexer.others:
                row = await self._by_document.run((other.document(id_type, id_no),))
                if row:
                    return self.account_of(row)
        return found

    async def open_account(
        self, new: NewAccount, *, serial: SerialKey | None, fact: UsageFact
    ) -> Written:
        """As the plain store's; during a rotation the document is taken under both keys."""
        ring = self._ring
        if not ring.fresh:
            await ring.freshen()
        turn = ring.gate.enter()
        try:
            if not ring.indexer.others:
                return await super().open_account(new, serial=serial, fact=fact)
            return await self._open_under_both(new, serial=serial, fact=fact)
        finally:
            ring.gate.leave(turn)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """The keys stay what they are until the caller's transaction has ended."""
        if not self._ring.fresh:
            await self._ring.freshen()
        turn = self._ring.gate.enter()
        try:
            yield
        finally:
            self._ring.gate.leave(turn)

    async def change_account(self, change: AccountChange, *, serial: SerialKey | None) -> Written:
        """As the plain store's."""
        ring = self._ring
        if not ring.fresh:
            await ring.freshen()
        turn = ring.gate.enter()
        try:
            return await super().change_account(change, serial=serial)
        finally:
            ring.gate.leave(turn)

    async def release_document(self, closed: CardAccount) -> None:
        """As the plain store's; during a rotation under both keys at once."""
        await self._ring.freshen()
        turn = self._ring.gate.enter()
        try:
            async with self._database.transaction() as connection:
                for index in (*self._other_documents(closed), self._document(closed)):
                    await connection.execute(RELEASE_DOCUMENT, index, closed.ehcid)
        finally:
            self._ring.gate.leave(turn)

    async def _open_under_both(
        self, new: NewAccount, *, serial: SerialKey | None, fact: UsageFact
    ) -> Written:
        # Workers a stage apart take the two rows in opposite order; then one has to try again.
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._open_once(new, serial=serial, fact=fact)
            except _TakenError:
                return Written(Claim.USED, Saved.OVERTAKEN)
            except StatementRefused as refused:
                if refused.sqlstate != _DEADLOCK or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _open_once(
        self, new: NewAccount, *, serial: SerialKey | None, fact: UsageFact
    ) -> Written:
        account, at = new.account, new.act.at
        row = await self._new_row(new, serial, fact)
        async with self._saving_fact([row]) as (connection, keep):
            written = await keep(REGISTER)
            if written != Written(Claim.USED, Saved.DONE):
                return written
            for index in self._other_documents(account):
                if await connection.execute(INSERT_DOCUMENT, index, account.ehcid) != "INSERT 0 1":
                    raise _TakenError
            await self._save_links(connection, account, at)
            await self._save_photo(connection, account.ehcid, new.photo, at)
        return written

    async def _change_inside(
        self, connection: Transaction, change: AccountChange, serial: SerialKey | None
    ) -> Written:
        written = await super()._change_inside(connection, change, serial)
        if change.act.change is Change.REOPENED:
            for index in self._other_documents(change.after):
                await connection.execute(INSERT_DOCUMENT, index, change.after.ehcid)
        return written

    def _other_documents(self, account: CardAccount) -> list[bytes]:
        person = account.resident
        return [other.document(person.id_type, person.id_no) for other in self._ring.indexer.others]

    def _card_indexes(self, cards: Sequence[BoundCard]) -> list[bytes]:
        others = [
            other.card(card.card_type, card.card_no)
            for other in self._ring.indexer.others
            for card in cards
        ]
        return [*super()._card_indexes(cards), *others]
