"""Keys of stored data are replaced while workers write, and nothing is lost or doubled."""

import asyncio
from uuid import UUID

import pytest

from openehc.access.entries import ApplicationEntry
from openehc.access.kinds import APPLICATIONS
from openehc.cards.store import Saved
from openehc.crypto.node_keys import (
    with_current_index,
    with_new_sealing_key,
    without_versions,
)
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import SystemEntropy
from openehc.storage.migrations import MigrationFailed, current_version, rollback_last
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
    Kind,
)
from tests.support.entries import APPLICATION
from tests.support.key_rotation import (
    IMPORTS,
    Keyed,
    Worker,
    filled,
    found_by,
    imports_of,
    indexer_of,
    person,
    two_index_keys,
    versions,
)
from tests.support.waiting import until

MANY = 12
ROTATION_OF_KEYS = 4  # the migration
UNKEYED = {("authorisations", "token_index")}
"""Hashes of random tokens: no key is in them."""


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
    await filled(await keyed.worker(), MANY)
    for worker in keyed.workers:
        await worker.follow()

    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    assert set(map(frozenset, (await versions(keyed)).values())) == {frozenset({2})}


async def test_the_old_sealing_key_is_not_needed_afterwards(keyed: Keyed) -> None:
    worker = await keyed.worker()
    made = await filled(worker, MANY)
    await worker.follow()
    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    worker.ring.sealer.use(without_versions(keyed.keys(), sealing=[1]), version=2)

    assert [await worker.cards.by_ehcid(one.ehcid) is not None for one in made] == [True] * MANY
    assert (await worker.access.registers()).applications[0].secret == "an invented secret"


async def test_contact_persons_are_read_without_the_old_sealing_key(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await filled(worker, 1)
    await worker.follow()
    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    worker.ring.sealer.use(without_versions(keyed.keys(), sealing=[1]), version=2)
    number = await keyed.database.fetchval("select application_id from applications")
    record = await worker.records.find(APPLICATIONS, number, reach=None)
    [change] = await worker.records.history(APPLICATIONS, number)

    assert record is not None
    assert isinstance(record.entry, ApplicationEntry)
    assert record.entry.use_unit_phone == APPLICATION["use_unit_phone"]
    assert (change.before, change.after) == (
        {"use_unit_people": "乙样本"}, {"use_unit_people": "甲样本"},
    )  # fmt: skip


async def test_failed_rows_of_imports_are_read_without_the_old_sealing_key(keyed: Keyed) -> None:
    worker = await keyed.worker()
    await filled(worker, 1)
    await worker.follow()
    await keyed.rotation(rows=5).rotate(Kind.SEALING)

    worker.ring.sealer.use(without_versions(keyed.keys(), sealing=[1]), version=2)
    read = [await imports_of(worker).failed_rows(UUID(int=n)) for n in range(1, IMPORTS + 1)]

    assert read == [b"a workbook of %d" % n for n in range(1, IMPORTS + 1)]


async def test_resealing_changes_nothing_about_an_account(keyed: Keyed) -> None:
    worker = await keyed.worker()
    made = await filled(worker, MANY)
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
    made = await filled(worker, MANY)
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


# ---------------------------------------------------------------- under way


@pytest.mark.parametrize("kind", list(Kind))
async def test_registrations_during_a_rotation_are_neither_lost_nor_doubled(
    keyed: Keyed, kind: Kind
) -> None:
    workers = [await keyed.worker(), await keyed.worker()]
    await filled(workers[0], MANY)
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
    await filled(worker, MANY)
    await worker.follow()
    begun = asyncio.create_task(keyed.rotation(rows=1, pause=0.02).rotate(kind))
    await until(lambda: sum(line.startswith("rewrite") for line in keyed.lines) >= 3)
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
    await until(lambda: any("waiting for" in line for line in keyed.lines))
    await asyncio.sleep(0.5)
    stage = await keyed.database.fetchval("select stage from key_state")

    await worker.follow()
    await rotating

    assert stage == "spread"


async def test_one_kind_is_rotated_after_the_other(keyed: Keyed) -> None:
    await keyed.worker()
    begun = asyncio.create_task(keyed.rotation().rotate(Kind.SEALING))
    await until(lambda: any("waiting for" in line for line in keyed.lines))
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
    await two_index_keys(keyed)
    await keyed.key_file.changed(lambda keys: with_new_sealing_key(keys, b"2" * 16))

    await retire(keyed.database, keyed.key_file)

    keys = keyed.keys()
    assert (set(keys.blind_indexes), set(keys.sealing)) == ({1, 2}, {1, 2})


async def test_the_database_says_which_index_key_is_in_use(keyed: Keyed) -> None:
    """A backup from before a rotation works with the key file from after it."""
    await two_index_keys(keyed)
    await keyed.key_file.changed(lambda keys: with_current_index(keys, 2))
    worker = await keyed.worker()

    await worker.open(person(1))

    assert await found_by(keyed, indexer_of(keyed.keys(), 1), person(1)) == [True] * 4


async def test_rotated_index_keys_are_not_taken_back_to_a_program_without_them(
    keyed: Keyed,
) -> None:
    await keyed.rotation().rotate(Kind.BLIND_INDEX)

    with pytest.raises(MigrationFailed, match="keys were rotated"):
        await asyncio.to_thread(_undo_everything, keyed.dsn)
    assert await asyncio.to_thread(current_version, keyed.dsn) == ROTATION_OF_KEYS


def _undo_everything(dsn: str) -> None:
    while rollback_last(dsn):
        pass
