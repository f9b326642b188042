"""Routes of acts that need two people: ask, look, approve, refuse, withdraw."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from openehc.console.api.guards import freshly_proved, needs, signed_in_and_settled
from openehc.console.api.inputs import BigNumberInPath, Why
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import problem_of
from openehc.console.api.sessions import visit_of
from openehc.kernel.refusal import Refusal
from openehc.people.approval_store import Approval, ApprovalState
from openehc.people.approvals import UNKNOWN, Asked
from openehc.people.model import Principal
from openehc.people.use_cases import People

SORTABLE: Final = {"requested_at": "a.requested_at", "kind": "a.kind", "state": "a.state"}


class AskForm(BaseModel):
    """An act, its parameters (at most 8 KiB as JSON) and why it is wanted."""

    kind: Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z.-]*$")]
    parameters: dict[Annotated[str, Field(max_length=64)], Any]
    reason: Why


class DecideForm(BaseModel):
    """Why it is approved or refused."""

    reason: Why


class ApprovalRow(BaseModel):
    """One act as it stands; `act` and `act_en` tell what it is."""

    approval_id: int
    kind: str
    act: str
    act_en: str
    parameters: dict[str, Any]
    reason: str
    requester: str
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState
    over: bool
    decider: str
    decided_at: datetime | None
    decision_reason: str
    outcome: str


Reader = Annotated[Principal, needs("approvals.read")]
Decider = Annotated[Principal, needs("approvals.decide")]
Anybody = Annotated[Principal, Depends(signed_in_and_settled)]


def approvals_router(people: People) -> APIRouter:
    """Acts that wait for a second person."""
    router = APIRouter(tags=["approvals"])
    _reading(router, people)
    _asking(router, people)
    _deciding(router, people)
    return router


def _told(approval: Approval | Refusal, request: Request, people: People) -> ApprovalRow:
    if isinstance(approval, Refusal):
        raise problem_of(approval)
    kind = people.approval_kinds.get(approval.kind)
    now = visit_of(request, people).now
    return ApprovalRow(
        approval_id=approval.approval_id, kind=approval.kind,
        act=kind.zh if kind else approval.kind, act_en=kind.en if kind else approval.kind,
        parameters=dict(approval.parameters), reason=approval.reason,
        requester=approval.requester, requested_at=approval.requested_at,
        expires_at=approval.expires_at, state=approval.state,
        over=approval.state is ApprovalState.WAITING and not approval.waits(now),
        decider=approval.decider, decided_at=approval.decided_at,
        decision_reason=approval.decision_reason, outcome=approval.outcome,
    )  # fmt: skip


def _reading(router: APIRouter, people: People) -> None:
    @router.get("/approvals", response_model=Page[ApprovalRow])
    async def listed(
        request: Request, by: Reader, query: Annotated[PageQuery, Depends()],
        state: Annotated[ApprovalState | None, Query()] = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Acts of the kinds that you may decide, a page at a time."""
        listing = query.listing(sortable=SORTABLE, default="-requested_at")
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        kinds = [kind.name for kind in people.approval_kinds.held_by(by.permissions)]
        found, total = await people.approvals.store.listed(state, kinds, listing)
        return page_of([_told(one, request, people) for one in found], total=total, query=query)

    @router.get("/approvals/{approval_id}")
    async def one(approval_id: BigNumberInPath, request: Request, by: Reader) -> ApprovalRow:
        """One act."""
        found = await people.approvals.store.one(approval_id)
        kind = people.approval_kinds.get(found.kind) if found else None
        if kind is None or not by.may(kind.permission):
            raise problem_of(UNKNOWN)
        return _told(found or UNKNOWN, request, people)


def _asking(router: APIRouter, people: People) -> None:
    @router.post("/approvals", status_code=201)
    async def ask(form: AskForm, request: Request, by: Anybody) -> ApprovalRow:
        """Ask for an act whose permission you hold; somebody else decides within three days."""
        asked = Asked(form.kind, form.parameters, form.reason)
        made = await people.approvals.ask(asked, by=by, visit=visit_of(request, people))
        return _told(made, request, people)

    @router.delete("/approvals/{approval_id}", status_code=204)
    async def withdraw(approval_id: BigNumberInPath, request: Request, by: Anybody) -> Response:
        """Take back what you asked for."""
        refused = await people.approvals.withdraw(
            approval_id, by=by, visit=visit_of(request, people)
        )
        if refused:
            raise problem_of(refused)
        return Response(status_code=204)


def _deciding(router: APIRouter, people: People) -> None:
    @router.post("/approvals/{approval_id}/approve")
    async def approve(
        approval_id: BigNumberInPath, form: DecideForm, request: Request, by: Decider
    ) -> ApprovalRow:
        """Approve and do it; `state` and `outcome` tell what came of it."""
        freshly_proved(by)
        decided = await people.approvals.approve(
            approval_id, form.reason, by=by, visit=visit_of(request, people)
        )
        return _told(decided, request, people)

    @router.post("/approvals/{approval_id}/refuse")
    async def refuse(
        approval_id: BigNumberInPath, form: DecideForm, request: Request, by: Decider
    ) -> ApprovalRow:
        """Decide against it."""
        decided = await people.approvals.refuse(
            approval_id, form.reason, by=by, visit=visit_of(request, people)
        )
        return _told(decided, request, people)
