"""The invented people of the demo; nobody of them has a second factor."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from openehc.kernel.ids import SystemEntropy
from openehc.people.make_user import UserToMake
from openehc.people.passwords import initial_password
from openehc.people.permissions import OF_ONE_INSTITUTION, Role
from openehc.wiring.first_people import FirstPeople

ADMINISTRATOR: Final = "admin"


class Passwords(Protocol):
    """What the demo keeps from one start to the next."""

    @property
    def console_password(self) -> str:
        """Of the administrator."""

    @property
    def people(self) -> Mapping[str, str]:
        """Of the others, by login."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One of them."""

    login: str
    display_name: str
    roles: frozenset[Role]


PEOPLE: Final = (
    DemoPerson(ADMINISTRATOR, "示例管理员",
               frozenset({Role.SYSTEM_ADMIN, Role.PROVINCE_OPERATOR})),
    DemoPerson("security", "示例安全管理员", frozenset({Role.SECURITY_ADMIN})),
    DemoPerson("auditor", "示例审计管理员", frozenset({Role.AUDIT_ADMIN})),
    DemoPerson("province", "示例省级操作员", frozenset({Role.PROVINCE_OPERATOR})),
    DemoPerson("hospital", "示例机构操作员", frozenset({Role.INSTITUTION_OPERATOR})),
    DemoPerson("window", "示例窗口操作员", frozenset({Role.WINDOW_OPERATOR})),
)  # fmt: skip


def demo_passwords(kept: Iterable[Mapping[str, Any]] = ()) -> dict[str, str]:
    """Passwords for everybody but the administrator: those of `console_users`, or fresh ones."""
    entropy = SystemEntropy()
    old = {one["login"]: one["password"] for one in kept}
    return {
        one.login: old.get(one.login) or initial_password(entropy)
        for one in PEOPLE
        if one.login != ADMINISTRATOR
    }


def console_users(registry: Passwords) -> list[dict[str, Any]]:
    """What demo.json tells of them."""
    return [
        {"login": one.login, "password": _password(one, registry), "roles": sorted(one.roles)}
        for one in PEOPLE
    ]


async def fill_people(first: FirstPeople, registry: Passwords, *, org_code: str) -> None:
    """Let everybody exist with their password; operators of one institution belong to this."""
    institution_id = await first.institution(org_code)
    for one in PEOPLE:
        bound = institution_id if one.roles & OF_ONE_INSTITUTION else None
        await first.settle(
            UserToMake(one.login, one.display_name, one.roles, bound, _password(one, registry))
        )


def _password(one: DemoPerson, registry: Passwords) -> str:
    if one.login == ADMINISTRATOR:
        return registry.console_password
    return registry.people[one.login]
