"""Roles and what each of them may do, read from `data/roles.csv`.

The three administrators (系统管理员, 安全管理员, 审计管理员) check each other: no person holds
two of these roles, and who gives rights or judges the records does no business that these
are about (材料二 附录B 5.3). Signs nobody in.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cache
from importlib.resources import files
from typing import Final

from openehc.kernel.refusal import Fault


@unique
class Role(StrEnum):
    """What someone is on the platform."""

    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    AUDIT_ADMIN = "audit_admin"
    PROVINCE_OPERATOR = "province_operator"
    INSTITUTION_OPERATOR = "institution_operator"
    WINDOW_OPERATOR = "window_operator"


SEPARATED: Final = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
"""At most one of these for one person."""

ALONE: Final = frozenset({Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
"""Roles beside which one person holds no other."""

OF_ONE_INSTITUTION: Final = frozenset({Role.INSTITUTION_OPERATOR, Role.WINDOW_OPERATOR})
"""Roles that reach one institution only."""


OF_RESIDENTS: Final = "residents."
"""How the permissions begin that show residents or change them."""


class BrokenRoles(Exception):
    """`data/roles.csv` cannot be used; the text names the line."""


@dataclass(frozen=True, slots=True)
class RoleTable:
    """Every permission with the roles that hold it."""

    holders: dict[str, frozenset[Role]]

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission that exists."""
        return frozenset(self.holders)

    def of(self, roles: frozenset[Role]) -> frozenset[str]:
        """What someone with these roles may do."""
        return frozenset(name for name, holders in self.holders.items() if holders & roles)


def at_stopped_institution(permissions: frozenset[str]) -> frozenset[str]:
    """What is left of these while the institution is suspended or black-listed: no resident."""
    return frozenset(name for name in permissions if not name.startswith(OF_RESIDENTS))


@cache
def role_table() -> RoleTable:
    """The table; raises `BrokenRoles`."""
    text = files("openehc.people").joinpath("data/roles.csv").read_text("utf-8")
    holders: dict[str, frozenset[Role]] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        name = row.pop("permission")
        row.pop("meaning")
        if not name or name in holders or set(row) != set(Role) or set(row.values()) - {"", "x"}:
            raise BrokenRoles(f"roles.csv, line {number}: one permission, then x or nothing")
        holders[name] = frozenset(Role(role) for role, mark in row.items() if mark)
    return RoleTable(holders)


def role_faults(roles: frozenset[Role], *, institution_id: int | None) -> tuple[Fault, ...]:
    """What is wrong with giving one person these roles and this reach."""
    faults = []
    if not roles:
        faults.append(Fault("roles", "至少需要一个角色", "at least one role is needed"))
    if len(roles & SEPARATED) > 1:
        faults.append(
            Fault(
                "roles",
                "系统管理员、安全管理员、审计管理员不得由同一人担任",
                "system, security and audit administrator are never one person",
            )
        )
    elif roles & ALONE and len(roles) > 1:
        faults.append(
            Fault(
                "roles",
                "安全管理员、审计管理员不得兼任业务角色",
                "security and audit administrator hold no role of business",
            )
        )
    if roles & OF_ONE_INSTITUTION and institution_id is None:
        faults.append(
            Fault("institution_id", "该角色必须指定所属机构", "this role belongs to an institution")
        )
    if roles - OF_ONE_INSTITUTION and institution_id is not None:
        faults.append(
            Fault("institution_id", "该角色不限于一个机构", "this role is not of one institution")
        )
    return tuple(faults)
