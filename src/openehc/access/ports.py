"""What access management needs from elsewhere."""

from datetime import datetime
from typing import Any, Protocol

from openehc.access.record import Record
from openehc.audit.model import Actor, AuditEvent


class OpenFindings(Protocol):
    """Findings about an entry that keep it from working (材料二 3.2)."""

    async def hold(self, connection: Any, record: Record) -> bool:  # noqa: ANN401 (the open transaction)
        """Whether one of them is still open."""


class Staff(Protocol):
    """The people who work at the console for an institution."""

    async def leave(
        self,
        connection: Any,  # noqa: ANN401 (the open transaction)
        institution_id: int,
        *,
        by: Actor,
        reason: str,
        at: datetime,
    ) -> list[AuditEvent]:
        """None of them signs in any more and none stays signed in; an event for each."""


class NumberFiles(Protocol):
    """The files in which service accounts keep their numbers (材料一 7.2: EHCI_KEY)."""

    async def text(self, domain: str) -> str | None:
        """What `https://domain/EHCI_KEY` holds, "" when there is no such file.

        None when the domain cannot be asked, answers nonsense, or lies in a network that is
        not the internet.
        """
