"""Routes of the sign-in policy and of who is signed in."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, create_model

from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.inputs import BigNumberInPath, Revision, Text
from openehc.console.api.paging import Page, PageQuery, page_of
from openehc.console.api.problems import problem_of
from openehc.console.api.sessions import visit_of
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal, Proof
from openehc.people.policy import BOUNDS, Policy, SecondFactor
from openehc.people.use_cases import People

SORTABLE: Final = {
    "created_at": "s.created_at", "seen_at": "s.seen_at", "login": "u.login",
    "address": "s.address",
}  # fmt: skip

_FIGURES: Final[dict[str, Any]] = {
    name: (Annotated[int, Field(ge=low, le=high)], ...) for name, (low, high) in BOUNDS.items()
}
PolicyForm: Final = create_model(
    "PolicyForm", **_FIGURES, second_factor=(SecondFactor, ...), one_address=(bool, ...),
    revision=(Revision, ...), __doc__="The whole policy; figures have the bounds shown.",
)  # fmt: skip


class SessionRow(BaseModel):
    """One session that lives."""

    session_id: int
    user_id: int
    login: str
    display_name: str
    address: str
    proved_by: Proof
    created_at: datetime
    seen_at: datetime


def policy_router(people: People) -> APIRouter:
    """The policy."""
    router = APIRouter(tags=["policy"])
    acts = people.users

    @router.get("/policy", response_model=PolicyForm)
    async def look(_: Annotated[Principal, needs("policy.read")]) -> dict[str, Any]:
        """The policy as it is."""
        return (await acts.store.policy()).told()

    @router.put("/policy", response_model=PolicyForm)
    async def change(
        form: PolicyForm,  # type: ignore[valid-type] # made from the table of bounds
        request: Request,
        by: Annotated[Principal, needs("policy.change")],
    ) -> dict[str, Any]:
        """Change it; the next request of everybody obeys it."""
        freshly_proved(by)
        asked = replace(Policy(), **form.model_dump())  # type: ignore[attr-defined]
        changed = await acts.change_policy(asked, by=by, visit=visit_of(request, people))
        if isinstance(changed, Refusal):
            raise problem_of(changed)
        return changed.told()

    return router


def signed_in_router(people: People) -> APIRouter:
    """Who is signed in."""
    router = APIRouter(tags=["sessions"])

    @router.get("/sessions", response_model=Page[SessionRow])
    async def listed(
        request: Request, by: Annotated[Principal, needs("sessions.read")],
        query: Annotated[PageQuery, Depends()],
    ) -> dict[str, Any]:  # fmt: skip
        """Living sessions, a page at a time."""
        listing = query.listing(sortable=SORTABLE, default="-seen_at")
        if isinstance(listing, Refusal):
            raise problem_of(listing)
        found, total = await people.users.find_sessions(
            listing, by=by, visit=visit_of(request, people)
        )
        rows = [
            SessionRow(
                session_id=session.session_id, user_id=user.user_id, login=user.login,
                display_name=user.display_name, address=session.address,
                proved_by=session.proved_by, created_at=session.created_at,
                seen_at=session.seen_at,
            )
            for session, user in found
        ]  # fmt: skip
        return page_of(rows, total=total, query=query)

    @router.delete("/sessions/{session_id}", status_code=204)
    async def end(
        session_id: BigNumberInPath, request: Request,
        by: Annotated[Principal, needs("sessions.end")],
        reason: Annotated[Text, Query()] = "",
    ) -> Response:  # fmt: skip
        """Sign somebody out."""
        refused = await people.end_session.forced(
            session_id, by=by, visit=visit_of(request, people), reason=reason
        )
        if refused:
            raise problem_of(refused)
        return Response(status_code=204)

    return router
