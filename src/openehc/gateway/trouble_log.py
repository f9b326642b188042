"""Why parts of the platform failed, for the operator: the caller only sees a return code.

One line a second for each kind of failure: an outage must not fill the disk. The texts
of `PlatformError` hold no personal data.
"""

import logging
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from openehc.kernel.refusal import PlatformError

PAUSE_SECONDS: Final = 1.0
_log = logging.getLogger("openehc.gateway")


@dataclass(slots=True)
class TroubleLog:
    """Tells each kind of failure at most once a second, with the number passed over."""

    told_at: dict[str, float] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)

    def tell(self, failure: PlatformError) -> None:
        """Log the failure, or count it."""
        kind = type(failure).__name__
        now = monotonic()
        if now - self.told_at.get(kind, -PAUSE_SECONDS) < PAUSE_SECONDS:
            self.passed_over[kind] = self.passed_over.get(kind, 0) + 1
            return
        self.told_at[kind] = now
        _log.warning("%s: %s (%d more since)", kind, failure, self.passed_over.pop(kind, 0))
