"""Open sessions in one worker's memory: bounded, and gone when their time is over.

Nothing here is shared between workers: a session belongs to the connection on which it was
opened, and its keys are nowhere else.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from openehc.crypto.remote.session import SessionKeys
from openehc.proxy.rules import WINDOW

LIFETIME_SECONDS: Final = 600
MOST_OF_ONE_CALLER: Final = 2_048
"""A caller that opens more loses its oldest: nobody can use up the place of another."""
MOST_HELLOS: Final = 100_000


@dataclass(slots=True)
class Session:
    """One session; `counter` is the last that was accepted."""

    keys: SessionKeys
    caller: bytes
    until: datetime
    counter: int = 0


@dataclass(slots=True)
class Sessions:
    """The sessions of one worker, in the order in which they end."""

    _all: dict[bytes, Session] = field(default_factory=dict)
    _by_caller: dict[bytes, dict[bytes, None]] = field(default_factory=dict)
    _hellos: dict[bytes, datetime] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many are held."""
        return len(self._all)

    def open(self, keys: SessionKeys, *, caller: bytes, now: datetime) -> None:
        """Hold a new session of this caller."""
        self._drop_ended(now)
        own = self._by_caller.setdefault(caller, {})
        if len(own) >= MOST_OF_ONE_CALLER:
            self._drop(next(iter(own)))
        until = now + timedelta(seconds=LIFETIME_SECONDS)
        self._all[keys.session] = Session(keys, caller, until)
        self._by_caller.setdefault(caller, {})[keys.session] = None

    def find(self, session: bytes, *, now: datetime) -> Session | None:
        """The session, None when it is unknown or over."""
        found = self._all.get(session)
        if found is not None and found.until <= now:
            self._drop(session)
            return None
        return found

    def close_all_of(self, caller: bytes) -> None:
        """Forget every session of a caller."""
        for session in list(self._by_caller.get(caller, ())):
            self._drop(session)

    def first_hello(self, nonce: bytes, *, now: datetime) -> bool:
        """Whether this hello was not used here before; remembers it."""
        while self._hellos:
            oldest = next(iter(self._hellos))
            if now - self._hellos[oldest] <= 2 * WINDOW and len(self._hellos) < MOST_HELLOS:
                break
            del self._hellos[oldest]
        if nonce in self._hellos:
            return False
        self._hellos[nonce] = now
        return True

    def _drop_ended(self, now: datetime) -> None:
        while self._all:
            oldest = next(iter(self._all))
            if self._all[oldest].until > now:
                break
            self._drop(oldest)

    def _drop(self, session: bytes) -> None:
        held = self._all.pop(session)
        own = self._by_caller[held.caller]
        del own[session]
        if not own:
            del self._by_caller[held.caller]
