"""Passwords: hashed with argon2id, in threads, a few at a time.

Knows no user and no rule; what makes a password acceptable stands in `rules.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from openehc.kernel.ids import Entropy

AT_ONCE: Final = 2
"""Hashes worked on at the same time in one worker: 32 MiB and a core each."""

WAITING: Final = 40
"""Hashes that may wait; about two seconds of work. More are refused."""

# 60 to 75 ms and 32 MiB (RFC 9106: argon2id, memory before passes) on the cores of this project.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

_INITIAL_LENGTH: Final = 16
# without characters that look alike: people type it from paper
_ALPHABETS: Final = ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789")
_ALL: Final = "".join(_ALPHABETS)


class TooManySignIns(Exception):
    """More passwords wait to be checked than this worker takes on."""


class PasswordVault:
    """Hashes and checks passwords without letting sign-ins exhaust the worker."""

    def __init__(self, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._inside = 0
        self._dummy = _nobodys_hash()

    async def hashed(self, password: str) -> str:
        """The hash to keep; raises TooManySignIns."""
        async with self._place():
            return await asyncio.to_thread(_HASHER.hash, password)

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether the password belongs to the hash; None takes as long and never does.

        Raises TooManySignIns.
        """
        async with self._place():
            fits = await asyncio.to_thread(_fits, kept or self._dummy, password)
        return fits and kept is not None

    async def matches_any(self, password: str, kept: Sequence[str]) -> bool:
        """Whether it belongs to one of the hashes; raises TooManySignIns."""
        for one in kept:
            if await self.matches(password, one):
                return True
        return False

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._inside >= self._room:
            raise TooManySignIns
        self._inside += 1
        try:
            async with self._free:
                yield
        finally:
            self._inside -= 1


@cache
def _nobodys_hash() -> str:
    """What a password is compared with when the login names nobody; made once."""
    return _HASHER.hash("nobody's password")


def hash_now(password: str) -> str:
    """The hash, made in this thread; for commands."""
    return _HASHER.hash(password)


def _fits(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def initial_password(entropy: Entropy) -> str:
    """A password to be used once: 16 characters of every class, easy to type."""
    chosen = [_pick(alphabet, entropy) for alphabet in _ALPHABETS]
    chosen += [_pick(_ALL, entropy) for _ in range(_INITIAL_LENGTH - len(chosen))]
    for last in range(len(chosen) - 1, 0, -1):
        other = _below(last + 1, entropy)
        chosen[last], chosen[other] = chosen[other], chosen[last]
    return "".join(chosen)


def _pick(alphabet: str, entropy: Entropy) -> str:
    return alphabet[_below(len(alphabet), entropy)]


def _below(count: int, entropy: Entropy) -> int:
    """A number under `count`; 8 bytes leave no bias that anybody could use."""
    return int.from_bytes(entropy.bytes(8), "big") % count
