"""What is recorded: who, from where, what, on whom, with which result.

Decides nothing and reads nothing. An event holds no personal data in clear: a resident
is named by the EHCID (made under the safe key, so nobody without it can say who that is),
and values before and after are masked by whoever makes the event.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final

OK: Final = "ok"
"""The result of an act that was done; a refused one is named by its reason."""

RESIDENT_OBJECT: Final = "resident"
"""The `object_kind` of every event about a resident; `resident_ref` gives the `object_ref`."""


def resident_ref(ehcid: bytes) -> str:
    """How an event names a resident: the EHCID as the wire prints it, 64 upper hex characters."""
    return ehcid.hex().upper()


@unique
class Category(StrEnum):
    """Why an event is kept (材料一 9.4: administration, sensitive data, authentication)."""

    ADMINISTRATION = "administration"
    PERSONAL_DATA = "personal-data"
    SECURITY = "security"
    SYSTEM = "system"


@unique
class ActorKind(StrEnum):
    """What kind of party acted."""

    USER = "user"
    APPLICATION = "application"
    RESIDENT = "resident"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, from where, and how far that party reaches.

    `id` is the user's login name or the application's app_id, `address` the IP address
    as text. `institution_id` limits the reach to one institution; None is the whole node.
    """

    kind: ActorKind
    id: str
    address: str = ""
    institution_id: int | None = None


SYSTEM: Final = Actor(ActorKind.SYSTEM, "openehc")
"""The platform itself, for what it does unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One thing that happened.

    `action` is object and verb ("institution.approve"); `object_kind` and `object_ref` name
    what it was done to; `reason` is what the actor gave as a reason; `before` and `after` are
    the values that changed, masked, as JSON values.
    """

    category: Category
    action: str
    actor: Actor
    at: datetime
    object_kind: str = ""
    object_ref: str = ""
    result: str = OK
    reason: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
