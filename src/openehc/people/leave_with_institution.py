"""The people of an institution that ended its connection: none of them signs in any more.

Part of the act that ends the institution, in its transaction. They come back one by one, by the
system administrator, never with the institution.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openehc.audit.model import Actor, AuditEvent, Category
from openehc.people.events import told
from openehc.people.model import UserState
from openehc.people.session_store import SessionStore
from openehc.people.user_store import UserStore


@dataclass(frozen=True, slots=True)
class LeaveWithInstitution:
    """Disables users, and ends their sessions."""

    users: UserStore
    sessions: SessionStore

    async def leave(
        self,
        connection: Any,  # noqa: ANN401 (the open transaction)
        institution_id: int,
        *,
        by: Actor,
        reason: str,
        at: datetime,
    ) -> list[AuditEvent]:
        """One event for each of them."""
        await self.users.alone(connection)
        left = await self.users.disable_those_of(connection, institution_id)
        for user in left:
            await self.sessions.delete_others(connection, user.user_id, 0)
        return [
            AuditEvent(
                category=Category.ADMINISTRATION, action="user.disable", actor=by, at=at,
                object_kind="user", object_ref=user.login, reason=reason,
                before={**told(user), "state": UserState.ACTIVE.value}, after=told(user),
            )
            for user in left
        ]  # fmt: skip
