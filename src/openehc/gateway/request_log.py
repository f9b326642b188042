"""One line per request, without personal data, secrets or codes.

Lines are gathered and handed over twice a second: a log call per request would cost
a tenth of the request. What a crash may lose is half a second of log, never an answer.
"""

import asyncio
import logging
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from openehc.gateway.pipeline import Exchange

FLUSH_SECONDS: Final = 0.5
_METHOD: Final = re.compile(r"[a-z]+(?:\.[A-Za-z]+)+", re.ASCII)
"""A refused message may hold anything in `method`; only what looks like a name is logged."""
_encode: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=256)
def _shown(method: str) -> str:
    return method if _METHOD.fullmatch(method) else ""


@dataclass(slots=True)
class RequestLog:
    """Gathers lines until they are flushed to the logger `openehc.requests`."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(self, exchange: Exchange, finished_at: datetime) -> None:
        """Remember how a request went."""
        head = exchange.head
        took = finished_at - exchange.received_at
        self.lines.append({
            "at": exchange.received_at,
            "method": _shown(head.method) if head.caller else "",
            "app_id": head.app_id if head.caller else "",
            "term_id": exchange.term_id[:32],
            "ret_code": exchange.code,
            "ms": took.microseconds // 100 / 10 + took.seconds * 1000,
        })  # fmt: skip

    def flush(self) -> None:
        """Hand the gathered lines over."""
        lines, self.lines = self.lines, []
        if lines:
            text = b"\n".join([_encode(line) for line in lines]).decode()
            logging.getLogger("openehc.requests").info("%s", text)

    async def keep_flushing(self) -> None:
        """Flush until cancelled, then once more."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                self.flush()
        finally:
            self.flush()
