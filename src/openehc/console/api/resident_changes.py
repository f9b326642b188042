"""Changes of one resident's account at the console: tags, bound cards, black list, end.

Every change names the revision that its author saw (If-Match), and leaves history and an
audit record. Personal data are changed through the gateway, where documents are checked.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from openehc.cards.change_at_desk import DeskChange
from openehc.cards.change_card import (
    Step,
    altering,
    binding,
    blacklisting,
    closing,
    defaulting,
    restoring,
    unbinding_at,
)
from openehc.cards.model import BoundCard, Change
from openehc.console.api.guards import freshly_proved, needs
from openehc.console.api.problems import Problem
from openehc.console.api.resident_models import (
    CardBody,
    CardId,
    MaskedResident,
    ReasonBody,
    TagsBody,
    shown_account,
)
from openehc.console.api.residents import ResidentDesk, told
from openehc.console.api.revisions import Revision, tag
from openehc.kernel.clock import Clock, wire_time
from openehc.kernel.refusal import Fault, Refusal
from openehc.people.model import Principal
from openehc.spec import load

_LAST_POSITION: Final = 19
Position = Annotated[int, Path(ge=0, le=_LAST_POSITION, description="place of a bound card")]

Blacklisting = Annotated[Principal, needs("residents.blacklist")]
Closing = Annotated[Principal, needs("residents.close")]
Changing = Annotated[Principal, needs("residents.change")]


async def _saved(
    desk: ResidentDesk, command: DeskChange, step: Step, response: Response
) -> dict[str, Any]:
    """The account after `step`, its new revision in the answer's ETag."""
    after = await desk.change(command, step)
    if isinstance(after, Refusal):
        raise told(after)
    response.headers.update(tag(after.revision))
    return shown_account(after)


@dataclass(frozen=True, slots=True)
class _Commands:
    """Makes commands of requests."""

    clock: Clock

    def __call__(
        self, ehealth_card_id: str, principal: Principal, *, seen: int, change: Change,
        action: str, reason: str | None = None,
    ) -> DeskChange:  # fmt: skip
        return DeskChange(
            ehcid=bytes.fromhex(ehealth_card_id), revision=seen, change=change,
            action=f"residents.{action}", by=principal.actor, now=self.clock.now(), reason=reason,
        )  # fmt: skip


def resident_changes_router(desk: ResidentDesk) -> APIRouter:
    """The routes that change accounts."""
    router = APIRouter(prefix="/residents/{ehealth_card_id}", tags=["residents"])
    _tags_and_cards(router, desk)
    _standing(router, desk)
    _ending(router, desk)
    return router


def _tags_and_cards(router: APIRouter, desk: ResidentDesk) -> None:
    command_of = _Commands(desk.clock)

    @router.put("/tags", response_model=MaskedResident)
    async def tags(
        ehealth_card_id: CardId, body: TagsBody, response: Response,
        principal: Changing, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Give the account these tags and no others (用户属性标签)."""
        given = tuple(dict.fromkeys(_tag(text) for text in body.tags))
        command = command_of(
            ehealth_card_id, principal, seen=revision, change=Change.ALTERED, action="tags"
        )
        return await _saved(desk, command, altering({"tags": given}, now=command.now), response)

    @router.post("/cards", response_model=MaskedResident, status_code=201)
    async def bind(
        ehealth_card_id: CardId, body: CardBody, response: Response,
        principal: Changing, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Bind a card to the account (绑卡)."""
        command = command_of(
            ehealth_card_id, principal, seen=revision, change=Change.RELINKED, action="bind-card"
        )
        card = BoundCard(
            _card_type(body.card_type), body.card_no, wire_time(command.now), body.is_default
        )
        return await _saved(desk, command, binding((card,)), response)

    @router.delete("/cards/{position}", response_model=MaskedResident)
    async def unbind(
        ehealth_card_id: CardId, position: Position, response: Response,
        principal: Changing, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Unbind the card at this place of the list that was seen."""
        command = command_of(
            ehealth_card_id, principal, seen=revision, change=Change.RELINKED, action="unbind-card"
        )
        return await _saved(desk, command, unbinding_at(position), response)

    @router.put("/cards/{position}/default", response_model=MaskedResident)
    async def make_default(
        ehealth_card_id: CardId, position: Position, response: Response,
        principal: Changing, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Make the card at this place the one that a hospital goes on with."""
        command = command_of(
            ehealth_card_id, principal, seen=revision, change=Change.RELINKED, action="default-card"
        )
        return await _saved(desk, command, defaulting(position), response)


def _standing(router: APIRouter, desk: ResidentDesk) -> None:
    command_of = _Commands(desk.clock)

    @router.post("/blacklist", response_model=MaskedResident)
    async def blacklist(
        ehealth_card_id: CardId, body: ReasonBody, response: Response,
        principal: Blacklisting, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Put the account on the black list: its codes are refused from now on."""
        command = command_of(
            ehealth_card_id,
            principal,
            seen=revision,
            change=Change.BLACKLISTED,
            action="blacklist",
            reason=body.reason,
        )
        return await _saved(desk, command, blacklisting, response)

    @router.post("/restore", response_model=MaskedResident)
    async def restore(
        ehealth_card_id: CardId, body: ReasonBody, response: Response,
        principal: Blacklisting, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """Take the account off the black list."""
        command = command_of(
            ehealth_card_id,
            principal,
            seen=revision,
            change=Change.RESTORED,
            action="restore",
            reason=body.reason,
        )
        return await _saved(desk, command, restoring, response)


def _ending(router: APIRouter, desk: ResidentDesk) -> None:
    command_of = _Commands(desk.clock)

    @router.post("/close", response_model=MaskedResident)
    async def close(
        ehealth_card_id: CardId, body: ReasonBody, response: Response,
        principal: Closing, revision: Revision,
    ) -> dict[str, Any]:  # fmt: skip
        """End the account (注销); the person who ends it has to have proved who they are."""
        freshly_proved(principal)
        command = command_of(
            ehealth_card_id,
            principal,
            seen=revision,
            change=Change.CLOSED,
            action="close",
            reason=body.reason,
        )
        return await _saved(desk, command, closing, response)


def _tag(text: str) -> str:
    tag = text.strip()
    if not tag or not tag.isprintable():
        raise Problem(422, faults=[Fault("tags", "标签不得为空或含控制字符",
                                         "no empty tag and no control characters")])  # fmt: skip
    return tag


def _card_type(code: str) -> str:
    known = load().dictionary("card_type")
    if not known.has(code):
        codes = ", ".join(entry.code for entry in known.entries)
        raise Problem(422, faults=[Fault("card_type", f"可选：{codes}", f"one of: {codes}")])
    return code
