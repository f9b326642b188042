"""Propose accounts that may be one person's: bounded, a page of the platform at a time.

Looks where the blind indexes agree, opens the few profiles there, and lets the rules of
merging judge. While the index key is rotated, accounts under different keys are not compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, groupby
from typing import Final

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore
from openehc.cards.identity import RESIDENT_IDENTITY_CARD
from openehc.cards.merge_rules import Pair, may_be_one
from openehc.cards.model import CardAccount, CardState
from openehc.cards.record_sights import record_sights
from openehc.cards.sight import By, Question
from openehc.cards.store import CardStore
from openehc.cards.watch_looks import Look, WatchLooks
from openehc.kernel.refusal import Reason, Refusal

LOOKED_AT: Final = 10_000
"""How many accounts one page of proposals goes through."""

NAMES_COMPARED: Final = 100
MOST_COMPARED: Final = 1_000
"""How many profiles one page opens."""

MOST_PROPOSED: Final = 50
_FIRST: Final = b""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Pairs that may be one person; `after` is where the next page begins, None at the end."""

    pairs: list[Pair]
    after: bytes | None


@dataclass(frozen=True, slots=True)
class ProposeDoubles:
    """The use case."""

    desk: DeskStore
    cards: CardStore
    watch: WatchLooks
    trail: AuditTrail

    async def anywhere(
        self, *, after: bytes | None, by: Actor, now: datetime
    ) -> Proposals | Refusal:
        """Doubles by name, from this place in the name index on."""
        refusal = await self.watch(Look.SEARCH, by=by, now=now)
        if refusal:
            return refusal
        groups = await self.desk.names_borne_twice(after=after or _FIRST, most=LOOKED_AT)
        names = groups.names[:NAMES_COMPARED]
        cut = len(groups.names) > NAMES_COMPARED
        accounts = await self.desk.bearing(names, most=MOST_COMPARED) if names else []
        pairs = [pair for pair, _ in zip(_doubles(accounts), range(MOST_PROPOSED), strict=False)]
        await self._record(pairs, by=by, now=now)
        return Proposals(pairs, names[-1] if cut else groups.after)

    async def of(self, ehcid: bytes, *, by: Actor, now: datetime) -> Proposals | Refusal:
        """Accounts that may belong to the person of this one: same name, or same phone."""
        refusal = await self.watch(Look.SEARCH, by=by, now=now)
        if refusal:
            return refusal
        account = await self.cards.by_ehcid(ehcid)
        if account is None:
            return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
        resident, near = account.resident, {}
        for question in (
            Question(By.PHONE, resident.mobile_phone), Question(By.NAME, resident.user_name),
        ):  # fmt: skip
            for other in await self.desk.found(question, most=MOST_COMPARED):
                near[other.ehcid] = other
        pairs = [
            _pair(account, other)
            for other in near.values()
            if other.ehcid != ehcid
            and other.state is not CardState.CLOSED
            and may_be_one(resident, other.resident)
        ][:MOST_PROPOSED]
        await self._record(pairs, by=by, now=now)
        return Proposals(pairs, None)

    async def _record(self, pairs: list[Pair], *, by: Actor, now: datetime) -> None:
        shown = {one.ehcid: one for pair in pairs for one in (pair.survivor, pair.merged)}
        event = AuditEvent(
            category=Category.PERSONAL_DATA, action="residents.doubles", actor=by, at=now,
            object_kind="search",
        )  # fmt: skip
        await record_sights(self.trail, event, list(shown.values()))


def _doubles(accounts: list[CardAccount]) -> Iterator[Pair]:
    """Pairs of one name; compared only where birthday or phone is the same."""
    for _, same in groupby(accounts, key=lambda account: account.resident.user_name):
        seen: set[frozenset[bytes]] = set()
        buckets: dict[tuple[str, str], list[CardAccount]] = {}
        for account in same:
            resident = account.resident
            for kind, value in (("birthday", resident.birthday), ("phone", resident.mobile_phone)):
                if value:
                    buckets.setdefault((kind, value), []).append(account)
        for bucket in buckets.values():
            for one, other in combinations(bucket, 2):
                ids = frozenset({one.ehcid, other.ehcid})
                if ids not in seen and may_be_one(one.resident, other.resident):
                    seen.add(ids)
                    yield _pair(one, other)


def _pair(one: CardAccount, other: CardAccount) -> Pair:
    """The account that the rules let survive stands first."""
    return Pair(*sorted((one, other), key=_rank))


def _rank(account: CardAccount) -> tuple[bool, bool, bytes]:
    active = account.state is CardState.ACTIVE
    return account.resident.id_type != RESIDENT_IDENTITY_CARD, not active, account.ehcid
