"""The console's use cases and routes about audit records and card use, for one worker."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter

from openehc.audit.checkpoint import KEY_NAME, signing_key
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.export_trail import ExportTrail
from openehc.audit.record_store import RecordStore
from openehc.audit.search_trail import SearchTrail
from openehc.audit.trail import AuditTrail
from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import VerifyTrail
from openehc.cards.usage_records import UsageRecords
from openehc.cards.usage_store import UsageStore
from openehc.console.api.audit_routes import AuditUse, audit_router
from openehc.console.api.usage_routes import UsageUse, resident_usage_router, usage_router
from openehc.kernel.clock import Clock
from openehc.storage.pool import Database
from openehc.wiring.audit_key import SOURCES


def audit_use(
    database: Database, trail: AuditTrail, clock: Clock, local: Mapping[str, bytes], marks: Path
) -> AuditUse:
    """Looking at records; `local` holds the node's own secrets, of which one signs checkpoints.

    `marks` is the folder in which this node notes how far its chains are.
    """
    secret = local.get(KEY_NAME)
    keys = [signing_key(secret).public.raw] if secret else []
    store = RecordStore(database)
    return AuditUse(
        SearchTrail(store, trail), ExportTrail(store, trail),
        VerifyTrail(VerifyStore(database), SOURCES, keys, marks=[marks]),
        CheckpointStore(database, SOURCES),
        trail, clock,
    )  # fmt: skip


def usage_use(database: Database, trail: AuditTrail, clock: Clock) -> UsageUse:
    """Looking at the use of cards."""
    return UsageUse(UsageRecords(UsageStore(database)), trail, clock)


def audit_routers(audit: AuditUse, usage: UsageUse) -> list[APIRouter]:
    """The routes of both."""
    return [audit_router(audit), usage_router(usage), resident_usage_router(usage)]
