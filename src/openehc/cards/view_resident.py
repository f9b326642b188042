"""Look at one resident: the account, its life and its history, for one person, on the record."""

from dataclasses import dataclass
from datetime import datetime

from openehc.audit.model import RESIDENT_OBJECT, Actor, AuditEvent, Category, resident_ref
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore, Life, PastChange
from openehc.cards.model import CardAccount
from openehc.cards.sight import at_a_window
from openehc.cards.store import CardStore
from openehc.cards.watch_looks import Look, WatchLooks
from openehc.kernel.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True)
class ResidentView:
    """One resident; a window sees no history and no life (both None)."""

    account: CardAccount
    life: Life | None
    history: list[PastChange] | None


@dataclass(frozen=True, slots=True)
class ViewResident:
    """The use case."""

    desk: DeskStore
    cards: CardStore
    watch: WatchLooks
    trail: AuditTrail

    async def __call__(self, ehcid: bytes, *, by: Actor, now: datetime) -> ResidentView | Refusal:
        """The resident, as far as this person's work needs it."""
        refusal = await self.watch(Look.SEARCH, by=by, now=now)
        if refusal:
            return refusal
        account = await self.cards.by_ehcid(ehcid)
        if account is None:
            return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
        view = ResidentView(account, None, None)
        if not at_a_window(by):
            view = ResidentView(
                account, await self.desk.life(ehcid), await self.desk.history(ehcid)
            )
        await self.trail.record(
            AuditEvent(
                category=Category.PERSONAL_DATA, action="residents.view", actor=by, at=now,
                object_kind=RESIDENT_OBJECT, object_ref=resident_ref(ehcid),
            )
        )  # fmt: skip
        return view
