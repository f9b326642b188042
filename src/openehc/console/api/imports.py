"""Bulk import into the four registers: template, upload, progress, returned rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel

from openehc.access.act_on_record import UNKNOWN
from openehc.access.imports.container import LARGEST_FILE, Flaw
from openehc.access.imports.import_desk import ImportDesk
from openehc.access.imports.importing import OF
from openehc.access.imports.model import ImportCommand, Job, JobSearch, JobState, Mode
from openehc.access.imports.writing import MEDIA_TYPE, template
from openehc.access.kinds import Kind
from openehc.console.api.access_desk import refuse
from openehc.console.api.guards import deny, needs
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import Problem
from openehc.console.api.registers import PATH_OF
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

_LONGEST_NAME: Final = 200
_SORTABLE: Final = {"created_at": "created_at", "state": "state", "file_name": "file_name"}


class JobView(BaseModel):
    """An import: how far it came, and what became of the rows."""

    id: UUID
    kind: str
    mode: Mode
    state: JobState
    file_name: str
    actor_id: str
    rows_total: int
    rows_done: int
    rows_new: int
    rows_unchanged: int
    rows_failed: int
    problem: str
    problem_en: str
    has_failed_rows: bool
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery(PageQuery):
    """What a list of imports can be narrowed to."""

    state: Annotated[JobState | None, Query(description="进度 / how far")] = None


@dataclass(frozen=True, slots=True)
class ImportRoutes:
    """Makes the routes."""

    desk: ImportDesk

    def router(self) -> APIRouter:
        """The routes for each register."""
        router = APIRouter(tags=["批量导入"])
        for kind in OF:
            at = f"/imports/{PATH_OF[kind]}"
            router.add_api_route(
                f"{at}/template",
                self._template(kind),
                response_class=Response,
                summary=f"{kind.title}导入模板 / template",
            )
            router.add_api_route(
                at,
                self._accept(kind),
                methods=["POST"],
                status_code=202,
                response_model=JobView,
                summary=f"导入{kind.title} / import",
            )
            router.add_api_route(
                at,
                self._jobs(kind),
                response_model=Page[JobView],
                summary=f"{kind.title}导入记录 / imports of the last 30 days",
            )
            router.add_api_route(
                f"{at}/{{job_id}}",
                self._job(kind),
                response_model=JobView,
                summary="导入进度 / progress",
            )
            router.add_api_route(
                f"{at}/{{job_id}}/failed",
                self._failed(kind),
                response_class=Response,
                summary="失败数据 / rows that failed",
            )
        return router  # fmt: skip

    def _needs(self, kind: Kind) -> Any:  # noqa: ANN401 (what Depends gives)
        return needs(f"{PATH_OF[kind]}.import")

    def _template(self, kind: Kind) -> Callable[..., Any]:
        content = template(kind)

        async def import_template(principal: Annotated[Principal, self._needs(kind)]) -> Response:
            del principal
            return _workbook(content, f"{kind.name}-template.xlsx")

        import_template.__name__ = f"{kind.name}_template"
        return import_template

    def _accept(self, kind: Kind) -> Callable[..., Any]:
        async def import_file(
            request: Request,
            principal: Annotated[Principal, self._needs(kind)],
            file: Annotated[UploadFile, File(description=".xlsx或.csv，至多16MiB、20000行")],
            mode: Annotated[Mode, Form(description="check试导入、apply申请、approve直接批准")],
        ) -> dict[str, Any]:
            if mode is Mode.APPROVE and not principal.may(f"{PATH_OF[kind]}.decide"):
                await deny(request, principal, f"{PATH_OF[kind]}.decide")
            content = await file.read(LARGEST_FILE + 1)
            if len(content) > LARGEST_FILE:
                zh, en = Flaw.TOO_LARGE.value
                raise Problem(413, zh=zh, en=en)
            command = ImportCommand(
                kind=kind, mode=mode, file_name=_plain(file.filename or ""), content=content,
                by=principal.actor,
            )  # fmt: skip
            accepted = await self.desk.accept(command)
            if isinstance(accepted, Refusal):
                refuse(accepted)
            return _view(accepted)

        import_file.__name__ = f"import_{kind.name}s"
        return import_file

    def _jobs(self, kind: Kind) -> Callable[..., Any]:
        async def import_jobs(
            principal: Annotated[Principal, self._needs(kind)],
            query: Annotated[JobQuery, Depends()],
        ) -> dict[str, Any]:
            listing = query.listing(sortable=_SORTABLE, default="-created_at")
            if isinstance(listing, Refusal):
                refuse(listing)
            search = JobSearch(
                register=kind.name, reach=principal.actor.institution_id, state=query.state
            )
            found, total = await self.desk.jobs(search, listing)
            return page_of([_view(one) for one in found], total=total, query=query)

        import_jobs.__name__ = f"import_jobs_of_{kind.name}s"
        return import_jobs

    def _job(self, kind: Kind) -> Callable[..., Any]:
        async def import_job(
            principal: Annotated[Principal, self._needs(kind)], job_id: UUID
        ) -> dict[str, Any]:
            return _view(await self._found(kind, job_id, principal))

        import_job.__name__ = f"import_job_of_{kind.name}s"
        return import_job

    def _failed(self, kind: Kind) -> Callable[..., Any]:
        async def failed_rows(
            principal: Annotated[Principal, self._needs(kind)], job_id: UUID
        ) -> Response:
            job = await self._found(kind, job_id, principal)
            content = await self.desk.failed_rows(job, by=principal.actor)
            if content is None:
                refuse(UNKNOWN)
            return _workbook(content, f"{kind.name}-failed.xlsx")

        failed_rows.__name__ = f"failed_rows_of_{kind.name}s"
        return failed_rows

    async def _found(self, kind: Kind, job_id: UUID, principal: Principal) -> Job:
        job = await self.desk.job(job_id)
        reach = principal.actor.institution_id
        if job is None or job.register != kind.name or reach not in (None, job.institution_id):
            refuse(UNKNOWN)
        return job


def _workbook(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _plain(name: str) -> str:
    """A file's name without its folders and without what would break a line."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in base if char.isprintable())[-_LONGEST_NAME:]


def _view(job: Job) -> dict[str, Any]:
    return {
        "id": job.job_id, "kind": job.register, "mode": job.mode, "state": job.state,
        "file_name": job.file_name, "actor_id": job.actor_id,
        "rows_total": job.rows_total, "rows_done": job.rows_done,
        "rows_new": job.rows_new, "rows_unchanged": job.rows_unchanged,
        "rows_failed": job.rows_failed, "problem": job.problem, "problem_en": job.problem_en,
        "has_failed_rows": job.has_failed_rows, "created_at": job.created_at,
        "changed_at": job.changed_at,
    }  # fmt: skip
