"""A worker's view of the keys: which versions it uses now, and the proof that it is up to date.

The database says which versions are in use (`key_state`), the key file holds the keys.
A worker confirms each epoch of that state, after the writes that began under the one
before have ended, and may use keys only while its last look is younger than
`LEASE_SECONDS`. So whoever rotates knows that no worker is behind once all have confirmed,
and that one which went silent no longer writes. Rotates nothing itself.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from time import monotonic
from typing import Final
from uuid import UUID

from openehc.crypto.keyfile import KeyFileError
from openehc.crypto.node_keys import NodeKeys
from openehc.crypto.sealing import BlindIndexer, ProfileSealer
from openehc.crypto.sm3 import hmac_sm3_under
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import CryptoModuleDown, PlatformError
from openehc.storage.pool import Database

CHANNEL: Final = "keys"
"""The notification channel on which a rotation tells that the state of the keys changed."""

LEASE_SECONDS: Final = 20.0
RENEW_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 45
"""A worker unseen for so long writes no more: lease, and 25 seconds for what it had begun."""

_log = logging.getLogger("openehc.keys")

# The share lock makes a change of the state wait until this worker's row can be seen.
RENEW: Final = """
with state as materialized (
    select epoch, sealing_version, index_version, kind, from_version, to_version, stage
      from key_state for share
), told as (
    insert into key_readers (reader, described, epoch, seen_at)
    values ($1, $2, $3, clock_timestamp())
    on conflict (reader) do update set epoch = excluded.epoch, seen_at = excluded.seen_at
)
select epoch, sealing_version, index_version, kind, from_version, to_version, stage from state
"""

LEAVE: Final = "delete from key_readers where reader = $1"


class KeysLacking(CryptoModuleDown):
    """The key file does not hold a version that the database asks for."""


@unique
class Kind(Enum):
    """What is rotated."""

    SEALING = "sealing"
    BLIND_INDEX = "blind-index"


@unique
class Stage(Enum):
    """How far a rotation is (docs/decisions, rotation of keys).

    SPREAD    everybody holds the new key. Values are still sealed under the old one;
              documents and cards are indexed under both.
    REWRITE   new values are sealed, and phones and names indexed, under the new key; the rows
              are written anew. Documents and cards stay indexed under both.
    NARROW    only the new index is used; the rows of the old one are removed.
    """

    SPREAD = "spread"
    REWRITE = "rewrite"
    NARROW = "narrow"


@dataclass(frozen=True, slots=True)
class KeyState:
    """The row of `key_state`; `kind` and what follows are None while nothing is rotated."""

    epoch: int
    sealing_version: int | None
    index_version: int
    kind: str | None = None
    from_version: int | None = None
    to_version: int | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class VersionsInUse:
    """By which versions to work: the first of `index` writes columns, all are looked for."""

    sealing: int
    index: tuple[int, ...]


def versions_in_use(state: KeyState, *, of_file: int) -> VersionsInUse:
    """What a state means; `of_file` is the sealing version that the key file calls current."""
    sealing, index = state.sealing_version or of_file, (state.index_version,)
    if state.from_version is None or state.to_version is None:
        return VersionsInUse(sealing, index)
    old, new, stage = state.from_version, state.to_version, Stage(state.stage)
    if state.kind == Kind.SEALING.value:
        return VersionsInUse(old if stage is Stage.SPREAD else new, index)
    orders = {Stage.SPREAD: (old, new), Stage.REWRITE: (new, old), Stage.NARROW: (new,)}
    return VersionsInUse(sealing, orders[stage])


class ChangeableSealer(ProfileSealer):
    """A sealer whose keys can be replaced while it works."""

    __slots__ = ()

    def use(self, keys: NodeKeys, *, version: int) -> None:
        """Seal under `version` from now on, and open under every version of `keys`."""
        other = ProfileSealer(keys.sealing, current=version)
        self._ciphers = {**self._ciphers, **other._ciphers}  # noqa: SLF001 (our own kind)
        self._current = version
        self._ciphers = other._ciphers  # noqa: SLF001


class ChangeableIndexer(BlindIndexer):
    """An indexer whose key can be replaced, and which knows the other keys to look under."""

    __slots__ = ("others",)

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.others: tuple[BlindIndexer, ...] = ()

    def use(self, keys: tuple[bytes, ...]) -> None:
        """Index under the first key from now on; the others are looked for as well."""
        self._keyed = hmac_sm3_under(keys[0])
        self.others = tuple(BlindIndexer(key) for key in keys[1:])


@dataclass(slots=True)
class _Turn:
    """The writes that began under one set of keys."""

    working: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """Counts writes, so that a change of keys can wait for those begun before it."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = _Turn()

    def enter(self) -> _Turn:
        """Begin a write; `leave` ends it."""
        turn = self._turn
        turn.working += 1
        return turn

    def leave(self, turn: _Turn) -> None:
        """End a write."""
        turn.working -= 1
        if turn.working == 0 and turn is not self._turn:
            turn.over.set()

    async def pass_on(self) -> None:
        """Begin a new turn; returns when the writes of the one before have ended."""
        before, self._turn = self._turn, _Turn()
        if before.working:
            await before.over.wait()


class KeyRing:
    """The keys of one worker: a sealer and an indexer that follow the database's state."""

    def __init__(
        self, read: Callable[[], NodeKeys], keys: NodeKeys, database: Database, entropy: Entropy
    ) -> None:
        """`read` opens the key file anew, in a thread; `keys` are those of its last opening."""
        self._read = read
        self._keys = keys
        self._database = database
        self._reader = UUID(bytes=entropy.bytes(16))
        self._described = f"{socket.gethostname()} process {os.getpid()}"
        self._epoch = 0
        self._renewing = asyncio.Lock()
        self.fresh_until = 0.0
        self.gate = Gate()
        self.sealer = ChangeableSealer(keys.sealing, current=keys.sealing_current)
        self.indexer = ChangeableIndexer(keys.blind_index)

    @property
    def fresh(self) -> bool:
        """Whether keys may be used without asking the database first."""
        return monotonic() < self.fresh_until

    async def freshen(self) -> None:
        """Nothing while fresh, else `renew`, once for all who wait; raises as `renew`."""
        if self.fresh:
            return
        async with self._renewing:
            if not self.fresh:
                await self._renew()

    async def renew(self) -> None:
        """Ask for the state, follow it, and confirm it; raises DatabaseDown, KeysLacking."""
        async with self._renewing:
            await self._renew()

    async def _renew(self) -> None:
        while True:
            asked_at = monotonic()
            row = await self._database.fetchrow(RENEW, self._reader, self._described, self._epoch)
            if row is None:
                raise KeysLacking("the table key_state is empty")
            state = KeyState(**dict(row))
            if state.epoch == self._epoch:
                self.fresh_until = asked_at + LEASE_SECONDS
                return
            await self._follow(state)

    async def renew_or_tell(self) -> None:
        """As `renew`; what goes wrong is logged, and the keys stay unfresh."""
        try:
            await self.renew()
        except PlatformError as trouble:
            _log.warning("the keys are not up to date: %s", trouble)

    async def keep_fresh(self) -> None:
        """Renew until cancelled."""
        while True:
            await self.renew_or_tell()
            await asyncio.sleep(RENEW_SECONDS)

    async def leave(self) -> None:
        """Tell that this worker uses no keys any more; a database that is away need not know."""
        self.fresh_until = 0.0
        try:
            await self._database.execute(LEAVE, self._reader)
        except PlatformError:
            _log.info("the database is away; the worker's row will grow old")

    async def _follow(self, state: KeyState) -> None:
        wanted = versions_in_use(state, of_file=self._keys.sealing_current)
        if self._lacks(state, wanted):
            self._keys = await self._read_again()
        wanted = versions_in_use(state, of_file=self._keys.sealing_current)
        if self._lacks(state, wanted):
            raise KeysLacking(
                f"the key file lacks a version (sealing {wanted.sealing}, index {wanted.index}):"
                " copy the key file of the machine on which the keys are rotated"
            )
        self.sealer.use(self._keys, version=wanted.sealing)
        self.indexer.use(tuple(self._keys.blind_indexes[version] for version in wanted.index))
        await self.gate.pass_on()
        self._epoch = state.epoch

    def _lacks(self, state: KeyState, wanted: VersionsInUse) -> bool:
        needed = {wanted.sealing}
        if state.kind == Kind.SEALING.value and state.to_version is not None:
            needed.add(state.to_version)
        return not (needed <= set(self._keys.sealing)) or not (
            set(wanted.index) <= set(self._keys.blind_indexes)
        )

    async def _read_again(self) -> NodeKeys:
        try:
            return await asyncio.to_thread(self._read)
        except (KeyFileError, OSError) as trouble:
            failure = KeysLacking(f"the key file cannot be read again: {trouble}")
        raise failure
