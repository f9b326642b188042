"""Find residents by an exact value, for people who work on the platform (材料二 附录B 5.1 no 3).

Every search leaves records with keyed references only: of what was asked for, and of each
resident who was shown. Masks nothing: whoever shows the answer does.
"""

from dataclasses import dataclass
from datetime import datetime

from openehc.audit.model import OK, Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore
from openehc.cards.model import CardAccount
from openehc.cards.ports import CodeReader
from openehc.cards.record_sights import record_sights
from openehc.cards.sight import MOST_FOUND, By, Question, judge_question
from openehc.cards.store import CardStore
from openehc.cards.watch_looks import Look, WatchLooks
from openehc.kernel.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of the answer is shown."""

    limit: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """One page: `total` counts all that are found, at most 50; `more` tells that there are others.

    Who looks for a common name has to ask for something more exact.
    """

    accounts: list[CardAccount]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class FindResidents:
    """The use case."""

    desk: DeskStore
    cards: CardStore
    codes: CodeReader
    watch: WatchLooks
    trail: AuditTrail

    async def __call__(
        self, asked: Question, *, by: Actor, now: datetime, cut: Cut
    ) -> Found | Refusal:
        """The residents with exactly this value, if this person may look for them so."""
        question = asked.normal()
        refusal = judge_question(question, by=by)
        if refusal:
            return refusal
        refusal = await self.watch(Look.SEARCH, by=by, now=now)
        if refusal:
            return refusal
        found = await self._found(question, now)
        accounts = [] if isinstance(found, Refusal) else found
        more = len(accounts) > MOST_FOUND
        shown = accounts[:MOST_FOUND][cut.offset : cut.offset + cut.limit]
        result = found.reason.name.lower() if isinstance(found, Refusal) else OK
        await self._record(question, shown, result=result, by=by, now=now)
        if isinstance(found, Refusal):
            return found
        return Found(shown, min(len(accounts), MOST_FOUND), more)

    async def _found(self, question: Question, now: datetime) -> list[CardAccount] | Refusal:
        if question.by is By.CODE:
            ehcid = await self.codes.card_in(question.value, now=now)
            return ehcid if isinstance(ehcid, Refusal) else await self._with_survivor(ehcid)
        if question.by is By.CARD_ID:
            return await self._with_survivor(bytes.fromhex(question.value))
        found = await self.desk.found(question, most=MOST_FOUND + 1)
        if question.by is By.DOCUMENT and found:
            return await self._with_survivor(found[0].ehcid)
        return found

    async def _with_survivor(self, ehcid: bytes) -> list[CardAccount]:
        """The account, and behind it the one that goes on in its place."""
        account = await self.cards.by_ehcid(ehcid)
        if account is None:
            return []
        survivor = await self.cards.by_ehcid(account.merged_into) if account.merged_into else None
        return [account, survivor] if survivor else [account]

    async def _record(
        self, question: Question, shown: list[CardAccount], *, result: str, by: Actor,
        now: datetime,
    ) -> None:  # fmt: skip
        keyed = question.by not in {By.CODE, By.CARD_ID}
        asked = await self.desk.reference(question) if keyed else question.by.value
        event = AuditEvent(
            category=Category.PERSONAL_DATA, action="residents.search", actor=by, at=now,
            object_kind="search", object_ref=asked, result=result,
            after={"by": question.by.value, "asked": asked, "shown": 0},
        )  # fmt: skip
        await record_sights(self.trail, event, shown)
