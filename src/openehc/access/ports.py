"""What access management needs from elsewhere."""

from typing import Any, Protocol

from openehc.access.record import Record


class OpenFindings(Protocol):
    """Findings about an entry that keep it from working (材料二 3.2)."""

    async def hold(self, connection: Any, record: Record) -> bool:  # noqa: ANN401 (the open transaction)
        """Whether one of them is still open."""
