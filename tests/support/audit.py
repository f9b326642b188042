"""A trail with its key, its checkpoints and its check; and a hand that forges what it likes.

trail_of_node   the three of them over the test's database
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from openehc.audit.checkpoint import Checkpoint, signing_key
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.findings import Report
from openehc.audit.fold_marks import FoldMarks
from openehc.audit.mark_files import MarkFiles
from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.audit.sign_checkpoints import SignCheckpoints
from openehc.audit.trail import AuditTrail
from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import EVERYTHING, Scope, VerifyTrail
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import SetClock
from openehc.storage.pool import Database
from openehc.wiring.audit_key import SOURCES
from tests.support.counted_entropy import CountedEntropy

MORNING: Final = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
KEY: Final = signing_key(b"an invented secret of 32 bytes!!")
EVENT: Final = AuditEvent(
    category=Category.ADMINISTRATION, action="institution.approve",
    actor=Actor(ActorKind.USER, "tester", "127.0.0.1"), at=MORNING,
    object_kind="institution", object_ref="7",
    before={"standing": "applied"}, after={"standing": "active"},
)  # fmt: skip


@dataclass(slots=True)
class TrailOfNode:
    """What one node does about its audit records; `folder` is where it notes its marks."""

    database: Database
    key: Sm2PrivateKey = KEY
    seed: bytes = b"node"
    copy: Path | None = None
    folder: Path | None = None
    clock: SetClock = field(default_factory=lambda: SetClock(MORNING))
    trail: AuditTrail = field(init=False)
    files: MarkFiles | None = field(init=False)

    def __post_init__(self) -> None:
        self.files = MarkFiles(self.folder) if self.folder else None
        self.trail = AuditTrail(self.database, CountedEntropy(self.seed), self.files)

    async def stop(self) -> None:
        """As a process ends, orderly or not: without a last checkpoint."""
        await self.trail.close()
        if self.files:
            self.files.close()

    async def record(self, *references: str) -> None:
        """One event after the other, a second apart, each in a group of its own."""
        for reference in references:
            event = replace(EVENT, at=self.clock.now(), object_ref=reference)
            await self.trail.record(event)
            self.clock.advance(seconds=1)

    async def sign(self, key: Sm2PrivateKey | None = None) -> Checkpoint | None:
        """A checkpoint of what moved."""
        store = CheckpointStore(self.database, SOURCES)
        fold = FoldMarks(self.files, store, self.key.public.raw) if self.files else None
        return await SignCheckpoints(store, key or self.key, self.clock, self.copy, fold)()

    async def check(
        self,
        scope: Scope = EVERYTHING,
        *,
        keys: Sequence[bytes] | None = None,
    ) -> Report:
        """What `ehc audit verify` finds."""
        trusted = [self.key.public.raw] if keys is None else keys
        store, marks = VerifyStore(self.database), [self.folder] if self.folder else []
        return await VerifyTrail(store, SOURCES, trusted, self.copy, marks)(scope)

    async def hours_later(self, hours: float) -> None:
        """Time passes."""
        self.clock.advance(seconds=timedelta(hours=hours).total_seconds())

    async def forge(self, *statements: str) -> None:
        """What whoever owns the database can do: triggers do not stop them."""
        async with self.database.transaction() as connection:
            await connection.execute("set local session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)


@pytest.fixture
async def trail_of_node(database: Database) -> AsyncIterator[TrailOfNode]:
    node = TrailOfNode(database)
    await node.trail._origin.known()
    yield node
    await node.trail.close()
