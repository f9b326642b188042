"""Predictable `Entropy`: bytes of a hashed counter, different at every call."""

import hashlib


class CountedEntropy:
    def __init__(self, seed: bytes = b"") -> None:
        self._seed = seed
        self._calls = 0

    def bytes(self, count: int) -> bytes:
        self._calls += 1
        return hashlib.shake_128(self._seed + self._calls.to_bytes(8, "big")).digest(count)
