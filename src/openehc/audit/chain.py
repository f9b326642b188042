"""Chains of records: each hash covers its record and what was committed before it.

A chain has one writer and grows only by what was committed, so many chains stand side by
side and no writer waits for another. It goes on in groups, one for each commit. The hash
of a record covers its content and the digest of the group before; the digest of a group
covers the hashes of its records. So a group may turn out smaller than it was sent (a
serial number was taken meanwhile) without breaking anything.

Touches no database and no key.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import DatabaseDown

HASH_SIZE: Final = 32
MOST_IN_GROUP: Final = 0x7FFF
_GENESIS: Final = b"openehc audit chain\0"
_EPOCH: Final = date(1970, 1, 1)
_RANDOM_BITS: Final = 44
_ONE_DAY: Final = timedelta(days=1)


def genesis(stream: int, *, origin: bytes) -> bytes:
    """The digest before the first group of the chain with this number.

    `origin` tells databases apart: a chain that was copied from another one does not fit.
    """
    return sm3(_GENESIS + origin + stream.to_bytes(8, "big"))


def linked(before: bytes, content: bytes) -> bytes:
    """The hash of a record (32 bytes) behind the group whose digest is `before`."""
    return sm3(before + content)


def group_digest(hashes: Sequence[bytes]) -> bytes:
    """The digest of a group with these records, in order."""
    return sm3(b"".join(hashes))


def first_stream_of(day: date) -> int:
    """The lowest number that a chain opened on `day` can have."""
    return (day - _EPOCH).days << _RANDOM_BITS


def day_of_stream(stream: int) -> date:
    """The day on which the chain with this number was opened, in UTC."""
    return _EPOCH + timedelta(days=stream >> _RANDOM_BITS)


class KnownOrigin(Protocol):
    """Where a chain learns its origin, when it is opened."""

    @property
    def value(self) -> bytes:
        """32 bytes."""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain is committed: the number of its last group (0: none) and its digest."""

    stream: int
    seq: int
    digest: bytes


Mark = Callable[[Head], None]
"""Notes outside the database how far a chain is committed; raises nothing."""


def unmarked(head: Head) -> None:
    """Notes nothing: for chains whose end nobody could cut off."""
    del head


@dataclass(slots=True)
class Chain:
    """One chain in this process; `head` is what is known to be committed, None when in doubt.

    `mark` is told of every commit before its answer is given.
    """

    entropy: Entropy
    origin: KnownOrigin
    mark: Mark = unmarked
    head: Head | None = None
    _sent: Head | None = None
    _hashes: list[bytes] = field(default_factory=list)

    def link(self, contents: Sequence[bytes], *, at: datetime) -> tuple[int, int, list[bytes]]:
        """Stream, number and hashes of the next group, which happened `at`.

        It counts once `keep` was called, and is forgotten by `undo`.
        """
        before = self._fit(at.astimezone(UTC).date())
        self._sent = before
        self._hashes = [linked(before.digest, content) for content in contents]
        return before.stream, before.seq + 1, self._hashes

    def keep(self, places: Sequence[int] | None = None) -> None:
        """The group is committed; of its records only those at `places` (from 0), None is all."""
        before, hashes = self._sent, self._hashes
        if before is not None:
            if places is not None:
                hashes = [hashes[place] for place in places]
            if hashes:
                self.head = Head(before.stream, before.seq + 1, group_digest(hashes))
                self.mark(self.head)
        self._sent = None

    def undo(self) -> None:
        """Nothing of what was linked was committed, for certain."""
        self._sent = None

    def abandon(self) -> None:
        """Nobody knows whether it was committed: the chain is never continued."""
        self.head = self._sent = None

    @property
    def settled(self) -> bool:
        """Whether everything linked is known to be committed or undone."""
        return self._sent is None

    def _fit(self, day: date) -> Head:
        """The head to go on from: a chain lasts for its day, and for what comes late to it."""
        head = self.head
        if head is not None and day_of_stream(head.stream) - day in {timedelta(0), _ONE_DAY}:
            return head
        number = int.from_bytes(self.entropy.bytes(8), "big") % (1 << _RANDOM_BITS)
        stream = first_stream_of(day) + number
        self.head = Head(stream, 0, genesis(stream, origin=self.origin.value))
        return self.head


@dataclass(slots=True)
class Chains:
    """The chains of one process that nobody writes at the moment."""

    entropy: Entropy
    origin: KnownOrigin
    mark: Mark = unmarked
    _idle: list[Chain] = field(default_factory=list)

    @contextmanager
    def borrowed(self) -> Iterator[Chain]:
        """A chain for one writer. One whose last commit is in doubt is never used again."""
        chain = self._idle.pop() if self._idle else self.opened()
        try:
            yield chain
        except DatabaseDown:  # the commit itself may be in doubt: the chain stays unsettled
            raise
        except Exception:
            chain.undo()
            raise
        finally:
            if chain.settled:
                self._idle.append(chain)

    def opened(self) -> Chain:
        """A new chain for a writer of its own."""
        return Chain(self.entropy, self.origin, self.mark)
