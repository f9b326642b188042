"""Acts that need two people: which there are, who may ask and decide, and who does them.

Wiring fills the table; the features that own the acts bring their executors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openehc.kernel.refusal import Fault
from openehc.people.permissions import role_table
from openehc.people.ports import Executor

ParameterCheck = Callable[[Mapping[str, Any]], tuple[Fault, ...]]
"""What is wrong with the parameters of an act, before anybody decides on it."""


def nothing_wrong(_parameters: Mapping[str, Any]) -> tuple[Fault, ...]:
    """For acts whose executor checks everything."""
    return ()


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """One kind of act, like `residents.merge`.

    `permission` is what the requester and the one who decides must both hold; the latter
    needs `approvals.decide` as well. `zh` and `en` tell the act to the one who decides.
    """

    name: str
    permission: str
    zh: str
    en: str
    execute: Executor
    check: ParameterCheck = nothing_wrong

    def __post_init__(self) -> None:
        """Refuse a permission that does not exist."""
        if self.permission not in role_table().permissions:
            raise ValueError(f"no such permission: {self.permission}")


class ApprovalKinds:
    """The kinds by name."""

    def __init__(self, kinds: tuple[ApprovalKind, ...] = ()) -> None:
        self._kinds: dict[str, ApprovalKind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: ApprovalKind) -> None:
        """One more; raises ValueError when the name is taken."""
        if kind.name in self._kinds:
            raise ValueError(f"two executors of {kind.name}")
        self._kinds[kind.name] = kind

    def get(self, name: str) -> ApprovalKind | None:
        """The kind of that name."""
        return self._kinds.get(name)

    def held_by(self, permissions: frozenset[str]) -> tuple[ApprovalKind, ...]:
        """The kinds whose permission is among these, by name."""
        held = [kind for kind in self._kinds.values() if kind.permission in permissions]
        return tuple(sorted(held, key=lambda kind: kind.name))
