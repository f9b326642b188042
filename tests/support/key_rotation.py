"""Workers as a rotation meets them: a key ring and the stores over one database.

keyed       a key file of the test's own and the module's database
Worker      what one worker process holds; `follow` lets it hear of changes at once
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from msgspec.structs import replace

from openehc.access.contacts import Contacts
from openehc.access.entries import ApplicationEntry
from openehc.access.imports.failed_rows import FailedRows
from openehc.access.imports.model import ImportCommand, Mode
from openehc.access.imports.store import ImportStore
from openehc.access.kinds import APPLICATIONS
from openehc.access.model import Application
from openehc.access.record import ActCommand
from openehc.access.record_store import RecordStore
from openehc.access.rules import Act
from openehc.access.store import AccessStore
from openehc.audit.model import SYSTEM
from openehc.audit.trail import AuditTrail
from openehc.cards.model import CardAccount, Change
from openehc.cards.store import AccountChange, NewAccount, Saved, Written
from openehc.cards.usage import Kind as Use
from openehc.crypto.keyfile import KeyPurpose, create_key_file, open_key_file
from openehc.crypto.node_keys import NodeKeys, fresh_node_keys, with_new_index_key
from openehc.crypto.sealing import BlindIndexer
from openehc.kernel.clock import SetClock, china_day
from openehc.kernel.ids import SystemEntropy
from openehc.people.make_user import MadeUser, UserToMake
from openehc.storage.notify import Listener
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.wiring.first_people import first_people
from openehc.wiring.rotation import KeyFile, Pace, Rotation
from openehc.wiring.rotation_cards import RotatingCardStore
from openehc.wiring.rotation_rows import SEALED
from openehc.wiring.rotation_worker import CHANNEL, KeyRing
from openehc.wiring.workers_database import DAILY_TABLES
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.entries import APPLICATION
from tests.support.residents import account, bound, resident
from tests.support.stores import ADMISSION, AT, act, fact

PASSPHRASE: Final = "an invented passphrase"
IMPORTS: Final = 6


@dataclass(slots=True)
class Worker:
    """One worker's keys and stores."""

    ring: KeyRing
    cards: RotatingCardStore
    access: AccessStore
    records: RecordStore
    listener: Listener

    async def follow(self) -> None:
        """Hear of every change of the keys from now on."""
        self.listener.start()
        await self.listener.listening.wait()

    async def open(self, account: CardAccount, *, photo: bytes | None = None) -> Written:
        """Open `account` as a registration does."""
        new = NewAccount(
            account=account, admission=ADMISSION, origin="9901A0001", apply_method="3",
            certificate_mode="01", act=act(Change.REGISTERED), photo=photo,
        )  # fmt: skip
        return await self.cards.open_account(new, serial=None, fact=fact(Use.REGISTER, account))

    async def stop(self) -> None:
        """End like a worker that is told to."""
        await self.listener.stop()
        await self.cards.close()
        await self.ring.leave()


@dataclass(slots=True)
class Keyed:
    """A database with a key file."""

    database: Database
    dsn: str
    key_file: KeyFile
    lines: list[str] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    def keys(self) -> NodeKeys:
        """What the key file holds now."""
        return open_key_file(self.key_file.path, PASSPHRASE)

    async def worker(self) -> Worker:
        """A worker that has confirmed the present state, and hears of no change by itself."""
        entropy = SystemEntropy()
        ring = KeyRing(self.keys, self.keys(), self.database, entropy)
        await ring.renew()

        async def renew(*_: str) -> None:
            await ring.renew_or_tell()

        made = Worker(
            ring,
            RotatingCardStore(self.database, ring, entropy),
            AccessStore(self.database, ring.sealer, entropy),
            RecordStore(self.database, Contacts(lambda: ring.sealer, entropy)),
            Listener(self.dsn, [CHANNEL], renew, renew),
        )
        self.workers.append(made)
        return made

    def rotation(self, *, rows: int = 200, pause: float = 0.0) -> Rotation:
        """What `ehc keys rotate` runs."""
        return Rotation(self.database, self.key_file, Pace(rows, pause), self.lines.append)

    async def set_stage(self, kind: str, stage: str) -> None:
        """Put the state of an index rotation from 1 to 2 where a test wants it."""
        await self.database.execute(
            "update key_state set epoch = epoch + 1, kind = $1, from_version = 1,"
            " to_version = 2, stage = $2",
            kind, stage,
        )  # fmt: skip


@pytest.fixture
async def keyed(database: Database, database_dsn: str, tmp_path: Path) -> AsyncIterator[Keyed]:
    path = tmp_path / "keys.json"
    now = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    entropy = SystemEntropy()
    create_key_file(
        path, PASSPHRASE, fresh_node_keys(OTHER_KEYS, local={}, entropy=entropy),
        purpose=KeyPurpose.DEBUGGING, now=now, entropy=entropy,
    )  # fmt: skip
    await ensure_day_partitions(database, DAILY_TABLES, today=china_day(AT))
    made = Keyed(database, database_dsn, KeyFile(path, PASSPHRASE, SetClock(now), entropy))
    yield made
    for worker in made.workers:
        await worker.stop()


def person(seed: int, **changes: object) -> CardAccount:
    """An account of an invented resident with one bound card."""
    return account(resident(seed, cards=(bound(f"C-{seed}"),), **changes))


async def filled(worker: Worker, count: int) -> list[CardAccount]:
    """Accounts with a card, a photo and an earlier state each, one application, one user.

    The application has a contact person, and a change of it in its history; imports left
    failed rows.
    """
    made = [person(seed) for seed in range(1, count + 1)]
    for one in made:
        await worker.open(one, photo=b"photo of " + one.ehcid)
        await changed(worker, one, Change.ALTERED)
    people = first_people(
        worker.cards._database,
        worker.ring,
        SetClock(AT),
        AuditTrail(worker.cards._database, SystemEntropy()),
    )
    assert isinstance(await people.make(UserToMake("somebody", "示例人员")), MadeUser)
    institution = await worker.access.save_institution(org_code="ORG-1", org_name="示例医院")
    await worker.access.save_application(
        Application(
            app_id="a-1", secret="an invented secret", institution_id=institution,
            app_name="示例", app_channel="601", ehcappid="9901A0001XXTB0001",
            grants=frozenset({"m"}),
        )
    )  # fmt: skip
    await worker.access._database.execute(
        "update applications set sealed_previous = sealed_secret, previous_until = now()"
    )
    await _described(worker, institution)
    await _imported(worker)
    return made


def imports_of(worker: Worker) -> ImportStore:
    """The imports as a worker keeps them."""
    entropy = SystemEntropy()
    return ImportStore(
        worker.access._database, Contacts(lambda: worker.ring.sealer, entropy),
        FailedRows(lambda: worker.ring.sealer, entropy),
    )  # fmt: skip


async def _imported(worker: Worker) -> None:
    """Imports that left failed rows, more than one batch of them has."""
    database, store = worker.access._database, imports_of(worker)
    for number in range(1, IMPORTS + 1):
        job_id = UUID(int=number)
        async with database.transaction() as connection:
            command = ImportCommand(
                kind=APPLICATIONS, file_name="x.csv", content=b"", mode=Mode.CHECK, by=SYSTEM
            )
            await store.open_job(connection, job_id, command, digest=bytes(32), at=AT)
        await store.finish(job_id, failed_rows=b"a workbook of %d" % number, at=AT)


async def _described(worker: Worker, institution: int) -> None:
    form = {name: value for name, value in APPLICATION.items() if name != "org_code"}
    entry = ApplicationEntry(**{**form, "institution_id": institution})
    await worker.access.describe(APPLICATIONS, "9901A0001XXTB0001", entry)
    application = int(
        await worker.access._database.fetchval("select application_id from applications")
    )
    command = ActCommand(
        kind=APPLICATIONS, record_id=application, revision=1, act=Act.CHANGE, by=SYSTEM, now=AT
    )
    async with worker.access._database.transaction() as connection:
        await worker.records.remember(
            connection, command, before={"use_unit_people": "乙样本"},
            after={"use_unit_people": "甲样本"},
        )  # fmt: skip


async def changed(
    worker: Worker, before: CardAccount, what: Change, **changes: object
) -> CardAccount:
    """Save `before` with these changes; returns what it became."""
    after = replace(before, revision=before.revision + 1, **changes)
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
    """The index under one version of the key."""
    return BlindIndexer(keys.blind_indexes[version])


async def two_index_keys(keyed: Keyed) -> None:
    """A second index key waits in the key file."""
    await keyed.key_file.changed(lambda keys: with_new_index_key(keys, b"2" * 32))
