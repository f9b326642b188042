"""Changes of one resident's account at the console: tags, bound cards, black list, end.

Every change names the revision that its author saw (If-Match), and leaves history and an
audit record. Personal data are changed through the gateway, where documents are checked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Response

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
from openehc.kernel.clock import wire_time
from openehc.kernel.refusal import Fault, Refusal
from openehc.people.model import Principal
from openehc.spec import load

_LAST_POSITION: Final = 19
Position = Annotated[int, Path(ge=0, le=_LAST_POSITION, description="place of a bound card")]


@dataclass(frozen=True, slots=True)
class Seen:
    """An account in the revision that somebody saw, who may change it; `response` is theirs."""

    ehcid: bytes
    by: Principal
    revision: int
    response: Response


def seen_by(permission: str) -> Any:  # noqa: ANN401 (what Depends gives)
    """A dependency that gives the account of the path as somebody with this permission saw it."""

    async def seen(
        ehealth_card_id: CardId, by: Annotated[Principal, needs(permission)], revision: Revision,
        response: Response,
    ) -> Seen:  # fmt: skip
        return Seen(bytes.fromhex(ehealth_card_id), by, revision, response)

    return Depends(seen)


ToChange = Annotated[Seen, seen_by("residents.change")]
ToBlacklist = Annotated[Seen, seen_by("residents.blacklist")]
ToClose = Annotated[Seen, seen_by("residents.close")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall become of an account: the step, its name in records, and why, where asked."""

    action: str
    change: Change
    step: Step
    reason: str | None = None


async def _saved(
    desk: ResidentDesk, seen: Seen, wish: Wish, *, now: datetime | None = None
) -> dict[str, Any]:
    """The account afterwards, its new revision in the answer's ETag."""
    command = DeskChange(
        ehcid=seen.ehcid, revision=seen.revision, change=wish.change,
        action=f"residents.{wish.action}", by=seen.by.actor, now=now or desk.clock.now(),
        reason=wish.reason,
    )  # fmt: skip
    after = await desk.change(command, wish.step)
    if isinstance(after, Refusal):
        raise told(after)
    seen.response.headers.update(tag(after.revision))
    return shown_account(after)


def resident_changes_router(desk: ResidentDesk) -> APIRouter:
    """The routes that change accounts."""
    router = APIRouter(prefix="/residents/{ehealth_card_id}", tags=["residents"])
    _tags_and_cards(router, desk)
    _standing(router, desk)
    return router


def _tags_and_cards(router: APIRouter, desk: ResidentDesk) -> None:
    @router.put("/tags", response_model=MaskedResident)
    async def tags(body: TagsBody, seen: ToChange) -> dict[str, Any]:
        """Give the account these tags and no others (用户属性标签)."""
        given, now = tuple(dict.fromkeys(_tag(text) for text in body.tags)), desk.clock.now()
        step = altering({"tags": given}, now=now)
        return await _saved(desk, seen, Wish("tags", Change.ALTERED, step), now=now)

    @router.post("/cards", response_model=MaskedResident, status_code=201)
    async def bind(body: CardBody, seen: ToChange) -> dict[str, Any]:
        """Bind a card to the account (绑卡)."""
        now = desk.clock.now()
        card = BoundCard(_card_type(body.card_type), body.card_no, wire_time(now), body.is_default)
        wish = Wish("bind-card", Change.RELINKED, binding((card,)))
        return await _saved(desk, seen, wish, now=now)

    @router.delete("/cards/{position}", response_model=MaskedResident)
    async def unbind(position: Position, seen: ToChange) -> dict[str, Any]:
        """Unbind the card at this place of the list that was seen."""
        wish = Wish("unbind-card", Change.RELINKED, unbinding_at(position))
        return await _saved(desk, seen, wish)

    @router.put("/cards/{position}/default", response_model=MaskedResident)
    async def make_default(position: Position, seen: ToChange) -> dict[str, Any]:
        """Make the card at this place the one that a hospital goes on with."""
        wish = Wish("default-card", Change.RELINKED, defaulting(position))
        return await _saved(desk, seen, wish)


def _standing(router: APIRouter, desk: ResidentDesk) -> None:
    @router.post("/blacklist", response_model=MaskedResident)
    async def blacklist(body: ReasonBody, seen: ToBlacklist) -> dict[str, Any]:
        """Put the account on the black list: its codes are refused from now on."""
        wish = Wish("blacklist", Change.BLACKLISTED, blacklisting, body.reason)
        return await _saved(desk, seen, wish)

    @router.post("/restore", response_model=MaskedResident)
    async def restore(body: ReasonBody, seen: ToBlacklist) -> dict[str, Any]:
        """Take the account off the black list."""
        wish = Wish("restore", Change.RESTORED, restoring, body.reason)
        return await _saved(desk, seen, wish)

    @router.post("/close", response_model=MaskedResident)
    async def close(body: ReasonBody, seen: ToClose) -> dict[str, Any]:
        """End the account (注销); the person who ends it has to have proved who they are."""
        freshly_proved(seen.by)
        return await _saved(desk, seen, Wish("close", Change.CLOSED, closing, body.reason))


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
