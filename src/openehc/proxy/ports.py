"""What answering calls needs from outside."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from openehc.crypto.module.port import CryptoModule
from openehc.crypto.remote.calls import Answer
from openehc.proxy.model import CallRecord

Note = Callable[[str], None]
"""Takes the name of the machine that a call went to."""

Observed = Callable[[Note], CryptoModule]
"""The module, telling for one call which machine it went to."""

Work = TypeVar("Work")
Gather = Callable[[Sequence[Coroutine[Any, Any, Answer]]], Awaitable[list[Answer]]]
"""Runs the calls of a message, at the same time where that gains something."""


class CallRecorder(Protocol):
    """Keeps the record of calls."""

    async def record(self, records: Sequence[CallRecord]) -> None:
        """Durable when it returns; raises `PlatformError`, and then no call is answered."""
