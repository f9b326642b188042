"""Accounts that may be one person's: proposals, a page at a time.

Merging and taking apart are asked for here and done when a second person approves.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from openehc.cards.masked import masked_line
from openehc.cards.propose_doubles import Proposals
from openehc.console.api.guards import needs
from openehc.console.api.resident_models import CardId, ProposedPairs
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

    return router


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
