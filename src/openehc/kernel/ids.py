"""Randomness and platform serial numbers, as arguments of those who need them."""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""


class SystemEntropy:
    """The operating system's random source."""

    def bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)


def new_serial(entropy: Entropy) -> str:
    """A platform serial number: 32 lower-case hex characters, unguessable."""
    return entropy.bytes(16).hex()
