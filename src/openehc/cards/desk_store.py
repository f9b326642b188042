"""Residents as operators look for them, in the database; `cards/store.py` changes accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from openehc.cards.desk_sql import (
    ABSORBED_ROW,
    BY_CARD,
    BY_NAME,
    BY_PHONE,
    DROP_PHOTO,
    HISTORY,
    LIFE,
    LOOKED,
    MERGED_ROW,
    NAMES_AFTER,
    OF_NAMES,
    WAS_ACTIVATED,
)
from openehc.cards.model import CardAccount, CardState, Resident
from openehc.cards.ports import IndexKeys
from openehc.cards.sight import By, Question
from openehc.cards.store import CardStore
from openehc.crypto.sealing import BlindIndexer
from openehc.storage.pool import Database, Transaction

LONGEST_HISTORY: Final = 200
_STATEMENTS: Final = {By.PHONE: BY_PHONE, By.NAME: BY_NAME, By.CARD: BY_CARD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is known of an account beside the resident: where it came from, how it stands."""

    registered_at: datetime
    activated_at: datetime | None
    closed_at: datetime | None
    blacklisted_at: datetime | None
    blacklist_reason: str
    origin: str
    institution_id: int
    org_name: str
    app_id: str
    apply_method: str
    certificate_mode: str
    has_photo: bool
    absorbed: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChange:
    """One row of an account's history; the values before stay sealed."""

    revision: int
    change: str
    changed_at: datetime
    app_id: str
    term_id: str
    platform_serial: str
    external_serial: str
    changed_fields: list[str]


@dataclass(frozen=True, slots=True)
class Merging:
    """What two accounts were before they became one, for the way back.

    `with_photo` tells that the survivor got the merged account's photo.
    """

    at: datetime
    merged_before: Resident
    survivor_before: Resident
    state_before: CardState
    with_photo: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class NameGroups:
    """Names that several accounts bear: their indexes, and where to go on (None at the end)."""

    names: tuple[bytes, ...]
    after: bytes | None


class DeskStore:
    """Finds accounts and what is told of them; one instance per process."""

    def __init__(self, database: Database, cards: CardStore, keys: IndexKeys) -> None:
        self._database = database
        self._cards = cards
        self._keys = keys

    async def found(self, question: Question, *, most: int) -> list[CardAccount]:
        """The accounts with exactly this value, at most so many: living and newest first."""
        if question.by is By.DOCUMENT:
            one = await self._cards.by_document(id_type=question.kind, id_no=question.value)
            return [one] if one else []
        indexes = [index_of(question, keys) for keys in await self._keys.indexers()]
        rows = await self._database.fetch(_STATEMENTS[question.by], indexes, most)
        return [self._cards.account_of(row) for row in rows]

    async def reference(self, question: Question) -> str:
        """How a record names what was asked for: a keyed index, so that nobody reads it back."""
        keys = (await self._keys.indexers())[0]
        return f"{question.by.value}:{index_of(question, keys).hex()}"

    async def life(self, ehcid: bytes) -> Life | None:
        """What is known of the account beside the resident."""
        row = await self._database.fetchrow(LIFE, ehcid)
        return Life(**{**dict(row), "absorbed": tuple(row["absorbed"])}) if row else None

    async def history(self, ehcid: bytes) -> list[PastChange]:
        """What happened to the account, the latest first."""
        rows = await self._database.fetch(HISTORY, ehcid, LONGEST_HISTORY)
        return [PastChange(**dict(row)) for row in rows]

    async def looked(self, actor_id: str, *, kind: str, now: datetime) -> int:
        """Count one more look of this person; returns how many it makes in this minute."""
        return int(await self._database.fetchval(LOOKED, actor_id, kind, now))

    async def names_borne_twice(self, *, after: bytes, most: int) -> NameGroups:
        """Names of several living accounts among the next `most` accounts in index order."""
        rows = await self._database.fetch(NAMES_AFTER, after, most)
        ended = sum(row["accounts"] for row in rows) < most
        if not ended and len(rows) > 1:
            rows.pop()  # cut off in the middle: the next page begins with it
        names = tuple(row["name_index"] for row in rows if row["accounts"] > 1)
        return NameGroups(names, None if ended else rows[-1]["name_index"])

    async def bearing(self, names: Sequence[bytes], *, most: int) -> list[CardAccount]:
        """The living accounts with these names, same names beside each other."""
        rows = await self._database.fetch(OF_NAMES, list(names), most)
        return [self._cards.account_of(row) for row in rows]

    async def merging(self, merged: CardAccount) -> Merging | None:
        """How this account was merged; None when its history does not tell."""
        row = await self._database.fetchrow(MERGED_ROW, merged.ehcid)
        if row is None or merged.merged_into is None:
            return None
        other = await self._database.fetchrow(
            ABSORBED_ROW, merged.merged_into, row["platform_serial"]
        )
        if other is None:
            return None
        photos = {merged.merged_into} if "photo" in other["changed_fields"] else set()
        active = await self._database.fetchval(WAS_ACTIVATED, merged.ehcid)
        return Merging(
            at=row["changed_at"],
            merged_before=self._cards.resident_in(row["sealed_before"], ehcid=merged.ehcid),
            survivor_before=self._cards.resident_in(
                other["sealed_before"], ehcid=merged.merged_into
            ),
            state_before=CardState.ACTIVE if active else CardState.PREPARED,
            with_photo=frozenset(photos),
        )

    async def drop_photo(self, connection: Transaction, ehcid: bytes, *, of: datetime) -> None:
        """Remove a photo that has not changed since this moment."""
        await connection.execute(DROP_PHOTO, ehcid, of)


def index_of(question: Question, keys: BlindIndexer) -> bytes:
    """The blind index of a question's value under one key."""
    if question.by is By.DOCUMENT:
        return keys.document(question.kind, question.value)
    if question.by is By.CARD:
        return keys.card(question.kind, question.value)
    return keys.phone(question.value) if question.by is By.PHONE else keys.name(question.value)
