"""Findings about client software (材料二 3.2): list, record, handle, and what is watched."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from openehc.access.act_on_record import UNKNOWN
from openehc.access.finding_store import SORTABLE, FindingSearch
from openehc.access.findings import (
    EVIDENCE_LIMIT,
    NOTE_LIMIT,
    SAID,
    SUBJECT_LIMIT,
    Finding,
    Seen,
    Situation,
    Source,
    State,
    Step,
)
from openehc.access.handle_finding import FindingCommand
from openehc.access.kinds import APPLICATIONS
from openehc.access.record import Record
from openehc.access.watch_software import NumberFile
from openehc.console.api.access_desk import AccessDesk, refuse
from openehc.console.api.guards import needs
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.plain_text import PlainText
from openehc.console.api.registers import RecordId
from openehc.console.api.revisions import Revision, tag
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

_SAID_STATES: Final = {
    State.FOUND: "已发现", State.NOTIFIED: "已通知", State.SUSPENDED: "已暂停接入",
    State.CORRECTED: "已整改", State.RETURNED: "已办结", State.DISMISSED: "不成立",
}  # fmt: skip
_SUMMARIES: Final = {
    Step.NOTIFY: "通知运营机构 / notify", Step.SUSPEND: "暂停接入 / suspend",
    Step.CORRECT: "已整改 / corrected", Step.REOPEN: "整改未通过 / reopen",
    Step.CLOSE: "恢复接入并办结 / return", Step.DISMISS: "不成立 / dismiss",
}  # fmt: skip
_Reader = Annotated[Principal, needs("findings.read")]
_Handler = Annotated[Principal, needs("findings.handle")]


class SeenForm(BaseModel):
    """What was seen; `application_id` is left out for software that is not registered."""

    model_config = ConfigDict(extra="forbid")
    application_id: RecordId | None = None
    subject: Annotated[
        PlainText,
        Field(min_length=1, max_length=SUBJECT_LIMIT, description="应用名称 / what it is called"),
    ]
    situation: Situation
    evidence: Annotated[
        PlainText,
        Field(min_length=1, max_length=EVIDENCE_LIMIT, description="依据 / what was seen"),
    ]


class Note(BaseModel):
    """What was done, or why."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[
        PlainText, Field(min_length=1, max_length=NOTE_LIMIT, description="处理说明 / note")
    ]


class VersionSeen(BaseModel):
    """A version of registered software that is in use somewhere."""

    model_config = ConfigDict(extra="forbid")
    version: Annotated[str, Field(max_length=50, pattern=r"^[0-9]{1,5}\.[0-9]{1,5}[0-9A-Za-z.-]*$")]


class FindingView(BaseModel):
    """A finding and how far its handling came."""

    id: int
    application_id: int | None
    app_name: str | None
    record_num: str | None
    subject: str
    situation: Situation
    situation_name: str
    state: State
    state_name: str
    evidence: str
    source: Source
    holds_application: bool
    found_at: datetime
    changed_at: datetime
    revision: int


class StepView(BaseModel):
    """One step of the handling: when, by whom, what they wrote."""

    at: datetime
    step: Step
    step_name: str
    actor_kind: str
    actor_id: str
    note: str


class LookView(BaseModel):
    """What a look at a number file gave."""

    result: NumberFile
    numbers: list[str]
    finding: FindingView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingQuery(PageQuery):
    """What a list of findings can be narrowed to."""

    state: Annotated[State | None, Query()] = None
    situation: Annotated[Situation | None, Query()] = None
    application_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None


@dataclass(frozen=True, slots=True)
class FindingRoutes:
    """Makes the routes."""

    desk: AccessDesk

    def router(self) -> APIRouter:
        """All routes about findings."""
        router = APIRouter(tags=["违规处置"])
        one = "/findings/{finding_id}"
        router.add_api_route(
            "/findings", self._list(), response_model=Page[FindingView], summary="违规列表 / list"
        )
        router.add_api_route(
            "/findings",
            self._record(),
            methods=["POST"],
            status_code=201,
            response_model=FindingView,
            summary="登记违规 / record",
        )
        router.add_api_route(
            "/findings/sweep",
            self._sweep(),
            methods=["POST"],
            response_model=list[FindingView],
            summary="由拒绝记录生成违规 / findings from refused calls",
        )
        router.add_api_route(
            one, self._show(), response_model=FindingView, summary="查看违规 / show"
        )
        router.add_api_route(
            f"{one}/history",
            self._history(),
            response_model=list[StepView],
            summary="处置过程 / what was done, the last first",
        )
        self._add_steps(router, one)
        self._add_looks(router)
        return router  # fmt: skip

    def _add_steps(self, router: APIRouter, one: str) -> None:
        """The routes that carry a finding on."""
        for step, summary in _SUMMARIES.items():
            router.add_api_route(
                f"{one}/{step.value}",
                self._step(step),
                methods=["POST"],
                response_model=FindingView,
                summary=summary,
            )

    def _add_looks(self, router: APIRouter) -> None:
        """The routes that look at software in use."""
        of_app = "/applications/{record_id}"
        router.add_api_route(
            f"{of_app}/observed_version",
            self._observe(),
            methods=["POST"],
            response_model=FindingView | None,
            summary="登记流通版本 / a version seen in use",
        )
        router.add_api_route(
            f"{of_app}/check_number",
            self._check(),
            methods=["POST"],
            response_model=LookView,
            summary="检查EHCI_KEY文件 / look at the number file",
        )

    def _list(self) -> Callable[..., Any]:
        async def findings(
            principal: _Reader, query: Annotated[FindingQuery, Depends()]
        ) -> dict[str, Any]:
            listing = query.listing(sortable=SORTABLE, default="-id")
            if isinstance(listing, Refusal):
                refuse(listing)
            search = FindingSearch(
                state=query.state, situation=query.situation,
                application_id=query.application_id, reach=principal.actor.institution_id,
            )  # fmt: skip
            found, total = await self.desk.findings.page(search, listing)
            return page_of([_view(one) for one in found], total=total, query=query)

        return findings

    def _show(self) -> Callable[..., Any]:
        async def finding(
            principal: _Reader, finding_id: RecordId, response: Response
        ) -> dict[str, Any]:
            reach = principal.actor.institution_id
            found = await self.desk.findings.find(finding_id, reach=reach)
            return _shown(found or UNKNOWN, response)

        return finding

    def _history(self) -> Callable[..., Any]:
        async def finding_history(principal: _Reader, finding_id: RecordId) -> list[dict[str, Any]]:
            reach = principal.actor.institution_id
            if await self.desk.findings.find(finding_id, reach=reach) is None:
                refuse(UNKNOWN)
            taken = await self.desk.findings.steps(finding_id)
            return [asdict(one) | {"step_name": _step_name(one.step)} for one in taken]

        return finding_history

    def _record(self) -> Callable[..., Any]:
        async def record_finding(
            principal: _Handler, form: SeenForm, response: Response
        ) -> dict[str, Any]:
            seen = Seen(
                application_id=form.application_id, subject=form.subject.strip(),
                situation=form.situation, evidence=form.evidence.strip(), source=Source.OPERATOR,
            )  # fmt: skip
            now = self.desk.clock.now()
            done = await self.desk.handle_finding.record(seen, by=principal.actor, now=now)
            return _shown(done, response)

        return record_finding

    def _step(self, step: Step) -> Callable[..., Any]:
        async def take_step(
            principal: _Handler,
            finding_id: RecordId,
            note: Note,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            command = FindingCommand(
                finding_id=finding_id, revision=revision, step=step, by=principal.actor,
                now=self.desk.clock.now(), reason=note.reason.strip(),
            )  # fmt: skip
            return _shown(await self.desk.handle_finding.step(command), response)

        take_step.__name__ = f"{step.value}_finding"
        return take_step

    def _sweep(self) -> Callable[..., Any]:
        async def sweep(principal: _Handler) -> list[dict[str, Any]]:
            now = self.desk.clock.now()
            made = await self.desk.watch.look_at_knocks(by=principal.actor, now=now)
            return [_view(one) for one in made]

        return sweep

    def _observe(self) -> Callable[..., Any]:
        async def observe_version(
            principal: _Handler, record_id: RecordId, seen: VersionSeen
        ) -> dict[str, Any] | None:
            record = await self._application(record_id, principal)
            found = await self.desk.watch.observe_version(
                record, seen.version, by=principal.actor, now=self.desk.clock.now()
            )
            return _view(found) if found else None

        return observe_version

    def _check(self) -> Callable[..., Any]:
        async def check_number(principal: _Handler, record_id: RecordId) -> dict[str, Any]:
            record = await self._application(record_id, principal)
            looked = await self.desk.watch.check_number_file(
                record, by=principal.actor, now=self.desk.clock.now()
            )
            if isinstance(looked, Refusal):
                refuse(looked)
            finding = _view(looked.finding) if looked.finding else None
            return {"result": looked.result, "numbers": looked.numbers, "finding": finding}

        return check_number

    async def _application(self, record_id: int, principal: Principal) -> Record:
        reach = principal.actor.institution_id
        record = await self.desk.records.find(APPLICATIONS, record_id, reach=reach)
        return record or refuse(UNKNOWN)


def _step_name(step: Step) -> str:
    return "登记" if step is Step.RECORD else _SUMMARIES[step].partition(" / ")[0]


def _shown(done: Finding | Refusal, response: Response) -> dict[str, Any]:
    if isinstance(done, Refusal):
        refuse(done)
    response.headers.update(tag(done.revision))
    return _view(done)


def _view(finding: Finding) -> dict[str, Any]:
    seen = finding.seen
    return {
        "id": finding.finding_id, "application_id": seen.application_id,
        "app_name": finding.app_name, "record_num": finding.record_num, "subject": seen.subject,
        "situation": seen.situation, "situation_name": SAID[seen.situation],
        "state": finding.state, "state_name": _SAID_STATES[finding.state],
        "evidence": seen.evidence, "source": seen.source,
        "holds_application": finding.holds_application, "found_at": finding.found_at,
        "changed_at": finding.changed_at, "revision": finding.revision,
    }  # fmt: skip
