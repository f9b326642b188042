"""Codes, their use and authorisations in the database: the only file of `codes` that touches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, cast

import asyncpg
import msgspec

from openehc.access.serial_store import claim_serial
from openehc.access.serials import Claim, SerialKey, claim_of
from openehc.cards.model import CardAccount
from openehc.cards.store import CardStore
from openehc.cards.usage import Purpose, UsageFact
from openehc.cards.usage_chain_store import FactLane
from openehc.codes.model import AuthorisationStatus, IssueRecord, ParsedCode
from openehc.codes.sql import (
    AUTHORISATION_BY_SERIAL,
    AUTHORISATION_BY_TOKEN,
    DECIDE_AUTHORISATION,
    INSERT_AUTHORISATION,
    ISSUE,
    PRESENTED,
    VERIFIED,
)
from openehc.crypto.sm3 import sm3
from openehc.kernel.clock import china_day
from openehc.storage.batching import BatchedRead, GroupCommit
from openehc.storage.pool import Database
from openehc.storage.rows import Parameters, Row, as_json

_NO_ISSUE: Final = (None, None, None, None)


class NewIssue(msgspec.Struct, frozen=True, gc=False):
    """A dynamic code that is to be recorded."""

    ehcid: bytes
    valid: str
    channel: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A kiosk's request for a resident's consent (主扫)."""

    status: AuthorisationStatus
    ehcid: bytes | None
    app_id: str
    term_id: str
    institution_id: int
    purpose: Purpose
    expires_at: datetime


def code_key(ehcid: bytes, valid: str) -> str:
    """128 bits in hex over the pair that a dynamic code binds."""
    return sm3(ehcid + valid.encode()).hex()[:32]


def token_index(token: str) -> bytes:
    """What is stored of a token, so that a dump holds no usable link."""
    return sm3(b"authorisation:" + token.encode())


class CodeStore:
    """Loads and saves codes, usage facts and authorisations; one instance per process."""

    def __init__(self, database: Database, cards: CardStore) -> None:
        self._database = database
        self._cards = cards
        self._presented = BatchedRead(
            database, PRESENTED, name="presented code", lanes=1, shape=_with_days
        )
        self._issue = GroupCommit(
            database, ISSUE, name="issue code", lanes=1, shape=as_json, addition=self._fact_lane
        )
        self._verified = GroupCommit(
            database, VERIFIED, name="verified code", lanes=1, shape=as_json,
            addition=self._fact_lane,
        )  # fmt: skip

    def _fact_lane(self) -> FactLane:
        return self._cards.facts.lane(saved="claimed")

    async def close(self) -> None:
        """Finish what waits and give the connections back."""
        for batch in (self._presented, self._issue, self._verified):
            await batch.close()

    async def presented(
        self, code: ParsedCode, expires_at: datetime | None
    ) -> tuple[CardAccount, IssueRecord | None] | None:
        """The account behind a code, and the issue record of a dynamic one."""
        if expires_at is None:
            row = await self._presented.run((code.ehcid, None, None))
        else:
            key = code_key(code.ehcid, code.valid)
            row = await self._presented.run((code.ehcid, key, china_day(expires_at)))
        if row is None:
            return None
        channels = row["issued_channels"]
        issued = (
            IssueRecord(tuple(channels.split(" ")), row["issued_state"] == "revoked")
            if channels
            else None
        )
        return self._cards.account_of(row), issued

    async def save_issue(
        self, issue: NewIssue | None, *, fact: UsageFact, serial: SerialKey | None
    ) -> Claim:
        """Record that a code was made; `issue` is None for a static one."""
        columns: tuple[object, ...] = _NO_ISSUE
        if issue is not None:
            columns = (
                china_day(issue.expires_at),
                code_key(issue.ehcid, issue.valid),
                issue.channel,
                issue.expires_at,
            )
        used = await self._cards.use_values(fact, serial)
        return _claim(await self._issue.run((*used, *columns)))

    async def save_verification(self, fact: UsageFact, *, serial: SerialKey | None) -> Claim:
        """Record that a code was verified or refused."""
        return _claim(await self._verified.run(await self._cards.use_values(fact, serial)))

    async def open_authorisation(
        self, token: str, authorisation: Authorisation, *, serial: SerialKey, at: datetime
    ) -> Claim:
        """Save a new authorisation under its token."""
        purpose = authorisation.purpose
        async with self._database.transaction() as connection:
            claim = await claim_serial(connection, serial)
            if claim is Claim.USED:
                await connection.execute(
                    INSERT_AUTHORISATION, token_index(token), serial.value, authorisation.app_id,
                    authorisation.term_id, authorisation.institution_id, purpose.treatment_code,
                    purpose.office_code, purpose.operator_id, at, authorisation.expires_at,
                )  # fmt: skip
        return claim

    async def authorisation_by_serial(self, serial: SerialKey) -> Authorisation | None:
        """The authorisation that was opened under this serial number."""
        row = await self._database.fetchrow(AUTHORISATION_BY_SERIAL, serial.value)
        return _authorisation(row) if row else None

    async def authorisation_by_token(self, token: str) -> Authorisation | None:
        """The authorisation behind a link."""
        row = await self._database.fetchrow(AUTHORISATION_BY_TOKEN, token_index(token))
        return _authorisation(row) if row else None

    async def decide(
        self, token: str, status: AuthorisationStatus, *, ehcid: bytes | None, at: datetime
    ) -> bool:
        """End a waiting authorisation; False when it was decided before or is too old."""
        decided = await self._database.fetchval(
            DECIDE_AUTHORISATION, token_index(token), status.value, ehcid, at
        )
        return bool(decided)


def _with_days(rows: Sequence[Row]) -> Parameters:
    """The parameters of `PRESENTED`: its rows, and between which days their codes expire."""
    days = [cast("date", row[2]) for row in rows if row[2] is not None]
    return (*as_json(rows), min(days, default=None), max(days, default=None))


def _claim(answer: asyncpg.Record | None) -> Claim:
    if answer is None:
        raise RuntimeError("the statement gave no answer for a row")
    return claim_of(free=answer["free"], claimed=answer["claimed"])


def _authorisation(row: asyncpg.Record) -> Authorisation:
    return Authorisation(
        status=AuthorisationStatus(row["status"]),
        ehcid=row["ehcid"],
        app_id=row["app_id"],
        term_id=row["term_id"],
        institution_id=row["institution_id"],
        purpose=Purpose(
            treatment_code=row["treatment_code"],
            office_code=row["office_code"],
            operator_id=row["operator_id"],
        ),
        expires_at=row["expires_at"],
    )
