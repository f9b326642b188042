"""The routes that every register has: list, look, apply, decide, change, stop, and so on.

One function makes them for a `Kind`; what only client software has stands in
`applications.py`. A route calls one use case and shows what came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, NoReturn

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from openehc.access.act_on_record import UNKNOWN
from openehc.access.end_connection import EXITS, exit_parameters
from openehc.access.entry_rules import printable
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, TERMINALS, Kind
from openehc.access.record import ActCommand, Record
from openehc.access.record_store import sortable
from openehc.access.rules import ACTS, REASON_LIMIT, Act
from openehc.console.api.access_desk import AccessDesk, refuse
from openehc.console.api.entry_forms import (
    CONTACTS,
    Viewer,
    entry_from,
    form_of,
    view_model_of,
)
from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.list_queries import ListQuery, list_query_of
from openehc.console.api.paging import Page, page_of
from openehc.console.api.plain_text import PlainText
from openehc.console.api.problems import Problem, problem_of
from openehc.console.api.revisions import Revision, tag
from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.model import Principal

PATH_OF: Final = {
    INSTITUTIONS: "institutions", APPLICATIONS: "applications", TERMINALS: "terminals",
    MODULES: "modules",
}  # fmt: skip
"""The first part of a register's paths and permissions."""

PERMISSION_OF: Final = {
    Act.APPLY: "apply", Act.REAPPLY: "apply", Act.APPROVE: "decide", Act.REFUSE: "decide",
    Act.CHANGE: "change", Act.SUSPEND: "suspend", Act.RESUME: "suspend",
    Act.BLACKLIST: "blacklist", Act.RESTORE: "blacklist", Act.EXIT: "exit",
}  # fmt: skip
"""The permission that an act needs, without the register's part."""

SAID: Final = {
    Act.REFUSE: "不予批准 / refuse", Act.SUSPEND: "停用 / suspend", Act.RESUME: "恢复 / resume",
    Act.BLACKLIST: "列入黑名单 / black-list", Act.RESTORE: "移出黑名单 / restore",
    Act.EXIT: "退出接入 / end the connection", Act.REAPPLY: "重新申请 / apply again",
}  # fmt: skip
_DANGEROUS: Final = frozenset({Act.BLACKLIST, Act.EXIT})
RecordId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Why(BaseModel):
    """Why something is done; needed for acts against somebody."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[PlainText, Field(max_length=REASON_LIMIT, description="原因 / reason")] = ""


class Approval(Why):
    """An approval. Client software tells when its joint test passed (材料一 7.2)."""

    joint_test_on: Annotated[
        date | None, Field(description="联调测试通过日期 / the joint test passed on")
    ] = None


class Credentials(BaseModel):
    """Shown this once; keep the secret where nobody else reads it."""

    app_id: str
    app_secret: str


class Change(BaseModel):
    """One change of an entry."""

    revision: int
    at: Any
    act: str
    act_name: str
    actor_kind: str
    actor_id: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RegisterRoutes:
    """Makes the routes of one register."""

    desk: AccessDesk
    kind: Kind

    @property
    def path(self) -> str:
        """The first part of its paths."""
        return PATH_OF[self.kind]

    def router(self) -> APIRouter:
        """The register's routes."""
        router = APIRouter(tags=[self.kind.title])
        form, view = form_of(self.kind), view_model_of(self.kind)
        at, one = f"/{self.path}", f"/{self.path}/{{record_id}}"
        title = self.kind.title
        router.add_api_route(
            at,
            self._list(),
            response_model=page_model_of(view),
            summary=f"{title}列表 / list",
        )
        router.add_api_route(
            at,
            self._apply(form),
            methods=["POST"],
            status_code=201,
            response_model=view,
            summary=f"{title}接入申请 / apply",
        )
        router.add_api_route(one, self._show(), response_model=view, summary=f"查看{title} / show")
        router.add_api_route(
            one,
            self._change(form),
            methods=["PUT"],
            response_model=view,
            summary=f"变更{title}登记信息 / change",
        )
        router.add_api_route(
            f"{one}/history",
            self._history(),
            response_model=list[Change],
            summary="变更历史 / history",
        )
        self._add_acts(router, one, view)
        return router  # fmt: skip

    def _add_acts(self, router: APIRouter, one: str, view: type[BaseModel]) -> None:
        """The routes that change an entry's standing."""
        for act, summary in SAID.items():
            if act in self.kind.acts:
                router.add_api_route(
                    f"{one}/{act.value}",
                    self._act(act),
                    methods=["POST"],
                    response_model=view,
                    summary=summary,
                )
        if self.kind is not APPLICATIONS:
            router.add_api_route(
                f"{one}/approve",
                self._approve(),
                methods=["POST"],
                response_model=view,
                summary="批准接入并分配编号 / approve",
            )

    def needs(self, act: str) -> Any:  # noqa: ANN401 (what Depends gives)
        """The dependency of a route for this act."""
        return needs(f"{self.path}.{act}")

    def shown(self, record: Record, principal: Principal, response: Response) -> dict[str, Any]:
        """The answer that shows an entry, with its revision."""
        response.headers.update(tag(record.revision))
        return self.viewer(_hidden_from(principal)).view(record)

    def viewer(self, hides: frozenset[str]) -> Viewer:
        """Shows entries as of now."""
        return Viewer(self.desk.clock.now(), self.desk.online_for, hides)

    def command(
        self, act: Act, record_id: int, revision: int, principal: Principal, reason: str = ""
    ) -> ActCommand:
        """The command of this person."""
        return ActCommand(
            kind=self.kind, record_id=record_id, revision=revision, act=act, by=principal.actor,
            now=self.desk.clock.now(), reason=reason,
        )  # fmt: skip

    async def institution(self, form: BaseModel, faulty: str = "org_code") -> int | None:
        """The institution that a form names by its code."""
        code = None if self.kind is INSTITUTIONS else getattr(form, "org_code", None)
        if code is None:
            return None
        found = await self.desk.records.institution_of(code) if printable(code) else None
        if found is None:
            raise Problem(422, faults=[Fault(faulty, "机构未登记", "no institution has this code")])
        return found

    def _list(self) -> Callable[..., Any]:
        async def entries(
            principal: Annotated[Principal, self.needs("read")], query: ListQuery
        ) -> dict[str, Any]:
            columns = sortable(self.kind)
            listing = query.listing(sortable=columns, default="-id")
            if isinstance(listing, Refusal):
                refuse(listing)
            viewer = self.viewer(CONTACTS)
            search = query.search(
                self.kind,
                reach=principal.actor.institution_id,
                online_since=viewer.now - viewer.online_for,
            )
            found, total = await self.desk.records.page(self.kind, search, listing)
            return page_of([viewer.view(one) for one in found], total=total, query=query)

        entries.__annotations__["query"] = Annotated[list_query_of(self.kind), Depends()]
        return entries

    def _show(self) -> Callable[..., Any]:
        async def entry(
            principal: Annotated[Principal, self.needs("read")],
            record_id: RecordId,
            response: Response,
        ) -> dict[str, Any]:
            record = await self.found(record_id, principal)
            await self._seen(record, "view", principal)
            return self.shown(record, principal, response)

        return entry

    async def _seen(self, record: Record, what: str, principal: Principal) -> None:
        """Whoever sees contact persons in clear is recorded first."""
        if not _hidden_from(principal):
            await self.desk.record_sight(record, what=what, by=principal.actor)

    async def found(self, record_id: int, principal: Principal) -> Record:
        """The entry, if this person may know of it."""
        record = await self.desk.records.find(
            self.kind, record_id, reach=principal.actor.institution_id
        )
        return record or refuse(UNKNOWN)

    def _history(self) -> Callable[..., Any]:
        async def history(
            principal: Annotated[Principal, self.needs("read")], record_id: RecordId
        ) -> list[dict[str, Any]]:
            record = await self.found(record_id, principal)
            rows = await self.desk.records.history(self.kind, record.record_id)
            await self._seen(record, "view-history", principal)
            hidden = _hidden_from(principal)
            return [
                {
                    "revision": row.revision, "at": row.at, "act": row.act,
                    "act_name": ACTS[Act(row.act)], "actor_kind": row.actor_kind,
                    "actor_id": row.actor_id, "reason": row.reason,
                    "before": {k: v for k, v in row.before.items() if k not in hidden},
                    "after": {k: v for k, v in row.after.items() if k not in hidden},
                }
                for row in rows
            ]  # fmt: skip

        return history

    def _apply(self, form_model: type[BaseModel]) -> Callable[..., Any]:
        async def apply(
            principal: Annotated[Principal, self.needs("apply")],
            form: BaseModel,
            response: Response,
        ) -> dict[str, Any]:
            entry = entry_from(self.kind, form, institution_id=await self.institution(form))
            applied = await self.desk.apply(
                self.kind, entry, by=principal.actor, now=self.desk.clock.now()
            )
            if isinstance(applied, Refusal):
                refuse(applied)
            response.headers["Location"] = f"/api/{self.path}/{applied.record_id}"
            return self.shown(applied, principal, response)

        return _taking(apply, form_model)

    def _change(self, form_model: type[BaseModel]) -> Callable[..., Any]:
        async def change(
            principal: Annotated[Principal, self.needs("change")],
            record_id: RecordId,
            form: BaseModel,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            entry = entry_from(self.kind, form, institution_id=await self.institution(form))
            command = self.command(Act.CHANGE, record_id, revision, principal)
            changed = await self.desk.change_entry(command, entry)
            if isinstance(changed, Refusal):
                refuse(changed)
            return self.shown(changed, principal, response)

        return _taking(change, form_model)

    def _act(self, act: Act) -> Callable[..., Any]:
        async def carry_out(
            principal: Annotated[Principal, self.needs(PERMISSION_OF[act])],
            record_id: RecordId,
            why: Why,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            if act in _DANGEROUS - self.kind.by_two:
                freshly_proved(principal)
            command = self.command(act, record_id, revision, principal, why.reason)
            if act is Act.REFUSE:
                done = await self.desk.decide.refuse(command)
            else:
                done = await self.desk.change_standing(command)
            if isinstance(done, Refusal):
                _refuse_or_send_on(done, command)
            return self.shown(done, principal, response)

        return _named(carry_out, f"{act.value}_{self.kind.name}")

    def _approve(self) -> Callable[..., Any]:
        async def approve(
            principal: Annotated[Principal, self.needs("decide")],
            record_id: RecordId,
            approval: Approval,
            revision: Revision,
            response: Response,
        ) -> dict[str, Any]:
            command = self.command(Act.APPROVE, record_id, revision, principal, approval.reason)
            done = await self.desk.decide.approve(command)
            if isinstance(done, Refusal):
                refuse(done)
            return self.shown(done.record, principal, response)

        return approve


def _hidden_from(principal: Principal) -> frozenset[str]:
    """The columns of contact persons, but for whoever may change them."""
    return frozenset() if principal.may("applications.change") else CONTACTS


def _refuse_or_send_on(refusal: Refusal, command: ActCommand) -> NoReturn:
    """Answer no; to an act that needs two people, with what has to be handed in for it."""
    problem = problem_of(refusal)
    if refusal.reason is Reason.APPROVAL_NEEDED:
        wish = {"kind": EXITS[command.kind], "parameters": exit_parameters(command)}
        problem.more["approval"] = wish
    raise problem


def page_model_of(view: Any) -> Any:  # noqa: ANN401 (models made at run time)
    """The model of a page of these views."""
    return Page[view]


def _taking(endpoint: Callable[..., Any], form: type[BaseModel]) -> Callable[..., Any]:
    """The endpoint with a body of this form, which was made at run time."""
    endpoint.__annotations__["form"] = form
    return endpoint


def _named(endpoint: Callable[..., Any], name: str) -> Callable[..., Any]:
    endpoint.__name__ = name
    return endpoint
