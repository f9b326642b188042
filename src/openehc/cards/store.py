"""Card accounts in the database: the only file of `cards` that touches it.

Personal data leave here sealed and come back opened; look-ups go through keyed
blind indexes, so that a dump of the tables shows no name, number or phone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Final

import asyncpg
import msgspec

from openehc.access.registry import Admission
from openehc.access.serial_store import claim_serial
from openehc.access.serials import Claim, SerialKey, claim_of
from openehc.audit.mark_files import MarkFiles
from openehc.cards.model import Act, BoundCard, CardAccount, CardState, Change, Resident
from openehc.cards.sql import (
    ACCOUNT_BY_DOCUMENT,
    ACCOUNT_BY_EHCID,
    DELETE_LINKS,
    INSERT_DOCUMENT,
    INSERT_HISTORY,
    INSERT_LINKS,
    KNOWN_WAY,
    PHOTO_BY_EHCID,
    RECORD_USE,
    REGISTER,
    RELEASE_DOCUMENT,
    UPDATE_ACCOUNT,
    UPSERT_PHOTO,
)
from openehc.cards.usage import Kind, UsageFact, fact_values
from openehc.cards.usage_chain_store import FactChains, FactLane
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.kernel.ids import Entropy
from openehc.storage.batching import BatchedRead, GroupCommit
from openehc.storage.pool import Database, Transaction
from openehc.storage.rows import Row, as_json

_encode: Final = msgspec.json.Encoder().encode
_NO_NUMBER: Final = (None, None)


class _Profile(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is sealed: the main index ID too, since it is an unkeyed hash of the identity."""

    mindex_id: str
    resident: Resident


_STATES: Final = {state.value: state for state in CardState}
"""Quicker than `CardState(text)`."""

_decode: Final = msgspec.json.Decoder(_Profile).decode


@unique
class Saved(Enum):
    """What became of a write, beside the claim of its serial number."""

    DONE = "done"
    OVERTAKEN = "another request changed the account first"


class Written(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a write: the claim first, then the change itself."""

    claim: Claim
    saved: Saved


class NewAccount(msgspec.Struct, frozen=True, gc=False):
    """An account that is to be opened."""

    account: CardAccount
    admission: Admission
    origin: str
    apply_method: str
    certificate_mode: str
    act: Act
    photo: bytes | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """An account before and after, with what is told of it."""

    before: CardAccount
    after: CardAccount
    admission: Admission
    act: Act
    photo: bytes | None = None
    fact: UsageFact | None = None
    reason: str | None = None


def profile_row(ehcid: bytes) -> bytes:
    """The identity under which a resident's profile is sealed."""
    return b"cards.sealed_profile:" + ehcid


def photo_row(ehcid: bytes) -> bytes:
    """The identity under which a resident's photo is sealed."""
    return b"card_photos.sealed_photo:" + ehcid


_KEPT: Final = "done"
"""The column by which statements tell whether they kept the fact."""

Keep = Callable[[str], Awaitable[Written]]


class OvertakenError(Exception):
    """Somebody changed the account first: the transaction of `change_within` must not commit."""


class CardStore:
    """Loads and saves accounts; one instance per process."""

    def __init__(
        self, database: Database, sealer: ProfileSealer, indexer: BlindIndexer, entropy: Entropy,
        *, marks: MarkFiles | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._sealer = sealer
        self._indexer = indexer
        self._entropy = entropy
        self._by_document = BatchedRead(
            database, ACCOUNT_BY_DOCUMENT, name="account by document", lanes=1
        )
        self._by_ehcid = BatchedRead(database, ACCOUNT_BY_EHCID, name="account by ehcid", lanes=1)
        self.facts: Final = FactChains(database, entropy, marks)
        self._register = GroupCommit(
            database, REGISTER, name="register", lanes=1, shape=as_json, addition=self._fact_lane
        )
        self._record_use = GroupCommit(
            database, RECORD_USE, name="record use", lanes=1, shape=as_json,
            addition=self._fact_lane,
        )  # fmt: skip
        self._ways: dict[Admission, int] = {}
        self._naming = asyncio.Lock()

    async def close(self) -> None:
        """Finish what waits and give the connections back."""
        for batch in (self._by_document, self._by_ehcid, self._register, self._record_use):
            await batch.close()

    async def by_document(self, *, id_type: str, id_no: str) -> CardAccount | None:
        """The account registered for a document, whatever its state."""
        row = await self._by_document.run((self._indexer.document(id_type, id_no),))
        return self.account_of(row) if row else None

    async def by_ehcid(self, ehcid: bytes) -> CardAccount | None:
        """The account of that EHCID, whatever its state."""
        row = await self._by_ehcid.run((ehcid,))
        return self.account_of(row) if row else None

    def account_of(self, row: asyncpg.Record) -> CardAccount:
        """The account in a row with the columns of `ACCOUNT_COLUMNS`."""
        ehcid = row["ehcid"]
        profile = _decode(self._sealer.open(row["sealed_profile"], row=profile_row(ehcid)))
        return CardAccount(
            ehcid=ehcid,
            mindex_id=profile.mindex_id,
            state=_STATES[row["state"]],
            blacklisted=row["blacklisted"],
            resident=profile.resident,
            revision=row["revision"],
            merged_into=row["merged_into"],
        )

    async def open_account(
        self, new: NewAccount, *, serial: SerialKey | None, fact: UsageFact
    ) -> Written:
        """Save a new account with its history and fact.

        OVERTAKEN when the document got an account meanwhile, or the account exists and
        its document was released: then the serial number is used up by this request,
        which has to go on without it.
        """
        row = await self._new_row(new, serial, fact)
        if not new.account.resident.cards and new.photo is None:
            return written_of(await self._register.run(row))
        async with self._saving_fact([row]) as (connection, keep):
            written = await keep(REGISTER)
            if written == Written(Claim.USED, Saved.DONE):
                await self._save_links(connection, new.account, new.act.at)
                await self._save_photo(connection, new.account.ehcid, new.photo, new.act.at)
        return written

    @asynccontextmanager
    async def _saving_fact(self, rows: Sequence[Row]) -> AsyncIterator[tuple[Transaction, Keep]]:
        """A transaction that saves one fact at most, with its place in a chain.

        The second value runs the statement that saves it.
        """
        answers: list[asyncpg.Record] = []
        with self.facts.borrowed(saved=_KEPT) as lane:
            async with self._database.transaction() as connection:

                async def keep(statement: str) -> Written:
                    added = lane.parameters(rows)
                    answer = await connection.fetchrow(statement, *as_json(rows), *added)
                    answers.extend([answer] if answer else [])
                    return written_of(answer)

                yield connection, keep
            lane.committed(answers)

    def _fact_lane(self) -> FactLane:
        return self.facts.lane(saved=_KEPT)

    async def use_values(self, fact: UsageFact, serial: SerialKey | None) -> Row:
        """The values of `USE_COLUMNS`; all facts of this process are made into columns here."""
        way = self._ways.get(fact.admission)
        if way is None:
            async with self._naming:  # a thousand requests at the start ask once
                way = self._ways.get(fact.admission) or await self._new_way(fact.admission)
        numbered = (serial.value, serial.lead) if serial else _NO_NUMBER
        return (*fact_values(fact, way=way), *numbered)

    async def _new_way(self, admission: Admission) -> int:
        """The row of `usage_ways` for an application at a terminal, asked for once."""
        way = int(
            await self._database.fetchval(
                KNOWN_WAY, admission.app_id, admission.term_id, admission.app_channel,
                admission.medium.value,
            )
        )  # fmt: skip
        await self.facts.know_way(way, admission)
        self._ways[admission] = way
        return way

    async def _new_row(self, new: NewAccount, serial: SerialKey | None, fact: UsageFact) -> Row:
        """The values of `NEW_COLUMNS`."""
        account, resident = new.account, new.account.resident
        return (
            *await self.use_values(fact, serial),
            new.admission.app_id,
            new.admission.term_id,
            account.state.value,
            self._seal(account),
            self._indexer.phone(resident.mobile_phone),
            self._indexer.name(resident.user_name),
            new.origin,
            new.apply_method,
            self._document(account),
            new.act.change.value,
            new.act.platform_serial,
            new.act.external_serial,
            new.certificate_mode,
        )

    async def record_use(self, fact: UsageFact, *, serial: SerialKey | None) -> Claim:
        """Save a fact that changes no account."""
        answer = await self._record_use.run(await self.use_values(fact, serial))
        return written_of(answer).claim

    async def record_sight(
        self, account: CardAccount, admission: Admission, *, at: datetime
    ) -> None:
        """Save that an application is shown this resident; only then may it be."""
        fact = UsageFact(Kind.QUERY, at=at, admission=admission, account=account)
        await self.record_use(fact, serial=None)

    async def change_account(self, change: AccountChange, *, serial: SerialKey | None) -> Written:
        """Save an account that changed.

        OVERTAKEN when it is not what it was when loaded: then nothing is saved and
        the serial number is free again.
        """
        row = await self.use_values(change.fact, None) if change.fact else None
        try:
            async with self._saving_fact([row] if row else []) as (connection, keep):
                written = await self._change_inside(connection, change, serial)
                if row and written.saved is Saved.DONE:
                    await keep(RECORD_USE)
                return written
        except OvertakenError:
            return Written(Claim.USED, Saved.OVERTAKEN)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Around a transaction that the caller opens for `change_within`."""
        yield

    async def change_within(self, connection: Transaction, change: AccountChange) -> None:
        """Save a changed account in the caller's transaction, inside `writing`.

        Raises `OvertakenError` when it is not what it was when loaded; let it leave the
        transaction, so that nothing of it is kept.
        """
        await self._change_inside(connection, change, None)

    async def photo(self, ehcid: bytes) -> bytes | None:
        """The resident's photo, a JPEG."""
        sealed = await self._database.fetchval(PHOTO_BY_EHCID, ehcid)
        return self._sealer.open(sealed, row=photo_row(ehcid)) if sealed else None

    def resident_in(self, sealed: bytes, *, ehcid: bytes) -> Resident:
        """The resident in a sealed profile of this account, of today or of its history."""
        return _decode(self._sealer.open(sealed, row=profile_row(ehcid))).resident

    async def _change_inside(
        self, connection: Transaction, change: AccountChange, serial: SerialKey | None
    ) -> Written:
        after, at = change.after, change.act.at
        if serial is not None:
            claim = await claim_serial(connection, serial)
            if claim is not Claim.USED:
                return Written(claim, Saved.OVERTAKEN)
        if not await self._update(connection, change):
            raise OvertakenError
        if change.act.change is Change.REOPENED:
            await connection.execute(INSERT_DOCUMENT, self._document(after), after.ehcid)
        await self._save_links(connection, after, at)
        await self._save_photo(connection, after.ehcid, change.photo, at)
        return Written(Claim.USED, Saved.DONE)

    async def _update(self, connection: Transaction, change: AccountChange) -> bool:
        after, act = change.after, change.act
        updated = await connection.fetchval(
            UPDATE_ACCOUNT, after.ehcid, change.before.revision, after.state.value,
            act.at if after.blacklisted else None, self._seal(after),
            self._indexer.phone(after.resident.mobile_phone), act.at, act.change.value,
            change.reason, after.merged_into,
        )  # fmt: skip
        if not updated:
            return False
        await connection.execute(
            INSERT_HISTORY, after.ehcid, updated, act.change.value, act.at,
            change.admission.app_id, change.admission.term_id, act.platform_serial,
            act.external_serial, list(act.changed_fields), self._seal(change.before),
        )  # fmt: skip
        return True

    async def release_document(self, closed: CardAccount) -> None:
        """Free the document of a closed account, so that it can open another under a new name."""
        await self._database.execute(RELEASE_DOCUMENT, self._document(closed), closed.ehcid)

    def _document(self, account: CardAccount) -> bytes:
        return self._indexer.document(account.resident.id_type, account.resident.id_no)

    async def _save_links(
        self, connection: Transaction, account: CardAccount, at: datetime
    ) -> None:
        indexes = self._card_indexes(account.resident.cards)
        await connection.execute(DELETE_LINKS, account.ehcid, indexes)
        await connection.execute(INSERT_LINKS, account.ehcid, indexes, at)

    def _card_indexes(self, cards: Sequence[BoundCard]) -> list[bytes]:
        return [self._indexer.card(card.card_type, card.card_no) for card in cards]

    async def _save_photo(
        self, connection: Transaction, ehcid: bytes, photo: bytes | None, at: datetime
    ) -> None:
        if photo is None:
            return
        sealed = self._sealer.seal(photo, row=photo_row(ehcid), entropy=self._entropy).content
        await connection.execute(UPSERT_PHOTO, ehcid, sealed, at)

    def _seal(self, account: CardAccount) -> bytes:
        row = profile_row(account.ehcid)
        return self._sealer.seal(
            _encode(_Profile(account.mindex_id, account.resident)), row=row, entropy=self._entropy
        ).content


def written_of(answer: asyncpg.Record | None) -> Written:
    """What a statement with the columns free, claimed and done says."""
    if answer is None:
        raise RuntimeError("the statement gave no answer for a row")
    claim = claim_of(free=answer["free"], claimed=answer["claimed"])
    return Written(claim, Saved.DONE if answer["done"] else Saved.OVERTAKEN)
