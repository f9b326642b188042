"""Keys of stored data are replaced while workers write, and nothing is lost or doubled."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from openehc.access.model import Application
from openehc.cards.model import CardAccount, CardState, Change
from openehc.cards.store import AccountChange, Saved
from openehc.crypto.node_keys import (
    NodeKeys,
    with_current_index,
    with_new_index_key,
    with_new_sealing_key,
    without_versions,
)
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.kernel.ids import SystemEntropy
from openehc.storage.migrations import MigrationFailed, rollback_last
from openehc.wiring.rotation import (
    AnotherRotationRuns,
    RotationRefused,
    RowUnreadable,
    alone,
    planned_retirement,
    retire,
)
from openehc.wiring.rotation_rows import INDEXED, SEALED
from openehc.wiring.rotation_worker import (
    Gate,
    KeysLacking,
    KeyState,
    Kind,
    VersionsInUse,
    versions_in_use,
)
from tests.support.key_rotation import Keyed, Worker
from tests.support.residents import account, bound, resident
from tests.support.stores import ADMISSION, act
from tests.support.waiting import until

MANY = 12
UNKEYED = {("authorisations", "token_index")}
"""Hashes of random tokens: no key is in them."""


def person(seed: int, **changes: object) -> CardAccount:
    return account(resident(seed, cards=(bound(f"C-{seed}"),), **changes))


async def filled(worker: Worker, count: int = MANY) -> list[CardAccount]:
    """Accounts with a card, a photo and an earlier state each, and one application."""
    made = [person(seed) for seed in range(1, count + 1)]
    for one in made:
        await worker.open(one, photo=b"photo of " + one.ehcid)
        await changed(worker, one, Change.ALTERED)
    institution = await worker.access.save_institution(org_code="ORG-1", org_name="示例医院")
    await worker.access.save_application(
        Application(
            app_id="a-1", secret="an invented secret", institution_id=institution,
            app_name="示例", app_channel="601", ehcappid="9901A0001XXTB0001",
            grants=frozenset({"m"}),
        )
    )  # fmt: skip
    return made


async def changed(
    worker: Worker, before: CardAccount, what: Change, **changes: object
) -> CardAccount:
    after = replace(before, revision=before.revision + 1, **changes)  # type: ignore[arg-type]
    change = AccountChange(before=before, after=after, admission=ADMISSION, act=act(what))
    written = await worker.cards.change_account(change, serial=None)
    assert written.saved is Saved.DONE
    return after


async def versions(keyed: Keyed) -> dict[str, set[int]]:
    """Under which key versions each sealed column is."""
    found = {}
    for column in SEALED:
        rows = await keyed.database.fetch(
            f"select distinct substring({column.column} from 1 for 2) as version"  # noqa: S608
            f" from {column.table} where {column.column} is not null"
        )
        name = f"{column.table}.{column.column}"
        found[name] = {int.from_bytes(row["version"], "big") for row in rows}
    return found


async def found_by(keyed: Keyed, indexer: BlindIndexer, one: CardAccount) -> list[bool]:
    """Whether document, phone, name and card of a person are found under this key."""
    who, card = one.resident, one.resident.cards[0]
    asked = (
        ("card_documents", "document_index", indexer.document(who.id_type, who.id_no)),
        ("cards", "phone_index", indexer.phone(who.mobile_phone)),
        ("cards", "name_index", indexer.name(who.user_name)),
        ("card_links", "card_index", indexer.card(card.card_type, card.card_no)),
    )
    return [
        bool(await keyed.database.fetchval(
            f"select count(*) from {table} where {column} = $1 and ehcid = $2",  # noqa: S608
            index, one.ehcid,
        ))
        for table, column, index in asked
    ]  # fmt: skip


def indexer_of(keys: NodeKeys, version: int) -> BlindIndexer:
    return BlindIndexer(keys.blind_indexes[version])


# ---------------------------------------------------------------- what is covered


async def test_every_sealed_column_of_the_database_is_rotated(keyed: Keyed) -> None:
    rows = await keyed.database.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type = 'bytea' and column_name like 'sealed%'"
    )

    assert {tuple(row.values()) for row in rows} == {(one.table, one.column) for one in SEALED}


async def test_every_blind_index_of_the_database_is_rotated(keyed: Keyed) -> None:
    rows = await keyed.database.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type = 'bytea' and column_name like '%\\_index'"
    )

    assert {tuple(row.values()) for row in rows} - UNKEYED == set(INDEXED)


# ---------------------------------------------------------------- the sealing key


async def test_after_a_rotation_every_value_is_under_the_new_sealing_key(keyed: Keyed) -> None:
    await filled(await keyed.worker())
    for worker in keyed.workers:
        await worker.follow()

    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    assert set(map(frozenset, (await versions(keyed)).values())) == {frozenset({2})}


async def test_the_old_sealing_key_is_not_needed_afterwards(keyed: Keyed) -> None:
    worker = await keyed.worker()
    made = await filled(worker)
    await worker.follow()
    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    worker.ring.sealer.use(without_versions(keyed.keys(), sealing=[1]), version=2)

    assert [await worker.cards.by_ehcid(one.ehcid) is not None for one in made] == [True] * MANY
    assert (await worker.access.registers()).applications[0].secret == "an invented secret"


async def test_resealing_changes_nothing_about_an_account(keyed: Keyed) -> None:
    worker = await keyed.worker()
    made = await filled(worker)
    before = [await worker.cards.by_ehcid(one.ehcid) for one in made]
    await worker.follow()

    await keyed.rotation().rotate(Kind.SEALING)

    assert [await worker.cards.by_ehcid(one.ehcid) for one in made] == before


async def test_a_key_that_was_filled_in_is_the_one_that_is_rotated_to(keyed: Keyed) -> None:
    await keyed.key_file.changed(lambda keys: with_new_sealing_key(keys, b"filled in before"))

    await keyed.rotation().rotate(Kind.SEALING)

    keys = keyed.keys()
    assert keys.sealing[keys.sealing_current] == b"filled in before"


async def test_a_value_that_no_key_opens_stops_the_rotation(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await filled(worker, 2)
    await worker.follow()
    await keyed.database.execute("update card_photos set sealed_photo = '\\x000100'")

    with pytest.raises(RowUnreadable, match=r"card_photos\.sealed_photo"):
        await keyed.rotation().rotate(Kind.SEALING)


# ---------------------------------------------------------------- the blind index key


async def test_after_a_rotation_everybody_is_found_under_the_new_index_key_only(
    keyed: Keyed,
) -> None:
    worker = await keyed.worker()
    made = await filled(worker)
    await worker.follow()

    await keyed.rotation(rows=5).rotate(Kind.BLIND_INDEX)

    keys = keyed.keys()
    new = [await found_by(keyed, indexer_of(keys, 2), one) for one in made]
    old = [await found_by(keyed, indexer_of(keys, 1), one) for one in made]
    assert (new, old) == ([[True] * 4] * MANY, [[False] * 4] * MANY)


async def test_a_document_that_was_freed_stays_free(keyed: Keyed) -> None:
    worker = await keyed.worker()
    (one,) = await filled(worker, 1)
    await keyed.database.execute("delete from card_documents where ehcid = $1", one.ehcid)
    await worker.follow()

    await keyed.rotation().rotate(Kind.BLIND_INDEX)

    assert await worker.cards.by_document(
        id_type=one.resident.id_type, id_no=one.resident.id_no
    ) is None  # fmt: skip


async def _two_index_keys(keyed: Keyed) -> None:
    await keyed.key_file.changed(lambda keys: with_new_index_key(keys, b"2" * 32))


STAGES = ("", "spread", "rewrite", "narrow")


@pytest.mark.parametrize(("behind", "ahead"), list(pairwise(STAGES)))
async def test_workers_a_stage_apart_open_one_account_for_one_document(
    keyed: Keyed, behind: str, ahead: str
) -> None:
    await _two_index_keys(keyed)
    if behind:
        await keyed.set_stage("blind-index", behind)
    slow = await keyed.worker()
    await keyed.set_stage("blind-index", ahead)
    quick = await keyed.worker()

    for seed in range(1, 9):
        first, second = person(seed), person(seed, user_name=f"冒名{seed}")
        done = await asyncio.gather(slow.open(first), quick.open(second))
        assert sorted(written.saved is Saved.DONE for written in done) == [False, True]


@pytest.mark.parametrize(("behind", "ahead"), list(pairwise(STAGES)))
async def test_workers_a_stage_apart_find_what_the_other_registered(
    keyed: Keyed, behind: str, ahead: str
) -> None:
    await _two_index_keys(keyed)
    if behind:
        await keyed.set_stage("blind-index", behind)
    slow = await keyed.worker()
    await keyed.set_stage("blind-index", ahead)
    quick = await keyed.worker()
    await slow.open(person(1))
    await quick.open(person(2))

    seen = [
        await worker.cards.by_document(
            id_type=who.resident.id_type, id_no=who.resident.id_no
        ) is not None
        for worker, who in ((quick, person(1)), (slow, person(2)))
    ]  # fmt: skip

    assert seen == [True, True]


async def test_a_person_who_waits_for_the_rewriting_is_found(keyed: Keyed) -> None:
    await (await keyed.worker()).open(person(1))
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    who = person(1).resident
    found = await worker.cards.by_document(id_type=who.id_type, id_no=who.id_no)

    assert found == person(1)


async def test_a_person_who_waits_for_the_rewriting_is_not_registered_twice(keyed: Keyed) -> None:
    await (await keyed.worker()).open(person(1))
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    again = await worker.open(person(1, user_name="冒名样本"))

    assert again.saved is Saved.OVERTAKEN
    assert await keyed.database.fetchval("select count(*) from cards") == 1


async def test_a_document_freed_during_a_rotation_is_free_under_both_keys(keyed: Keyed) -> None:
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "spread")
    worker = await keyed.worker()
    await worker.open(person(1))
    await keyed.database.execute("update cards set state = 'closed'")

    await worker.cards.release_document(replace(person(1), state=CardState.CLOSED))

    assert await keyed.database.fetchval("select count(*) from card_documents") == 0


async def test_a_card_reopened_during_a_rotation_is_found_under_both_keys(keyed: Keyed) -> None:
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()
    one = person(1)
    await worker.open(one)
    await keyed.database.execute("delete from card_documents")

    await changed(worker, one, Change.REOPENED)

    assert await keyed.database.fetchval("select count(*) from card_documents") == 2


async def test_cards_bound_during_a_rotation_are_found_under_both_keys(keyed: Keyed) -> None:
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "rewrite")
    worker = await keyed.worker()

    await worker.open(person(1))

    assert await keyed.database.fetchval("select count(*) from card_links") == 2


# ---------------------------------------------------------------- under way


@pytest.mark.parametrize("kind", list(Kind))
async def test_registrations_during_a_rotation_are_neither_lost_nor_doubled(
    keyed: Keyed, kind: Kind
) -> None:
    workers = [await keyed.worker(), await keyed.worker()]
    await filled(workers[0])
    for worker in workers:
        await worker.follow()
    over = asyncio.Event()

    async def register(worker: Worker, name: str) -> list[int]:
        done, seed = [], 100
        while not over.is_set() and seed < 900:
            seed += 1
            written = await worker.open(person(seed, user_name=name))
            done += [seed] if written.saved is Saved.DONE else []
            await asyncio.sleep(0.01)
        return done

    busy = [
        asyncio.create_task(register(worker, name))
        for worker, name in zip(workers, ("甲样本", "乙样本"), strict=True)
    ]
    await keyed.rotation(rows=3, pause=0.01).rotate(kind)
    over.set()
    first, second = await asyncio.gather(*busy)

    assert set(first) & set(second) == set()
    new = indexer_of(keyed.keys(), keyed.keys().blind_index_version)
    people = [person(seed, user_name="甲样本") for seed in first]
    people += [person(seed, user_name="乙样本") for seed in second]
    assert people
    assert [await found_by(keyed, new, one) for one in people] == [[True] * 4] * len(people)
    documents = await keyed.database.fetchval("select count(*) from card_documents")
    assert documents == await keyed.database.fetchval("select count(*) from cards")


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_rotation_that_was_cut_short_goes_on_where_it_was(keyed: Keyed, kind: Kind) -> None:
    worker = await keyed.worker()
    await filled(worker)
    await worker.follow()
    begun = asyncio.create_task(keyed.rotation(rows=1, pause=0.02).rotate(kind))
    await until(lambda: sum(line.startswith("rewrite") for line in keyed.lines) >= 3, seconds=20)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    keyed.lines.clear()

    await keyed.rotation(rows=1).rotate(kind)

    lines = [line for line in keyed.lines if line.startswith("rewrite")]
    assert int(lines[0].split(": ")[1].split()[0]) > 3
    assert await planned_retirement(keyed.database, keyed.keys())


async def test_a_rotation_waits_for_a_worker_that_has_not_followed(keyed: Keyed) -> None:
    worker = await keyed.worker()
    rotating = asyncio.create_task(keyed.rotation().rotate(Kind.BLIND_INDEX))
    await until(lambda: any("waiting for" in line for line in keyed.lines), seconds=20)
    await asyncio.sleep(0.5)
    stage = await keyed.database.fetchval("select stage from key_state")

    await worker.follow()
    await rotating

    assert stage == "spread"


async def test_a_worker_that_was_silent_asks_before_it_writes(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await _two_index_keys(keyed)
    await keyed.set_stage("blind-index", "spread")
    worker.ring.fresh_until = 0.0

    await worker.open(person(1))

    assert await keyed.database.fetchval("select count(*) from card_documents") == 2


async def test_a_worker_without_the_key_writes_nothing(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await keyed.set_stage("blind-index", "spread")
    worker.ring.fresh_until = 0.0

    with pytest.raises(KeysLacking, match="lacks"):
        await worker.open(person(1))


async def test_a_worker_confirms_only_when_its_older_writes_have_ended() -> None:
    gate = Gate()
    turn = gate.enter()
    passing = asyncio.create_task(gate.pass_on())
    await asyncio.sleep(0.05)
    waited = not passing.done()
    gate.leave(gate.enter())
    gate.leave(turn)

    await asyncio.wait_for(passing, 1)

    assert waited


async def test_one_kind_is_rotated_after_the_other(keyed: Keyed) -> None:
    await keyed.worker()
    begun = asyncio.create_task(keyed.rotation().rotate(Kind.SEALING))
    await until(lambda: any("waiting for" in line for line in keyed.lines), seconds=20)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun

    with pytest.raises(AnotherRotationRuns, match="ehc keys rotate sealing"):
        await keyed.rotation().rotate(Kind.BLIND_INDEX)


async def test_two_programs_do_not_rotate_at_once(keyed: Keyed) -> None:
    async with alone(keyed.database):
        with pytest.raises(AnotherRotationRuns, match="another program"):
            await keyed.rotation().rotate(Kind.SEALING)


# ---------------------------------------------------------------- retiring


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_retired_key_leaves_the_key_file(keyed: Keyed, kind: Kind) -> None:
    await keyed.rotation().rotate(kind)

    await retire(keyed.database, keyed.key_file)

    held = keyed.keys().sealing if kind is Kind.SEALING else keyed.keys().blind_indexes
    assert set(held) == {2}


async def test_a_replaced_key_is_kept_until_it_is_retired(keyed: Keyed) -> None:
    await keyed.rotation().rotate(Kind.SEALING)

    assert set(keyed.keys().sealing) == {1, 2}


async def test_a_key_that_a_value_still_needs_is_not_retired(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await filled(worker, 1)
    await worker.follow()
    await keyed.rotation().rotate(Kind.SEALING)
    old = ProfileSealer(keyed.keys().sealing, current=1)
    sealed = old.seal(b"p", row=b"r", entropy=SystemEntropy()).content
    await keyed.database.execute("update card_photos set sealed_photo = $1", sealed)

    with pytest.raises(RotationRefused, match="1 values are still sealed under version 1"):
        await retire(keyed.database, keyed.key_file)


async def test_a_waiting_key_is_not_retired(keyed: Keyed) -> None:
    await _two_index_keys(keyed)

    await retire(keyed.database, keyed.key_file)

    assert set(keyed.keys().blind_indexes) == {1, 2}


async def test_the_database_says_which_index_key_is_in_use(keyed: Keyed) -> None:
    """A backup from before a rotation works with the key file from after it."""
    await _two_index_keys(keyed)
    await keyed.key_file.changed(lambda keys: with_current_index(keys, 2))
    worker = await keyed.worker()

    await worker.open(person(1))

    assert await found_by(keyed, indexer_of(keyed.keys(), 1), person(1)) == [True] * 4


async def test_rotated_index_keys_are_not_taken_back_to_a_program_without_them(
    keyed: Keyed,
) -> None:
    await keyed.rotation().rotate(Kind.BLIND_INDEX)

    with pytest.raises(MigrationFailed, match="keys were rotated"):
        await asyncio.to_thread(rollback_last, keyed.dsn)


@pytest.mark.parametrize(
    ("kind", "stage", "expected"),
    [
        (None, None, VersionsInUse(3, (5,))),
        ("sealing", "spread", VersionsInUse(1, (5,))),
        ("sealing", "rewrite", VersionsInUse(2, (5,))),
        ("blind-index", "spread", VersionsInUse(3, (1, 2))),
        ("blind-index", "rewrite", VersionsInUse(3, (2, 1))),
        ("blind-index", "narrow", VersionsInUse(3, (2,))),
    ],
)
def test_each_stage_means_certain_versions(
    kind: str | None, stage: str | None, expected: VersionsInUse
) -> None:
    old, new = (1, 2) if kind else (None, None)
    state = KeyState(7, None, 5, kind, old, new, stage)

    assert versions_in_use(state, of_file=3) == expected
