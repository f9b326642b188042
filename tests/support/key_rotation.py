"""Workers as a rotation meets them: a key ring and the stores over one database.

keyed       a key file of the test's own and the module's database
Worker      what one worker process holds; `follow` lets it hear of changes at once
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from openehc.access.store import AccessStore
from openehc.cards.model import CardAccount, Change
from openehc.cards.store import NewAccount, Written
from openehc.cards.usage import Kind as Use
from openehc.crypto.keyfile import KeyPurpose, create_key_file, open_key_file
from openehc.crypto.node_keys import NodeKeys, fresh_node_keys
from openehc.kernel.clock import SetClock, china_day
from openehc.kernel.ids import SystemEntropy
from openehc.storage.notify import Listener
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.wiring.node import DAILY_TABLES
from openehc.wiring.rotation import KeyFile, Pace, Rotation
from openehc.wiring.rotation_cards import RotatingCardStore
from openehc.wiring.rotation_worker import CHANNEL, KeyRing
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.stores import ADMISSION, AT, act, fact

PASSPHRASE: Final = "an invented passphrase"


@dataclass(slots=True)
class Worker:
    """One worker's keys and stores."""

    ring: KeyRing
    cards: RotatingCardStore
    access: AccessStore
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
