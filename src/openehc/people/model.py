"""Users, their sessions, and who someone is while signed in.

Decides nothing and reads nothing.
"""

from dataclasses import dataclass

from openehc.audit.model import Actor
from openehc.people.permissions import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone who is signed in: the user, what they may do, and how they may act.

    `fresh` tells whether they proved themselves again within the last minutes, as dangerous
    acts demand; `csrf` is the value that every changing request must repeat.
    """

    user_id: int
    actor: Actor
    display_name: str
    roles: frozenset[Role]
    permissions: frozenset[str]
    session_id: int
    csrf: str
    fresh: bool = False
    must_change_password: bool = False

    def may(self, permission: str) -> bool:
        """Whether one of the roles holds the permission."""
        return permission in self.permissions
