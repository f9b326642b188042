"""Sessions, failed sign-ins and values that count once, in the database.

Tokens and values are kept as their hashes only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from openehc.people import sql
from openehc.people.model import Proof, Session, User
from openehc.people.policy import COLUMNS, Policy
from openehc.people.user_store import policy_of, user_of
from openehc.storage.listing import Listing
from openehc.storage.pool import Database, Transaction

MOST_FOR_ADDRESS: Final = 60
"""Captchas or challenges that wait for one address at a time."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session with its user and the policy; whether the user's institution takes part now."""

    session: Session
    user: User
    policy: Policy
    institution_works: bool = True


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed tries of one subject, the present one included once it was counted."""

    failures: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Once:
    """A value that counts once, for a time; `uses` it has beside."""

    kind: str
    value_hash: bytes
    address: str
    expires_at: datetime
    uses: int = 0


class SessionStore:
    """Reads and writes what signing in leaves behind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------ sessions

    async def by_token(self, token_hash: bytes) -> Found | None:
        """The session of a token; one statement."""
        row = await self._database.fetchrow(sql.SESSION_BY_TOKEN, token_hash)
        if row is None:
            return None
        policy = policy_of({name: row[f"policy_{name}"] for name in COLUMNS})
        return Found(session_of(row), user_of(row), policy, row["institution_works"])

    async def locked(self, connection: Transaction, session_id: int) -> tuple[Session, User] | None:
        """A session that nobody else ends until the transaction does."""
        row = await connection.fetchrow(sql.SESSION_BY_ID, session_id)
        return (session_of(row), user_of(row)) if row else None

    async def insert(self, connection: Transaction, session: Session, *, token_hash: bytes) -> int:
        """Open a session; returns its number."""
        found = await connection.fetchval(
            sql.INSERT_SESSION, token_hash, session.user_id, session.address,
            session.proved_by.value, session.created_at,
        )  # fmt: skip
        return int(found)

    async def see(self, session_id: int, at: datetime) -> None:
        """The session was used."""
        await self._database.execute(sql.SEE_SESSION, session_id, at)

    async def prove(
        self, connection: Transaction, session_id: int, *, at: datetime, by: Proof | None = None
    ) -> None:
        """The person proved themselves again; `by` where that makes the session worth more."""
        await connection.execute(sql.PROVE_SESSION, session_id, at, by.value if by else None)

    async def delete(self, connection: Transaction, session_id: int) -> bool:
        """End one; whether it was there."""
        return await connection.execute(sql.DELETE_SESSION, session_id) == "DELETE 1"

    async def keep_newest(self, connection: Transaction, user_id: int, count: int) -> int:
        """End all but the newest; returns how many ended."""
        return len(await connection.fetch(sql.DELETE_OLDEST, user_id, count))

    async def delete_others(self, connection: Transaction, user_id: int, kept: int) -> int:
        """End all of a user but one (0: every one); returns how many ended."""
        return len(await connection.fetch(sql.DELETE_OTHERS, user_id, kept))

    async def delete_over(self, connection: Transaction, policy: Policy, now: datetime) -> None:
        """Forget sessions and failed tries whose time is over."""
        await connection.execute(sql.DELETE_OVER, now - policy.idle, now - policy.longest)
        await connection.execute(sql.FORGET_OLD_FAILURES, now - policy.lock)

    async def listed(
        self, policy: Policy, now: datetime, listing: Listing
    ) -> tuple[list[tuple[Session, User]], int]:
        """One page of living sessions, and how many there are."""
        since = (now - policy.idle, now - policy.longest)
        rows = await self._database.fetch(
            sql.LIST_SESSIONS + listing.clause(tie_break="s.session_id"), *since
        )
        total = await self._database.fetchval(sql.COUNT_SESSIONS, *since)
        return [(session_of(row), user_of(row)) for row in rows], int(total)

    # ------------------------------------------------------------ failed tries

    async def tries(
        self, subjects: Sequence[bytes], *, now: datetime, window: timedelta
    ) -> dict[bytes, Tries]:
        """Failed tries that still count."""
        rows = await self._database.fetch(sql.FAILURES, list(subjects), now - window)
        return _tries(rows)

    async def count_try(
        self, subjects: Sequence[bytes], *, now: datetime, window: timedelta
    ) -> dict[bytes, Tries]:
        """Count a try as failed before it is judged, so that many at once gain nothing."""
        rows = await self._database.fetch(sql.COUNT_FAILURE, list(subjects), now, now - window)
        return _tries(rows)

    async def uncount_try(self, subjects: Sequence[bytes]) -> None:
        """The try that was counted did not fail."""
        await self._database.execute(sql.UNCOUNT_FAILURE, list(subjects))

    async def forgive(self, connection: Transaction, login: bytes, address: bytes) -> None:
        """Nothing is held against the login any more, and this try not against the address."""
        await connection.execute(sql.UNCOUNT_FAILURE, [address])
        await connection.execute(sql.FORGET_FAILURES, login)

    # ------------------------------------------------------------ values that count once

    async def put(self, once: Once, *, now: datetime, most: int = MOST_FOR_ADDRESS) -> bool:
        """Remember a value; False when it is known, or when its address has too many."""
        await self._database.execute(sql.FORGET_ONCE, now)
        done = await self._database.execute(
            sql.PUT_ONCE, once.value_hash, once.kind, once.address, once.uses, once.expires_at,
            most,
        )  # fmt: skip
        return done == "INSERT 0 1"

    async def take(
        self, kind: str, value_hash: bytes, *, now: datetime, address: str | None = None
    ) -> bool:
        """Whether the value counted until now; never again."""
        return bool(await self._database.fetchval(sql.TAKE_ONCE, value_hash, kind, address, now))

    async def use(self, kind: str, value_hash: bytes, *, now: datetime) -> bool:
        """Whether one of the uses beside was left; now it is used."""
        return await self._database.execute(sql.USE_ONCE, value_hash, kind, now) == "UPDATE 1"


def session_of(row: Any) -> Session:  # noqa: ANN401 (a row of the driver)
    """A row with the columns of a session."""
    return Session(
        session_id=row["session_id"], user_id=row["user_id"], address=row["address"],
        proved_by=Proof(row["proved_by"]), proved_at=row["proved_at"],
        created_at=row["opened_at"], seen_at=row["seen_at"],
    )  # fmt: skip


def _tries(rows: Sequence[Any]) -> dict[bytes, Tries]:
    return {bytes(row["subject"]): Tries(row["failures"], row["last_at"]) for row in rows}
