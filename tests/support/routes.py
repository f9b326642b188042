"""The routes of the console API as the application describes them, for tests made from data."""

import re
from typing import Final, NamedTuple

from fastapi import FastAPI

from openehc.console.api.application import permissions_of
from openehc.console.api.guards import SIGNED_IN
from openehc.people.permissions import Role, role_table

_PARAMETER: Final = re.compile(r"\{[^}]+\}")


class Route(NamedTuple):
    """A route and the permissions that it demands."""

    name: str
    method: str
    path: str
    demanded: frozenset[str]

    def admits(self, role: Role) -> bool:
        """Whether roles.csv lets this role in."""
        named = self.demanded - {SIGNED_IN}
        return all(role in role_table().holders[permission] for permission in named)


def routes_of(app: FastAPI) -> list[Route]:
    """Every route of the application; each parameter of a path is 1."""
    return [
        Route(f"{method} {path}", method, _PARAMETER.sub("1", path), demanded)
        for method, path, demanded in permissions_of(app)
    ]
