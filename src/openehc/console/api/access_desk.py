"""The use cases of access management, as wiring hands them to the routers."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from openehc.access.apply import Apply
from openehc.access.bind_certificates import BindCertificates
from openehc.access.change_entry import ChangeEntry
from openehc.access.change_standing import ChangeStanding
from openehc.access.decide import Decide
from openehc.access.finding_store import FindingStore
from openehc.access.handle_finding import HandleFinding
from openehc.access.imports.import_desk import ImportDesk
from openehc.access.limit_application import LimitApplication
from openehc.access.manage_secret import ManageSecret
from openehc.access.record_sight import RecordSight
from openehc.access.record_store import RecordStore
from openehc.access.watch_software import WatchSoftware
from openehc.console.api.problems import problem_of
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Refusal


@dataclass(frozen=True, slots=True)
class AccessDesk:
    """Everything that the routes of the registers call."""

    records: RecordStore
    record_sight: RecordSight
    apply: Apply
    decide: Decide
    change_entry: ChangeEntry
    change_standing: ChangeStanding
    manage_secret: ManageSecret
    limit: LimitApplication
    bind: BindCertificates
    findings: FindingStore
    handle_finding: HandleFinding
    watch: WatchSoftware
    imports: ImportDesk
    clock: Clock
    online_for: timedelta


def refuse(refusal: Refusal) -> NoReturn:
    """Answer with the problem that a refusal is."""
    raise problem_of(refusal)
