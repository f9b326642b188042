"""Accounts that may be one person's: proposals, a page at a time.

Merging and taking apart are done when a second person approves (/api/approvals); here they
are judged beforehand, and made into what is handed in there.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from openehc.cards.masked import masked_line
from openehc.cards.merge_accounts import MERGE, SEPARATE
from openehc.cards.propose_doubles import Proposals
from openehc.console.api.guards import needs
from openehc.console.api.resident_models import (
    ApprovalWish,
    CardId,
    MergeBody,
    ProposedPairs,
    ReasonBody,
)
from openehc.console.api.residents import ResidentDesk, told
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal

After = Annotated[
    str | None, Query(pattern="^[0-9a-f]{32}$", description="`after` of the page before")
]

Merging = Annotated[Principal, needs("residents.merge")]


def resident_doubles_router(desk: ResidentDesk) -> APIRouter:
    """The routes of doubles."""
    router = APIRouter(prefix="/residents", tags=["residents"])

    @router.get("/doubles", response_model=ProposedPairs)
    async def anywhere(principal: Merging, after: After = None) -> dict[str, Any]:
        """Pairs of accounts that may be one person's, by name; go on with `after`."""
        begin = bytes.fromhex(after) if after else None
        found = await desk.doubles.anywhere(after=begin, by=principal.actor, now=desk.clock.now())
        return _shown(found)

    @router.get("/{ehealth_card_id}/doubles", response_model=ProposedPairs)
    async def of(ehealth_card_id: CardId, principal: Merging) -> dict[str, Any]:
        """Accounts that may belong to the person of this one."""
        ehcid = bytes.fromhex(ehealth_card_id)
        return _shown(await desk.doubles.of(ehcid, by=principal.actor, now=desk.clock.now()))

    @router.post("/{ehealth_card_id}/merge-check", response_model=ApprovalWish)
    async def merge_check(
        ehealth_card_id: CardId, body: MergeBody, principal: Merging
    ) -> dict[str, Any]:
        """Whether `merged` could go into this account now; changes nothing."""
        parameters = {
            "survivor": ehealth_card_id.upper(), "merged": body.merged.upper(),
            "reason": body.reason,
        }  # fmt: skip
        refusal = await desk.merge.judge(parameters, by=principal.actor)
        return _wish(MERGE, parameters, refusal)

    @router.post("/{ehealth_card_id}/separate-check", response_model=ApprovalWish)
    async def separate_check(
        ehealth_card_id: CardId, body: ReasonBody, principal: Merging
    ) -> dict[str, Any]:
        """Whether this merged account could be taken out again now; changes nothing."""
        parameters = {"merged": ehealth_card_id.upper(), "reason": body.reason}
        refusal = await desk.separate.judge(parameters, by=principal.actor)
        return _wish(SEPARATE, parameters, refusal)

    return router


def _wish(kind: str, parameters: dict[str, str], refusal: Refusal | None) -> dict[str, Any]:
    if refusal:
        raise told(refusal)
    return {"kind": kind, "parameters": parameters}


def _shown(found: Proposals | Refusal) -> dict[str, Any]:
    if isinstance(found, Refusal):
        raise told(found)
    return {
        "items": [
            {"survivor": masked_line(pair.survivor), "merged": masked_line(pair.merged)}
            for pair in found.pairs
        ],
        "after": found.after.hex() if found.after else None,
    }
