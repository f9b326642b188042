"""Chains of records: each hash covers its record and the hash before it.

A chain has one writer at a time and grows only by what was committed, so many chains
stand side by side and no writer waits for another. Touches no database and no key.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy

HASH_SIZE: Final = 32
_GENESIS: Final = b"openehc audit chain\0"
_STREAM_BITS: Final = 63


def genesis(stream: int) -> bytes:
    """The hash before the first record of the chain with this number."""
    return sm3(_GENESIS + stream.to_bytes(8, "big"))


def linked(before: bytes, content: bytes) -> bytes:
    """The hash of a record (32 bytes) behind one whose hash is `before`."""
    return sm3(before + content)


@dataclass(slots=True)
class Chain:
    """One chain in this process: `seq` and `head` tell the last record that is durable."""

    stream: int
    seq: int = 0
    head: bytes = b""
    _linked: tuple[int, bytes] | None = None

    def __post_init__(self) -> None:
        """Begin before the first record."""
        if not self.seq:
            self.head = genesis(self.stream)

    def link(self, content: bytes) -> tuple[int, bytes]:
        """Number and hash of the next record; it counts once `keep` was called."""
        seq, head = self._linked or (self.seq, self.head)
        self._linked = seq + 1, linked(head, content)
        return self._linked

    def keep(self) -> None:
        """What was linked is committed."""
        if self._linked:
            (self.seq, self.head), self._linked = self._linked, None

    @property
    def settled(self) -> bool:
        """Whether everything linked is known to be committed."""
        return self._linked is None


@dataclass(slots=True)
class Chains:
    """The chains of one process that nobody writes at the moment."""

    entropy: Entropy
    _idle: list[Chain] = field(default_factory=list)

    @contextmanager
    def borrowed(self) -> Iterator[Chain]:
        """A chain for one writer. One whose last commit is in doubt is never used again."""
        chain = self._idle.pop() if self._idle else self.opened()
        try:
            yield chain
        finally:
            if chain.settled:
                self._idle.append(chain)

    def opened(self) -> Chain:
        """A new chain with a number of its own."""
        return Chain(int.from_bytes(self.entropy.bytes(8), "big") % (1 << _STREAM_BITS))
