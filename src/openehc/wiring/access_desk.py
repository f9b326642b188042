"""Builds the use cases of access management for the console of one worker."""

from datetime import timedelta
from typing import Any

from openehc.access.act_on_record import ActOnRecord
from openehc.access.apply import Apply
from openehc.access.change_entry import ChangeEntry
from openehc.access.change_standing import ChangeStanding
from openehc.access.credentials import Secrets
from openehc.access.decide import Decide
from openehc.access.limit_application import LimitApplication
from openehc.access.manage_secret import ManageSecret
from openehc.access.record import Record
from openehc.access.record_store import RecordStore
from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.spec import load
from openehc.storage.pool import Database
from openehc.wiring.settings import Settings


class NoFindings:
    """A platform without findings."""

    async def hold(self, connection: Any, record: Record) -> bool:  # noqa: ANN401 (a transaction)
        """Nothing is open."""
        del connection, record
        return False


def build_access_desk(
    settings: Settings, database: Database, trail: AuditTrail, *, sealer: ProfileSealer,
    clock: Clock, entropy: Entropy,
) -> AccessDesk:  # fmt: skip
    """All use cases over one database."""
    records, spec = RecordStore(database), load()
    act_on = ActOnRecord(trail, records)
    secrets = Secrets(lambda: sealer, entropy)
    node_name = settings.node_name or f"{settings.ehcin}管理节点"
    return AccessDesk(
        records=records,
        apply=Apply(trail, records, spec, entropy),
        decide=Decide(act_on, secrets, spec, settings.ehcin, node_name),
        change_entry=ChangeEntry(act_on, spec),
        change_standing=ChangeStanding(act_on, NoFindings()),
        manage_secret=ManageSecret(act_on, secrets),
        limit=LimitApplication(act_on, spec),
        clock=clock,
        online_for=timedelta(hours=settings.online_hours),
    )


def access_routers(desk: AccessDesk) -> list[APIRouter]:
    """The routes of access management."""
    return [
        *(RegisterRoutes(desk, kind).router() for kind in (INSTITUTIONS, TERMINALS, MODULES)),
        ApplicationRoutes(desk).router(),
    ]
