"""What the proxy's use cases need from outside."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from openehc.crypto.module.port import CryptoModule
from openehc.crypto.remote.calls import Answer
from openehc.proxy.model import Address, CallRecord, Denial

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


class SessionRecorder(Protocol):
    """Keeps the record of sessions."""

    async def opened(self, caller: str, *, source: Address, at: datetime) -> None:
        """Durable when it returns; raises `PlatformError`, and then no session is opened."""


class RefusalRecorder(Protocol):
    """Keeps the record of refused messages."""

    def note(self, denial: Denial, *, source: Address | None) -> None:
        """Take note, without making the refusal wait; raises nothing."""
