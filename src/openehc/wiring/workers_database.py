"""The database as the workers see it: a role of their own, and days that come and go for them.

The owner of the tables migrates, makes and drops the days and rotates keys; workers only read and
write rows, and no role of theirs can change what was appended (材料二 附录B 5.3).
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from openehc.access.imports.model import KEPT
from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import SystemClock
from openehc.storage.clearing import Clearing, keep_clearing
from openehc.storage.embedded import worker_password
from openehc.storage.old_rows import Passing
from openehc.storage.partitions import keep_partitions
from openehc.storage.pool import Database
from openehc.storage.worker_role import (
    WORKER,
    as_role,
    changeable,
    give_rights,
    make_role,
    role_of,
)
from openehc.wiring.settings import Settings, WrongSettings

DAILY_TABLES: Final = ("issued_codes", "usage_facts", "daily_users")
"""Tables that are cut by day in +08:00."""

PASSING_TABLES: Final = ("issued_codes", "daily_users")
"""Days of these are needed for a while only: a code lives minutes, and the first use of a day is
kept in its fact. Facts are audit records and stay."""

PASSING_ROWS: Final = (
    # Decided within a minute, fetched within ten (codes/authorise.py); who verified whom is a fact.
    Passing("authorisations", "expires_at", timedelta(days=1)),
    # Longer than any policy counts them (people/policy.py).
    Passing("sign_in_failures", "last_at", timedelta(days=2)),
    Passing("once_values", "expires_at", timedelta(hours=1)),
    Passing("sessions", "created_at", timedelta(days=2)),
    Passing("import_jobs", "created_at", KEPT),
    # Of workers that were killed: nobody who lives is silent for a minute.
    Passing("crypto_workers", "seen_at", timedelta(days=1)),
    Passing("key_readers", "seen_at", timedelta(days=1)),
)
"""Rows that nobody asks for any more after their time, by a moment that each has."""

APPEND_ONLY: Final = (
    "audit_records", "audit_checkpoints", "audit_heads", "audit_origin", "usage_facts",
    "card_history", "register_history", "finding_steps", "node_identity", "used_serials",
)  # fmt: skip
"""Tables to which workers only add."""

AUDITED: Final = ("audit_records", "audit_checkpoints", "audit_heads", "usage_facts")
"""Those whose protection a node asks for before it serves."""

_HOUR: Final = 3600.0
_DETACHING_SECONDS: Final = 600.0
"""A day is detached when the transactions that began before have ended, long exports too."""

_log: Final = logging.getLogger("openehc.node")


@contextmanager
def workers_database(settings: Settings, owner_dsn: str) -> Iterator[str]:
    """The workers' DSN while the block runs; days are made ahead and dropped meanwhile.

    Raises WrongSettings in production when the workers could change audit records,
    RightsNotGiven, DatabaseDown.
    """
    dsn = _workers_dsn(settings, owner_dsn)
    _require_append_only(settings, dsn)
    with _days_seen_to(owner_dsn, timedelta(days=settings.kept_days)):
        yield dsn


def _workers_dsn(settings: Settings, owner_dsn: str) -> str:
    if settings.dsn is None:
        secret = worker_password(settings.data / "postgres")
        make_role(owner_dsn, WORKER, password=secret)
        give_rights(owner_dsn, WORKER, append_only=APPEND_ONLY)
        return as_role(owner_dsn, WORKER, password=secret)
    if settings.owner_dsn is not None:
        give_rights(owner_dsn, role_of(settings.dsn), append_only=APPEND_ONLY)
    return settings.dsn


def _require_append_only(settings: Settings, dsn: str) -> None:
    tables = changeable(dsn, AUDITED)
    if not tables:
        return
    told = (
        f"the database role {role_of(dsn)} could change {', '.join(tables)}: give workers a role"
        " of their own (node.dsn) beside the owner's (node.owner_dsn), see docs/how-to/audit.md"
    )
    if settings.mode is KeyPurpose.PRODUCTION:
        raise WrongSettings(told)
    _log.warning("%s", told)


@contextmanager
def _days_seen_to(owner_dsn: str, kept: timedelta) -> Iterator[None]:
    """Workers own no table, so whoever starts them sees to the days."""
    loop = asyncio.new_event_loop()

    async def keep() -> None:
        database = await Database.connect(
            owner_dsn, size=2, name="openehc days", patience=_DETACHING_SECONDS
        )
        # Beside it: whatever becomes of old days, without new ones nothing could be saved.
        clearing = asyncio.create_task(
            keep_clearing(
                database,
                Clearing(dict.fromkeys(PASSING_TABLES, kept), PASSING_ROWS),
                SystemClock(),
                every=_HOUR,
            )
        )
        try:
            await keep_partitions(database, DAILY_TABLES, SystemClock(), every=_HOUR)
        finally:
            clearing.cancel()
            await asyncio.wait([clearing])
            await database.close()

    task = loop.create_task(keep())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run, daemon=True, name="days")
    thread.start()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it ended by itself
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
