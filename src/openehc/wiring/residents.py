"""The residents' desk of the console: its use cases, built for one worker."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter

from openehc.cards.change_at_desk import ChangeAtDesk
from openehc.cards.desk_store import DeskStore
from openehc.cards.find_residents import FindResidents
from openehc.cards.merge_accounts import (
    MERGE,
    SEPARATE,
    MergeAccounts,
    SeparateAccounts,
    merge_faults,
    separate_faults,
)
from openehc.cards.propose_doubles import ProposeDoubles
from openehc.cards.reveal_fields import RevealFields
from openehc.cards.view_resident import ViewResident
from openehc.cards.watch_looks import WatchLooks
from openehc.codes.read_code import ReadCode
from openehc.console.api.resident_changes import resident_changes_router
from openehc.console.api.resident_doubles import resident_doubles_router
from openehc.console.api.residents import ResidentDesk, residents_router
from openehc.crypto.sealing import BlindIndexer
from openehc.people.approval_kinds import ApprovalKind
from openehc.wiring.rotation_worker import KeyRing

if TYPE_CHECKING:
    from openehc.wiring.console import ConsoleParts


@dataclass(frozen=True, slots=True)
class RingIndexKeys:
    """`IndexKeys` of a key ring: during a rotation, every key under which rows may lie."""

    ring: KeyRing

    async def indexers(self) -> tuple[BlindIndexer, ...]:
        """The indexers in use; asks the database first when the last look is too old."""
        if not self.ring.fresh:
            await self.ring.freshen()
        return (self.ring.indexer, *self.ring.indexer.others)


def resident_desk(parts: "ConsoleParts") -> ResidentDesk:
    """The use cases."""
    cards, trail, settings = parts.cards, parts.trail, parts.settings
    desk = DeskStore(parts.database, cards, RingIndexKeys(parts.keys))
    watch = WatchLooks(desk, trail)
    codes = ReadCode(parts.codes, parts.module, settings.ehcin, dict(settings.legacy_channels))
    return ResidentDesk(
        find=FindResidents(desk, cards, codes, watch, trail),
        view=ViewResident(desk, cards, watch, trail),
        reveal=RevealFields(cards, watch, trail),
        change=ChangeAtDesk(cards, trail, parts.entropy),
        doubles=ProposeDoubles(desk, cards, watch, trail),
        merge=MergeAccounts(cards, trail, parts.entropy, parts.clock),
        separate=SeparateAccounts(cards, desk, trail, parts.entropy, parts.clock),
        clock=parts.clock,
    )


def merge_kinds(desk: ResidentDesk) -> tuple[ApprovalKind, ...]:
    """The acts on residents that need two people."""
    return (
        ApprovalKind(
            MERGE, "residents.merge", "合并同一居民的两个账户", "merge two accounts of one person",
            desk.merge, merge_faults,
        ),
        ApprovalKind(
            SEPARATE, "residents.merge", "撤销账户合并", "take merged accounts apart",
            desk.separate, separate_faults,
        ),
    )  # fmt: skip


def resident_routers(desk: ResidentDesk) -> list[APIRouter]:
    """The routes of residents; those with fixed names stand before those of one resident."""
    return [
        resident_doubles_router(desk), residents_router(desk), resident_changes_router(desk),
    ]  # fmt: skip
