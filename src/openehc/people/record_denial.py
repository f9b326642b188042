"""Recording that somebody who is signed in asked for what their roles do not hold.

Each such try makes an audit record. Whoever goes on and on would fill the trail: after
`MOST` tries of one user within `WINDOW` one record says so, and none follows until that is
over. Counted by each worker for itself, so several workers let as many times more by.
Decides nothing about permissions: the door that turns people away does
(`console/api/guards.py`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import Reason
from openehc.people.events import security
from openehc.people.model import Principal, Visit

MOST: Final = 60
WINDOW: Final = timedelta(minutes=1)
_FORGOTTEN: Final = 1000
"""So many users are kept before those whose window is over are forgotten."""


@dataclass(slots=True)
class _Window:
    """The tries of one user since `begun`."""

    begun: datetime
    tries: int = 0

    def over(self, now: datetime) -> bool:
        return not timedelta() <= now - self.begun < WINDOW


@dataclass(slots=True)
class RecordDenial:
    """The use case, with what one worker counted."""

    trail: AuditTrail
    clock: Clock
    _windows: dict[int, _Window] = field(default_factory=dict)

    async def __call__(self, by: Principal, *, permission: str, route: str) -> timedelta | None:
        """Durable when it returns; how long to wait, for somebody who asked too often.

        `route` is the method and the path without its values.
        """
        now = self.clock.now()
        window = self._counted(by.user_id, now)
        if window.tries <= MOST:
            result, after = Reason.NOT_GRANTED, {"route": route}
        elif window.tries == MOST + 1:
            told = {"tries": str(MOST), "seconds": str(int(WINDOW.total_seconds()))}
            result, after = Reason.TOO_MANY_TRIES, {"route": route, **told}
        else:
            return window.begun + WINDOW - now
        await self.trail.record(
            security(
                "permission.deny", by.actor, Visit(by.actor.address, now),
                object_kind="permission", object_ref=permission, result=result.name.lower(),
                after=after,
            )
        )  # fmt: skip
        return None if window.tries <= MOST else window.begun + WINDOW - now

    def _counted(self, user_id: int, now: datetime) -> _Window:
        """The user's window with this try in it."""
        if len(self._windows) > _FORGOTTEN:
            self._windows = {
                key: window for key, window in self._windows.items() if not window.over(now)
            }
        window = self._windows.get(user_id)
        if window is None or window.over(now):
            window = self._windows[user_id] = _Window(now)
        window.tries += 1
        return window
