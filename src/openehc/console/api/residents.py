"""Residents for operators: find, look at, reveal. Changes are in `resident_changes.py`.

What is looked for travels in bodies, since addresses end up in logs; an EHCID may stand in
an address, since nobody without the keys can say whose it is.
"""

import base64
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter

from openehc.cards.change_at_desk import ChangeAtDesk
from openehc.cards.find_residents import Cut, FindResidents
from openehc.cards.masked import masked_line
from openehc.cards.merge_accounts import MergeAccounts, SeparateAccounts
from openehc.cards.propose_doubles import ProposeDoubles
from openehc.cards.reveal_fields import RevealFields
from openehc.cards.sight import Question
from openehc.cards.view_resident import ViewResident
from openehc.console.api.guards import needs
from openehc.console.api.problems import Problem, problem_of
from openehc.console.api.resident_models import (
    CardId,
    FoundResidents,
    MaskedResident,
    RevealBody,
    RevealedFields,
    SearchBody,
    shown_view,
)
from openehc.console.texts import for_resident
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

Searching = Annotated[Principal, needs("residents.search")]
Revealing = Annotated[Principal, needs("residents.reveal")]


@dataclass(frozen=True, slots=True)
class ResidentDesk:
    """The use cases behind the routes."""

    find: FindResidents
    view: ViewResident
    reveal: RevealFields
    change: ChangeAtDesk
    doubles: ProposeDoubles
    merge: MergeAccounts
    separate: SeparateAccounts
    clock: Clock


def told(refusal: Refusal) -> Problem:
    """A refusal as a problem; one that says nothing itself says its reason."""
    if refusal.faults:
        return problem_of(refusal)
    zh = refusal.detail or for_resident(refusal)
    return problem_of(
        replace(refusal, detail=zh, detail_en=refusal.detail_en or refusal.reason.value)
    )


def residents_router(desk: ResidentDesk) -> APIRouter:
    """The routes that show residents."""
    router = APIRouter(prefix="/residents", tags=["residents"])

    @router.post("/search", response_model=FoundResidents)
    async def search(body: SearchBody, principal: Searching) -> dict[str, Any]:
        """Find residents by document, phone, name, bound card, code or card id; masked."""
        found = await desk.find(
            Question(body.by, body.value, body.kind), by=principal.actor, now=desk.clock.now(),
            cut=Cut(body.size, (body.page - 1) * body.size),
        )  # fmt: skip
        if isinstance(found, Refusal):
            raise told(found)
        return {
            "items": [masked_line(account) for account in found.accounts], "total": found.total,
            "more": found.more, "page": body.page, "size": body.size,
        }  # fmt: skip

    @router.get("/{ehealth_card_id}", response_model=MaskedResident)
    async def view(ehealth_card_id: CardId, principal: Searching) -> dict[str, Any]:
        """One resident, masked, with life and history of the account."""
        ehcid = bytes.fromhex(ehealth_card_id)
        found = await desk.view(ehcid, by=principal.actor, now=desk.clock.now())
        if isinstance(found, Refusal):
            raise told(found)
        return shown_view(found)

    @router.post("/{ehealth_card_id}/reveal", response_model=RevealedFields)
    async def reveal(
        ehealth_card_id: CardId,
        body: RevealBody,
        principal: Revealing,
    ) -> dict[str, Any]:
        """Fields of one resident in clear, for a reason that stands in the audit record."""
        shown = await desk.reveal(
            bytes.fromhex(ehealth_card_id), frozenset(body.fields), reason=body.reason,
            by=principal.actor, now=desk.clock.now(),
        )  # fmt: skip
        if isinstance(shown, Refusal):
            raise told(shown)
        photo = base64.b64encode(shown.photo).decode() if shown.photo else None
        return {"fields": shown.fields, "photo": photo}

    return router
