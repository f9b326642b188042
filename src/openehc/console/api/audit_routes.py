"""Routes for the auditor: search, statistics, export, check, checkpoints.

Whoever looks is recorded before anything is shown.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from openehc.audit.checkpoint import fingerprint
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.export_trail import ExportFormat, ExportTrail
from openehc.audit.findings import EXPLAINED, Finding, Report
from openehc.audit.model import OK, Actor, AuditEvent, Category
from openehc.audit.record_store import AuditRecord, RecordQuery
from openehc.audit.search_trail import NEWEST_FIRST, OBJECT, SORTABLE, SearchTrail
from openehc.audit.trail import AuditTrail
from openehc.audit.verify_trail import Scope, VerifyTrail
from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import Problem, problem_of
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

MOST_CHECKED: Final = 200_000
USUAL_DAYS: Final = 7
LONGEST_DAYS: Final = 31
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2100, 1, 1, tzinfo=UTC)
_MEDIA_TYPES: Final = {
    ExportFormat.JSON_LINES: "application/jsonl",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}

Text = Annotated[str | None, Field(max_length=128, pattern=r"^[^\x00]*$")]
Moment = Annotated[AwareDatetime | None, Field(ge=_FIRST, le=_LAST)]
Institution = Annotated[int | None, Field(ge=1, le=0x7FFFFFFF)]


class Filters(BaseModel):
    """Which records are meant: from `since` (inclusive) to `until`; what is absent means any."""

    since: Moment = None
    until: Moment = None
    category: Category | None = None
    action: Text = None
    actor: Text = None
    institution_id: Institution = None
    object_kind: Text = None
    object: Text = None
    result: Text = None

    def query(self) -> RecordQuery:
        """The same for the use case."""
        return RecordQuery(
            since=self.since, until=self.until, category=self.category, action=self.action,
            actor_id=self.actor, institution_id=self.institution_id,
            object_kind=self.object_kind, object_ref=self.object, result=self.result,
        )  # fmt: skip


class ListQuery(Filters):
    """A page of records."""

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    size: Annotated[int, Field(ge=1, le=200)] = 20
    sort: Annotated[str, Field(max_length=40)] = ""


class CountQuery(Filters):
    """Counts, told apart by one or more dimensions separated by commas."""

    by: Annotated[str, Field(max_length=100)] = "day,category"


class ExportForm(Filters):
    """What is taken out, and how it is written."""

    format: ExportFormat = ExportFormat.JSON_LINES


class VerificationForm(BaseModel):
    """From which day on chains are checked: the last 7 days; at most 31."""

    since: Annotated[date | None, Field(ge=_FIRST.date(), le=_LAST.date())] = None


class RecordAnswer(BaseModel):
    """One record; `before` and `after` are JSON texts."""

    at: datetime
    category: str
    action: str
    actor_kind: str
    actor: str
    address: str
    institution_id: int | None
    object_kind: str
    object: str
    result: str
    reason: str
    before: str | None
    after: str | None
    stream: str
    seq: int
    place: int
    hash: str


class CountAnswer(BaseModel):
    """How many records share these values."""

    key: dict[str, str]
    records: int


class FindingAnswer(BaseModel):
    """One flaw, and the first record where it shows."""

    flaw: str
    explanation: str
    table: str
    stream: str
    seq: int
    place: int
    at: datetime | None


class VerificationAnswer(BaseModel):
    """What a check found; `complete` is false when the limit was reached first."""

    sound: bool
    complete: bool
    records: dict[str, int]
    chains: int
    checkpoints: int
    covered_until: datetime | None
    uncovered: int
    findings: list[FindingAnswer]


class CheckpointAnswer(BaseModel):
    """One checkpoint; `key` is the fingerprint of the key that signed it."""

    number: int
    at: datetime
    heads: int
    hash: str
    key: str


@dataclass(frozen=True, slots=True)
class AuditUse:
    """What the auditor's routes call."""

    search: SearchTrail
    export: ExportTrail
    verify: VerifyTrail
    checkpoints: CheckpointStore
    trail: AuditTrail
    clock: Clock
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, action: str, *, actor: Actor, result: str = OK) -> None:
        """Record that somebody looked."""
        await self.trail.record(
            AuditEvent(category=Category.SECURITY, action=action, actor=actor,
                       at=self.clock.now(), object_kind=OBJECT, result=result)
        )  # fmt: skip


def audit_router(use: AuditUse) -> APIRouter:
    """The routes under /api/audit."""
    router = APIRouter(prefix="/audit", tags=["audit"])
    _add_looking(router, use)
    _add_checking(router, use)
    return router


def _add_looking(router: APIRouter, use: AuditUse) -> None:
    @router.get("/records", response_model=Page[RecordAnswer])
    async def records(
        asked: Annotated[ListQuery, Query()], who: Annotated[Principal, needs("audit.read")]
    ) -> dict[str, Any]:
        """Records that match, newest first unless `sort` says otherwise."""
        query = PageQuery(asked.page, asked.size, asked.sort)
        listing = query.listing(sortable=SORTABLE, default=NEWEST_FIRST)
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        found = await use.search(
            asked.query(), listing=listing, actor=who.actor, now=use.clock.now()
        )
        return page_of(
            [_record(record) for record in found.records], total=found.total, query=query
        )

    @router.get("/statistics")
    async def statistics(
        asked: Annotated[CountQuery, Query()], who: Annotated[Principal, needs("audit.read")]
    ) -> list[CountAnswer]:
        """Counts of records by day, category, action, result, actor and so on."""
        by = tuple(asked.by.split(","))
        counts = await use.search.counted(
            asked.query(), by=by, actor=who.actor, now=use.clock.now()
        )
        if isinstance(counts, Refusal):
            raise problem_of(counts)
        return [
            CountAnswer(key=dict(zip(by, count.key, strict=True)), records=count.records)
            for count in counts
        ]

    @router.post("/exports", response_class=StreamingResponse)
    async def exports(
        form: ExportForm, who: Annotated[Principal, needs("audit.export")]
    ) -> StreamingResponse:
        """Every record that matches, oldest first, as a file."""
        freshly_proved(who)
        now = use.clock.now()
        parts = await use.export(form.query(), form.format, actor=who.actor, now=now)
        name = f"audit-{now:%Y%m%d%H%M%S}.{form.format.value}"
        return StreamingResponse(
            parts, media_type=_MEDIA_TYPES[form.format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip


def _add_checking(router: APIRouter, use: AuditUse) -> None:
    @router.post("/verifications")
    async def verifications(
        form: VerificationForm, who: Annotated[Principal, needs("audit.verify")]
    ) -> VerificationAnswer:
        """Check chains and checkpoints of the last days; `ehc audit verify` checks everything."""
        today = use.clock.now().date()
        since = form.since or today - timedelta(days=USUAL_DAYS)
        if since < today - timedelta(days=LONGEST_DAYS):
            raise Problem(
                422, zh=f"最多检查最近{LONGEST_DAYS}天；全部检查请使用命令 ehc audit verify。",
                en=f"At most {LONGEST_DAYS} days; `ehc audit verify` checks all.",
            )  # fmt: skip
        if use.checking.locked():
            raise Problem(
                429, zh="正在检查，请稍后再试。", en="A check is running; try again later."
            )
        async with use.checking:
            report = await use.verify(Scope(since=since, most=MOST_CHECKED))
        result = OK if report.sound else str(report.findings[0].flaw.value)
        await use.look("audit.verify", actor=who.actor, result=result)
        return _verification(report)

    @router.get("/checkpoints", response_model=Page[CheckpointAnswer])
    async def checkpoints(
        query: Annotated[PageQuery, Depends()], who: Annotated[Principal, needs("audit.read")]
    ) -> dict[str, Any]:
        """Checkpoints, newest first."""
        await use.look("audit.checkpoints", actor=who.actor)
        newest, total = await use.checkpoints.newest(
            most=query.size, skipped=(query.page - 1) * query.size
        )
        items = [
            CheckpointAnswer(number=one.number, at=one.at, heads=len(one.heads),
                             hash=one.hash.hex(), key=fingerprint(one.public_key).hex())
            for one in newest
        ]  # fmt: skip
        return page_of(items, total=total, query=query)


def _record(record: AuditRecord) -> RecordAnswer:
    return RecordAnswer(
        at=record.at, category=record.category, action=record.action,
        actor_kind=record.actor_kind, actor=record.actor_id, address=record.address,
        institution_id=record.institution_id, object_kind=record.object_kind,
        object=record.object_ref, result=record.result, reason=record.reason,
        before=record.before, after=record.after, stream=str(record.stream), seq=record.seq,
        place=record.place, hash=record.hash.hex(),
    )  # fmt: skip


def _verification(report: Report) -> VerificationAnswer:
    return VerificationAnswer(
        sound=report.sound, complete=not report.stopped, records=report.records,
        chains=report.chains, checkpoints=report.checkpoints,
        covered_until=report.covered_until, uncovered=report.uncovered,
        findings=[_finding(finding) for finding in report.findings],
    )  # fmt: skip


def _finding(finding: Finding) -> FindingAnswer:
    return FindingAnswer(
        flaw=finding.flaw.value, explanation=EXPLAINED[finding.flaw], table=finding.table,
        stream=str(finding.stream), seq=finding.seq, place=finding.place, at=finding.at,
    )  # fmt: skip
