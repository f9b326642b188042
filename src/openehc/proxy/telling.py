"""What the operator of the proxy reads: why a caller got no answer.

Each sentence at most once a second, with the number of times that it was passed over: a
flood of refused messages must not fill the disk. Callers are named, data never.
"""

import logging
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from openehc.proxy.model import Address, Denial

PAUSE_SECONDS: Final = 1.0
_MOST_SENTENCES: Final = 1_000
_log = logging.getLogger("openehc.proxy")


@dataclass(slots=True)
class TroubleLines:
    """Tells a sentence, or counts it."""

    _told_at: dict[str, float] = field(default_factory=dict)
    _passed_over: dict[str, int] = field(default_factory=dict)

    def tell(self, sentence: str, *, detail: str = "") -> None:
        """Log it unless it was told a moment ago, whatever the detail was then."""
        now = monotonic()
        if now - self._told_at.get(sentence, -PAUSE_SECONDS) < PAUSE_SECONDS:
            self._passed_over[sentence] = self._passed_over.get(sentence, 0) + 1
            return
        if len(self._told_at) >= _MOST_SENTENCES:
            self._told_at.clear()
            self._passed_over.clear()
        self._told_at[sentence] = now
        more = self._passed_over.pop(sentence, 0)
        _log.warning("%s (%d more since)", f"{sentence}: {detail}" if detail else sentence, more)

    def tell_denial(self, denial: Denial, *, source: Address | None) -> None:
        """Log why a message got no answer."""
        who = denial.caller or "somebody unknown"
        self.tell(f"refused {who} at {source}: {denial.reason.value}", detail=denial.detail)
