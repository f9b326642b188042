"""The stores of the features on the test's database, as wiring builds them. Holds no test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pytest

from openehc.access.contacts import Contacts
from openehc.access.model import Medium
from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, serial_key
from openehc.access.store import AccessStore
from openehc.cards.model import Act, CardAccount, Change
from openehc.cards.store import AccountChange, CardStore, NewAccount, Written
from openehc.cards.usage import Kind, UsageFact
from openehc.codes.store import CodeStore
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.kernel.clock import china_day
from openehc.storage.partitions import ensure_day_partitions
from openehc.storage.pool import Database
from openehc.wiring.workers_database import DAILY_TABLES
from tests.support.counted_entropy import CountedEntropy

AT: Final = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
ADMISSION: Final = Admission(
    app_id="test-app", app_channel="601", ehcappid="9901A0001XXTB0001", medium=Medium.OFFLINE,
    term_id="T-1", institution_id=1, org_code="ORG-1", org_name="示例医院",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store over one database, with the keys that they share."""

    database: Database
    access: AccessStore
    cards: CardStore
    codes: CodeStore
    contacts: Contacts

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(await self.database.fetchval(f"select count(*) from {table}"))  # noqa: S608

    async def open(
        self, account: CardAccount, *, serial: SerialKey | None = None, photo: bytes | None = None
    ) -> Written:
        """Open `account` as a registration does."""
        new = NewAccount(
            account=account, admission=ADMISSION, origin="9901A0001", apply_method="3",
            certificate_mode="01", act=act(Change.REGISTERED), photo=photo,
        )  # fmt: skip
        return await self.cards.open_account(new, serial=serial, fact=fact(Kind.REGISTER, account))

    async def change(
        self,
        before: CardAccount,
        after: CardAccount,
        what: Change = Change.ALTERED,
        *,
        serial: SerialKey | None = None,
    ) -> Written:
        """Save `after` in the place of `before`."""
        change = AccountChange(before=before, after=after, admission=ADMISSION, act=act(what))
        return await self.cards.change_account(change, serial=serial)


def act(change: Change) -> Act:
    """One act at `AT`."""
    return Act(change=change, at=AT, platform_serial="0" * 32, external_serial="ext-1")


def fact(kind: Kind, account: CardAccount) -> UsageFact:
    """A usage fact about `account` at `AT`."""
    return UsageFact(kind, at=AT, admission=ADMISSION, account=account)


def serial(number: str) -> SerialKey:
    """The key of a serial number of the test application."""
    return serial_key("test-app", "some.method", number)


@pytest.fixture
async def stores(database: Database) -> AsyncIterator[Stores]:
    entropy = CountedEntropy()
    sealer = ProfileSealer({1: b"k" * 16}, current=1)
    cards = CardStore(database, sealer, BlindIndexer(b"i" * 32), entropy)
    codes = CodeStore(database, cards)
    contacts = Contacts(lambda: sealer, entropy)
    await ensure_day_partitions(database, DAILY_TABLES, today=china_day(AT))
    yield Stores(database, AccessStore(database, sealer, entropy), cards, codes, contacts)
    await cards.close()
    await codes.close()
