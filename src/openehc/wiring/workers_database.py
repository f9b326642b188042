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

from openehc.crypto.keyfile import KeyPurpose
from openehc.kernel.clock import SystemClock
from openehc.storage.embedded import worker_password
from openehc.storage.old_days import let_old_days_go
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

APPEND_ONLY: Final = (
    "audit_records", "audit_checkpoints", "audit_heads", "audit_origin", "usage_facts",
    "card_history", "register_history", "finding_steps", "node_identity",
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
        dropping = asyncio.create_task(
            let_old_days_go(
                database, dict.fromkeys(PASSING_TABLES, kept), SystemClock(), every=_HOUR
            )
        )
        try:
            await keep_partitions(database, DAILY_TABLES, SystemClock(), every=_HOUR)
        finally:
            dropping.cancel()
            await asyncio.wait([dropping])
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
