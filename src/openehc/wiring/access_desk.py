"""Builds the use cases of access management for the console of one worker."""

from datetime import timedelta

from fastapi import APIRouter

from openehc.access.act_on_record import ActOnRecord
from openehc.access.apply import Apply
from openehc.access.bind_certificates import BindCertificates
from openehc.access.change_entry import ChangeEntry
from openehc.access.change_standing import ChangeStanding
from openehc.access.contacts import Contacts
from openehc.access.credentials import Secrets
from openehc.access.decide import Decide
from openehc.access.end_connection import EXITS, EndConnection, exit_faults
from openehc.access.end_dependants import EndDependants
from openehc.access.ending_store import EndingStore
from openehc.access.finding_store import FindingStore
from openehc.access.handle_finding import HandleFinding
from openehc.access.imports.failed_rows import FailedRows
from openehc.access.imports.import_desk import ImportDesk
from openehc.access.imports.import_file import ImportFile
from openehc.access.imports.store import ImportStore
from openehc.access.kinds import INSTITUTIONS, MODULES, TERMINALS
from openehc.access.limit_application import LimitApplication
from openehc.access.manage_secret import ManageSecret
from openehc.access.record_sight import RecordSight
from openehc.access.record_store import RecordStore
from openehc.access.watch_software import WatchSoftware
from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.console.api.applications import ApplicationRoutes
from openehc.console.api.findings import FindingRoutes
from openehc.console.api.imports import ImportRoutes
from openehc.console.api.registers import RegisterRoutes
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.people.approval_kinds import ApprovalKind
from openehc.people.leave_with_institution import LeaveWithInstitution
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserStore
from openehc.spec import load
from openehc.storage.pool import Database
from openehc.wiring.number_files import HttpsNumberFiles
from openehc.wiring.settings import Settings


def build_access_desk(
    settings: Settings, database: Database, trail: AuditTrail, *, sealer: ProfileSealer,
    clock: Clock, entropy: Entropy,
) -> AccessDesk:  # fmt: skip
    """All use cases over one database."""
    contacts = Contacts(lambda: sealer, entropy)
    records, spec = RecordStore(database, contacts), load()
    act_on = ActOnRecord(trail, records)
    secrets = Secrets(lambda: sealer, entropy)
    findings = FindingStore(database)
    handle_finding = HandleFinding(trail, findings, records)
    imports = ImportStore(database, contacts, FailedRows(lambda: sealer, entropy))
    import_file = ImportFile(imports, trail, clock, entropy, settings.ehcin)
    staff = LeaveWithInstitution(UserStore(database, sealer, entropy), SessionStore(database))
    node_name = settings.node_name or f"{settings.ehcin}管理节点"
    return AccessDesk(
        records=records,
        record_sight=RecordSight(trail, clock),
        apply=Apply(trail, records, spec, entropy),
        decide=Decide(act_on, secrets, spec, settings.ehcin, node_name),
        change_entry=ChangeEntry(act_on, spec),
        change_standing=ChangeStanding(act_on, findings, EndDependants(EndingStore(), staff)),
        manage_secret=ManageSecret(act_on, secrets),
        limit=LimitApplication(act_on, spec),
        bind=BindCertificates(act_on),
        findings=findings,
        handle_finding=handle_finding,
        imports=ImportDesk(imports, import_file, trail, clock, entropy),
        watch=WatchSoftware(trail, handle_finding, findings, HttpsNumberFiles()),
        clock=clock,
        online_for=timedelta(hours=settings.online_hours),
    )


def exit_kinds(desk: AccessDesk) -> tuple[ApprovalKind, ...]:
    """The acts on entries that need two people."""
    return tuple(
        ApprovalKind(
            name, name, f"{kind.title}退出接入", f"end the connection of {kind.name} for good",
            EndConnection(kind, desk.change_standing, desk.clock), exit_faults,
        )
        for kind, name in EXITS.items()
    )  # fmt: skip


def access_routers(desk: AccessDesk) -> list[APIRouter]:
    """The routes of access management."""
    return [
        *(RegisterRoutes(desk, kind).router() for kind in (INSTITUTIONS, TERMINALS, MODULES)),
        ApplicationRoutes(desk).router(),
        FindingRoutes(desk).router(),
        ImportRoutes(desk.imports).router(),
    ]
