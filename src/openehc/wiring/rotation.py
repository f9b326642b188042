"""Rotating the sealing key and the key of the blind index while the node serves.

    RotationRefused
    ├── AnotherRotationRuns     of the other kind, or by another program
    └── RowUnreadable           a stored value opens under no held key

A rotation goes through stages (`rotation_worker.Stage`); it enters one only when every
worker confirmed the one before, and writes rows in batches, each with the mark of its
progress. Whoever is killed in between goes on by calling `rotate` again. The key that was
replaced stays in the key file, for old backups, until `retire`. Makes no backup itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openehc.cards.store import CardStore
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.node_keys import (
    INDEX_KEY_SIZE,
    NodeKeys,
    waiting_index_version,
    waiting_sealing_version,
    with_current_index,
    with_current_sealing,
    with_new_index_key,
    with_new_sealing_key,
    without_versions,
)
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.crypto.sm4 import KEY_SIZE, SealBroken
from openehc.kernel.clock import Clock
from openehc.kernel.ids import Entropy
from openehc.storage.pool import Connection, Database
from openehc.wiring import rotation_sql as sql
from openehc.wiring.fitting_keys import require_fitting_keys
from openehc.wiring.rotation_rows import SEALED, Done, Reindex, Reseal, Sweep, Work
from openehc.wiring.rotation_worker import (
    SILENT_SECONDS,
    KeysLacking,
    KeyState,
    Kind,
    Stage,
    versions_in_use,
)

_LOCK: Final = 0x4F45_4B52  # "OEKR": one number for every program that rotates
_LOOK_AGAIN_SECONDS: Final = 0.2
_LOOKS: Final = 15


class RotationRefused(Exception):
    """A rotation cannot be begun or ended now; the text says what to do."""


class AnotherRotationRuns(RotationRefused):
    """Keys are rotated one kind after the other, by one program."""


class RowUnreadable(RotationRefused):
    """A stored value opens under no held key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file and what opens and changes it."""

    path: Path
    passphrase: str
    clock: Clock
    entropy: Entropy

    async def opened(self) -> NodeKeys:
        """The keys in it; raises as `open_key_file`."""
        return await asyncio.to_thread(open_key_file, self.path, self.passphrase)

    async def changed(self, change: Callable[[NodeKeys], NodeKeys]) -> NodeKeys:
        """Change it; returns the keys now in it; raises as `change_key_file`."""
        done = await asyncio.to_thread(
            change_key_file, self.path, self.passphrase, change,
            now=self.clock.now(), entropy=self.entropy,
        )  # fmt: skip
        return done.after


@dataclass(frozen=True, slots=True)
class Pace:
    """How gently rows are written: so many in a transaction, then a pause in seconds."""

    rows: int = 200
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class _Running:
    """The row of the rotation in work."""

    kind: Kind
    old: int
    new: int
    stage: Stage
    step: str
    position: str
    rows_done: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotates keys; `tell` gets one line for the operator now and then."""

    database: Database
    key_file: KeyFile
    pace: Pace = Pace()
    tell: Callable[[str], None] = lambda _: None

    async def rotate(self, kind: Kind) -> tuple[int, int]:
        """Begin a rotation, or go on with the one that was cut short; returns both versions.

        Returns when no worker uses the replaced key any more. Raises KeysDoNotFit,
        RotationRefused, KeysLacking, DatabaseDown, and what reading the key file raises.
        """
        async with alone(self.database):
            # before the file is changed: a new key in an older file would get a version that
            # the database knows with another key
            await require_fitting_keys(
                self.database, await self.key_file.opened(), where=self.key_file.path
            )
            running = await self._running()
            if running is None:
                await self._begin(kind)
            elif running.kind is not kind:
                raise AnotherRotationRuns(
                    f"the {running.kind.value} key is being rotated: end that first with"
                    f" `ehc keys rotate {running.kind.value}`"
                )
            else:
                self.tell(f"going on with a rotation that was cut short ({running.stage.value})")
            return await self._through_stages()

    async def _begin(self, kind: Kind) -> None:
        state = await key_state(self.database)
        keys = await self.key_file.changed(lambda keys: _with_waiting(keys, kind, self.key_file))
        if kind is Kind.SEALING:
            old, new = state.sealing_version or keys.sealing_current, waiting_sealing_version(keys)
        else:
            old, new = state.index_version, waiting_index_version(keys)
        if new is None or new <= old:
            raise RotationRefused(
                f"the database uses version {old}, the key file is older: take the key file of"
                " the machine on which the keys were rotated last"
            )
        async with self.database.transaction() as connection:
            await connection.execute(sql.BEGIN, kind.value, old, new)
            await connection.execute(sql.STATE_BEGUN, kind.value, old, new)
            await connection.execute(sql.TELL)
        self.tell(f"{kind.value}: version {old} is replaced by version {new}")

    async def _through_stages(self) -> tuple[int, int]:
        versions = (0, 0)
        while running := await self._running():
            versions = (running.old, running.new)
            await self._all_follow()
            keys = await self._keys_with(running)
            if running.kind is Kind.SEALING:
                await self._sealing_stage(running, keys)
            else:
                await self._index_stage(running, keys)
        await self._all_follow()
        await self.database.execute(sql.FORGET_SILENT, SILENT_SECONDS)
        return versions

    async def _sealing_stage(self, running: _Running, keys: NodeKeys) -> None:
        if running.stage is Stage.SPREAD:
            await self.key_file.changed(lambda keys: with_current_sealing(keys, running.new))
            await self._advance(Stage.REWRITE)
            return
        sealer = ProfileSealer(keys.sealing, current=running.new)
        works = [Reseal(column, sealer, self.key_file.entropy) for column in SEALED]
        total = await self.database.fetchval(sql.ALL_SEALED)
        found = await self._pass(works, running, total=total)
        # What a program outside the workers sealed meanwhile, or lay before a resumed position.
        while found or running.step:
            running = await self._required()
            found = await self._pass(works, _from_the_start(running), total=total)
            running = _from_the_start(running)
        await self._finish()

    async def _index_stage(self, running: _Running, keys: NodeKeys) -> None:
        old, new = (
            BlindIndexer(keys.blind_indexes[version]) for version in (running.old, running.new)
        )
        if running.stage is Stage.SPREAD:
            await self._advance(Stage.REWRITE)
            return
        total = await self.database.fetchval(sql.ALL_CARDS)
        opened = await self._account_opener(keys)
        if running.stage is Stage.REWRITE:
            await self._pass([Reindex(opened, old, new)], running, total=total)
            await self._advance(Stage.NARROW)
        else:
            await self._pass([Sweep(opened, old)], running, total=total)
            await self.key_file.changed(lambda keys: with_current_index(keys, running.new))
            await self._finish()

    async def _account_opener(self, keys: NodeKeys) -> Callable[[Any], Any]:
        sealer = ProfileSealer(keys.sealing, current=keys.sealing_current)
        indexer = BlindIndexer(keys.blind_index)
        return CardStore(self.database, sealer, indexer, self.key_file.entropy).account_of

    async def _pass(self, works: Sequence[Work], running: _Running, *, total: int) -> int:
        """Every row of every work, from where `running` stands; returns how many there were."""
        steps = [work.step for work in works]
        begun_at = steps.index(running.step) if running.step in steps else 0
        position, counted, found = running.position, running.rows_done, 0
        for work in works[begun_at:]:
            while (done := await self._batch(work, position=position)).rows:
                position, found, counted = done.position, found + done.rows, counted + done.rows
                self.tell(f"{running.stage.value} {work.step}: {counted} of about {total} values")
                await asyncio.sleep(self.pace.pause)
            position = ""
        return found

    async def _batch(self, work: Work, *, position: str) -> Done:
        async with self.database.transaction() as connection:
            try:
                done = await work.batch(connection, position=position, rows=self.pace.rows)
            except SealBroken:
                raise RowUnreadable(
                    f"a value of {work.step} behind {position[:16] or 'the start'} opens under no"
                    " held key: restore it from a backup, or the key that sealed it"
                ) from None
            if done.rows:
                await connection.execute(sql.PROGRESS, work.step, done.position, done.rows)
        return done

    async def _advance(self, stage: Stage) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(sql.ROTATION_STAGE, stage.value)
            await connection.execute(sql.STATE_STAGE, stage.value)
            await connection.execute(sql.TELL)

    async def _finish(self) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(sql.ROTATION_DONE)
            await connection.execute(sql.STATE_DONE)
            await connection.execute(sql.TELL)

    async def _all_follow(self) -> None:
        """Wait until every worker confirmed the present state."""
        told: list[str] = []
        while behind := [
            row["described"] for row in await self.database.fetch(sql.BEHIND, SILENT_SECONDS)
        ]:
            if behind != told:
                self.tell(f"waiting for {', '.join(behind)}")
                told = behind
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _keys_with(self, running: _Running) -> NodeKeys:
        keys = await self.key_file.opened()
        held = keys.sealing if running.kind is Kind.SEALING else keys.blind_indexes
        if not {running.old, running.new} <= set(held):
            raise KeysLacking(
                f"{self.key_file.path} does not hold versions {running.old} and {running.new}:"
                " go on with the key file with which the rotation was begun"
            )
        return keys

    async def _running(self) -> _Running | None:
        row = await self.database.fetchrow(sql.RUNNING)
        if row is None:
            return None
        return _Running(
            Kind(row["kind"]), row["from_version"], row["to_version"], Stage(row["stage"]),
            row["step"], row["position"], row["rows_done"],
        )  # fmt: skip

    async def _required(self) -> _Running:
        running = await self._running()
        if running is None:
            raise RotationRefused("another program ended this rotation")
        return running


@dataclass(frozen=True, slots=True)
class Retirement:
    """The replaced key versions that nothing stored needs any more."""

    sealing: tuple[int, ...]
    index: tuple[int, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to retire."""
        return bool(self.sealing or self.index)


async def planned_retirement(database: Database, keys: NodeKeys) -> Retirement:
    """What `retire` would drop; raises RotationRefused while a value still needs it."""
    state = await key_state(database)
    if state.kind is not None:
        raise AnotherRotationRuns(f"end the rotation first: `ehc keys rotate {state.kind}`")
    used = versions_in_use(state, of_file=keys.sealing_current)
    sealing = tuple(version for version in sorted(keys.sealing) if version < used.sealing)
    for version in sealing:
        rows = await database.fetchval(sql.SEALED_UNDER, version.to_bytes(2, "big"))
        if rows:
            raise RotationRefused(
                f"{rows} values are still sealed under version {version}: rotate once more"
            )
    index = tuple(version for version in sorted(keys.blind_indexes) if version < used.index[0])
    return Retirement(sealing, index)


async def retire(database: Database, key_file: KeyFile) -> Retirement:
    """Drop the replaced keys from the key file; backups sealed under them open no more.

    Raises KeysDoNotFit, RotationRefused, DatabaseDown, and what changing the key file raises.
    """
    async with alone(database):
        keys = await key_file.opened()
        await require_fitting_keys(database, keys, where=key_file.path)
        plan = await planned_retirement(database, keys)
        state = await key_state(database)
        used = versions_in_use(state, of_file=keys.sealing_current)

        def drop(keys: NodeKeys) -> NodeKeys:
            current = with_current_sealing(keys, used.sealing)
            current = with_current_index(current, used.index[0])
            return without_versions(current, sealing=plan.sealing, index=plan.index)

        if plan:
            await key_file.changed(drop)
    return plan


async def key_state(database: Database) -> KeyState:
    """The row of `key_state`."""
    row = await database.fetchrow(sql.STATE)
    if row is None:
        raise RotationRefused("the table key_state is empty: restore the database")
    return KeyState(**dict(row))


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[None]:
    """Held by one program at a time; raises AnotherRotationRuns after three seconds.

    One that was killed lets go of it as soon as the database notices.
    """
    connection: Connection = await database.new_connection()
    try:
        for _ in range(_LOOKS):
            if await connection.fetchval(sql.LOCK, _LOCK):
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        else:
            raise AnotherRotationRuns("another program rotates keys at this moment")
        yield
    finally:
        await connection.close()


def _with_waiting(keys: NodeKeys, kind: Kind, key_file: KeyFile) -> NodeKeys:
    """The keys with a new one in waiting: the one that was filled in, or a fresh one."""
    if kind is Kind.SEALING:
        if waiting_sealing_version(keys) is not None:
            return keys
        return with_new_sealing_key(keys, key_file.entropy.bytes(KEY_SIZE))
    if waiting_index_version(keys) is not None:
        return keys
    return with_new_index_key(keys, key_file.entropy.bytes(INDEX_KEY_SIZE))


def _from_the_start(running: _Running) -> _Running:
    return _Running(
        running.kind, running.old, running.new, running.stage, "", "", running.rows_done
    )
