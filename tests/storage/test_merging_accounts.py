"""Merging on the database: both accounts, their history, links, photo and record at once."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from openehc.audit.model import Actor, ActorKind
from openehc.audit.trail import AuditTrail
from openehc.cards.desk_store import DeskStore
from openehc.cards.merge_accounts import MergeAccounts, SeparateAccounts
from openehc.cards.model import CardAccount, CardState, Change
from openehc.cards.sight import By, Question
from openehc.crypto.sealing import BlindIndexer
from openehc.kernel.clock import SetClock
from openehc.kernel.refusal import Reason, Refusal
from openehc.storage.errors import StatementRefused
from openehc.storage.migrations import MIGRATIONS
from tests.support.counted_entropy import CountedEntropy
from tests.support.residents import PASSPORT, account, bound, resident
from tests.support.stores import AT, Stores

ASKER: Final = Actor(ActorKind.USER, "asker", "127.0.0.1")
APPROVER: Final = Actor(ActorKind.USER, "approver", "127.0.0.1")
REASON: Final = "同一居民以两种证件注册"


class OneKey:
    """The index key of `stores`."""

    async def indexers(self) -> tuple[BlindIndexer, ...]:
        return (BlindIndexer(b"i" * 32),)


@dataclass(frozen=True, slots=True)
class Desk:
    """The use cases over the test's database, and two accounts of one person."""

    stores: Stores
    desk: DeskStore
    merge: MergeAccounts
    separate: SeparateAccounts
    clock: SetClock
    survivor: CardAccount
    merged: CardAccount

    @property
    def wish(self) -> dict[str, str]:
        return {
            "survivor": self.survivor.ehealth_card_id, "merged": self.merged.ehealth_card_id,
            "reason": REASON,
        }  # fmt: skip

    async def now(self) -> tuple[CardAccount, CardAccount]:
        """Both accounts as they are stored."""
        one = await self.stores.cards.by_ehcid(self.survivor.ehcid)
        other = await self.stores.cards.by_ehcid(self.merged.ehcid)
        assert one
        assert other
        return one, other

    async def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.stores.database.fetch(sql, *args)]


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    person = resident(1, cards=(bound("A-1", default="Y"),), tags=("帮扶",))
    passport = msgspec.structs.replace(
        person, id_type=PASSPORT, id_no="ZZ1234567", cards=(bound("B-1", default="Y"),),
        tags=("慢病",),
    )  # fmt: skip
    survivor, merged = account(person), account(passport)
    await stores.open(survivor)
    await stores.open(merged, photo=b"the photo of the passport")
    trail, entropy = AuditTrail(stores.database, CountedEntropy()), CountedEntropy()
    clock = SetClock(AT)
    looking = DeskStore(stores.database, stores.cards, OneKey())
    return Desk(
        stores, looking, MergeAccounts(stores.cards, trail, entropy, clock),
        SeparateAccounts(stores.cards, looking, trail, entropy, clock), clock, survivor, merged,
    )  # fmt: skip


async def _found(desk: Desk, card_no: str) -> list[bytes]:
    question = Question(By.CARD, card_no, "01")
    return [one.ehcid for one in await desk.desk.found(question, most=10)]


async def test_cards_and_tags_and_photo_are_the_survivors_afterwards(desk: Desk) -> None:
    assert await desk.merge(desk.wish, ASKER, APPROVER) is None

    survivor, merged = await desk.now()
    assert [card.card_no for card in survivor.resident.cards] == ["A-1", "B-1"]
    assert survivor.resident.tags == ("帮扶", "慢病")
    assert (merged.state, merged.merged_into) == (CardState.CLOSED, survivor.ehcid)
    assert await _found(desk, "B-1") == [survivor.ehcid]
    assert await desk.stores.cards.photo(survivor.ehcid) == b"the photo of the passport"


async def test_history_and_record_tell_what_was_merged_by_whom(desk: Desk) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)

    history = await desk.rows(
        "select ehcid, change, app_id, term_id, changed_fields, platform_serial from card_history"
        " where revision = 2 order by change"
    )
    assert [(row["ehcid"], row["change"]) for row in history] == [
        (desk.survivor.ehcid, "absorbed"), (desk.merged.ehcid, "merged"),
    ]  # fmt: skip
    assert {row["platform_serial"] for row in history} == {history[0]["platform_serial"]}
    assert history[0]["changed_fields"] == ["cards", "tags", "photo"]
    [record] = await desk.rows(
        "select action, actor_id, object_ref, reason, after from audit_records"
    )
    after = json.loads(record.pop("after"))
    assert record == {
        "action": "residents.merge", "actor_id": "asker",
        "object_ref": desk.merged.ehealth_card_id, "reason": REASON,
    }  # fmt: skip
    assert after["survivor"] == desk.survivor.ehealth_card_id
    assert after["approved_by"] == "approver"


async def test_a_photo_of_the_survivors_own_stays(desk: Desk) -> None:
    await desk.stores.change(desk.survivor, replace(desk.survivor, revision=2))
    one, _ = await desk.now()
    async with desk.stores.database.transaction() as connection:
        await desk.stores.cards._save_photo(connection, one.ehcid, b"own", AT)

    await desk.merge(desk.wish, ASKER, APPROVER)

    assert await desk.stores.cards.photo(desk.survivor.ehcid) == b"own"


async def test_a_merge_whose_record_cannot_be_kept_does_not_happen(desk: Desk) -> None:
    await desk.stores.database.execute("alter table audit_records add check (actor_id = '')")

    with pytest.raises(StatementRefused):
        await desk.merge(desk.wish, ASKER, APPROVER)

    assert await desk.now() == (desk.survivor, desk.merged)


async def test_of_many_merges_at_once_one_is_done(desk: Desk) -> None:
    back = {**desk.wish, "survivor": desk.wish["merged"], "merged": desk.wish["survivor"]}

    answers = await asyncio.gather(
        *[desk.merge(wish, ASKER, APPROVER) for wish in [desk.wish, back] * 3]
    )

    assert answers.count(None) == 1
    assert await desk.stores.count("audit_records") == 1
    survivor, _ = await desk.now()
    assert survivor.revision == 2


@pytest.mark.parametrize(
    "wish",
    [
        {}, {"survivor": "x", "merged": "y", "reason": REASON}, {"survivor": "F" * 64},
        {"survivor": "F" * 64, "merged": "E" * 64, "reason": "短"},
    ],
)  # fmt: skip
async def test_a_wish_that_makes_no_sense_is_refused(desk: Desk, wish: dict[str, str]) -> None:
    refusal = await desk.merge(wish, ASKER, APPROVER)

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.INPUT_WRONG


async def test_unknown_accounts_are_not_merged(desk: Desk) -> None:
    refusal = await desk.merge({**desk.wish, "merged": "F" * 64}, ASKER, APPROVER)

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.CARD_UNKNOWN


async def test_whoever_asks_can_know_before_whether_it_would_be_done(desk: Desk) -> None:
    assert await desk.merge.judge(desk.wish, by=ASKER) is None
    unmerged = {"merged": desk.wish["merged"], "reason": REASON}
    assert await desk.separate.judge(unmerged, by=ASKER)
    assert await desk.now() == (desk.survivor, desk.merged)


# ---------------------------------------------------------------- the way back


async def test_a_merge_is_taken_apart_again(desk: Desk) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)
    desk.clock.advance(seconds=3600)

    refusal = await desk.separate(
        {"merged": desk.wish["merged"], "reason": "两位居民误合并"}, ASKER, APPROVER
    )

    assert refusal is None
    survivor, merged = await desk.now()
    assert survivor.resident == desk.survivor.resident
    assert merged.resident == desk.merged.resident
    assert (merged.state, merged.merged_into) == (CardState.ACTIVE, None)
    assert await _found(desk, "B-1") == [merged.ehcid]
    assert await desk.stores.cards.photo(survivor.ehcid) is None
    assert await desk.stores.cards.photo(merged.ehcid) == b"the photo of the passport"


async def test_a_photo_taken_since_stays_when_a_merge_is_taken_apart(desk: Desk) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)
    desk.clock.advance(seconds=3600)
    async with desk.stores.database.transaction() as connection:
        await desk.stores.cards._save_photo(
            connection, desk.survivor.ehcid, b"new", desk.clock.now()
        )

    await desk.separate({"merged": desk.wish["merged"], "reason": REASON}, ASKER, APPROVER)

    assert await desk.stores.cards.photo(desk.survivor.ehcid) == b"new"


async def test_after_thirty_days_nothing_is_taken_apart(desk: Desk) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)
    desk.clock.advance(seconds=31 * 86400)

    refusal = await desk.separate(
        {"merged": desk.wish["merged"], "reason": REASON}, ASKER, APPROVER
    )

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.STATE_FORBIDS


async def test_a_prepared_account_comes_back_as_it_was(desk: Desk, stores: Stores) -> None:
    person = msgspec.structs.replace(desk.merged.resident, id_no="ZZ9999999", cards=())
    prepared = account(person, state=CardState.PREPARED)
    await stores.open(prepared)
    wish = {**desk.wish, "merged": prepared.ehealth_card_id}
    assert await desk.merge(wish, ASKER, APPROVER) is None

    await desk.separate({"merged": prepared.ehealth_card_id, "reason": REASON}, ASKER, APPROVER)

    back = await stores.cards.by_ehcid(prepared.ehcid)
    assert back
    assert back.state is CardState.PREPARED


# ---------------------------------------------------------------- the migration


async def test_with_merged_accounts_there_is_no_way_back_to_an_older_program(
    desk: Desk, database_dsn: str
) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)

    (way_back,) = MIGRATIONS.glob("*_residents.rollback.sql")
    connection = await asyncpg.connect(database_dsn)
    try:
        with pytest.raises(asyncpg.PostgresError, match="accounts were merged"):
            await connection.execute(way_back.read_text("utf-8"))
    finally:
        await connection.close()


async def test_the_database_keeps_a_merged_account_closed(desk: Desk) -> None:
    await desk.merge(desk.wish, ASKER, APPROVER)
    _, merged = await desk.now()

    with pytest.raises(StatementRefused):
        await desk.stores.change(
            merged, replace(merged, state=CardState.ACTIVE, revision=3), Change.REOPENED
        )
