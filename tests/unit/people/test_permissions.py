"""Roles and their permissions."""

import pytest

from openehc.people.permissions import Role, role_faults, role_table


def test_every_permission_has_a_holder() -> None:
    assert all(role_table().holders.values())


@pytest.mark.requirement("G2-B-5.3-15")
@pytest.mark.parametrize(
    "pair",
    [
        (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN),
        (Role.SYSTEM_ADMIN, Role.AUDIT_ADMIN),
        (Role.SECURITY_ADMIN, Role.AUDIT_ADMIN),
    ],
)
def test_two_administrators_are_never_one_person(pair: tuple[Role, Role]) -> None:
    faults = role_faults(frozenset(pair), institution_id=None)

    assert [fault.field for fault in faults] == ["roles"]


@pytest.mark.requirement("G2-B-5.3-15")
def test_no_administrator_judges_what_another_may_do() -> None:
    table = role_table()

    assert table.holders["users.manage"] == {Role.SYSTEM_ADMIN}
    assert table.holders["roles.assign"] == {Role.SECURITY_ADMIN}
    assert table.holders["audit.read"] == {Role.AUDIT_ADMIN}


def test_a_window_operator_belongs_to_an_institution() -> None:
    assert role_faults(frozenset({Role.WINDOW_OPERATOR}), institution_id=None)
    assert not role_faults(frozenset({Role.WINDOW_OPERATOR}), institution_id=7)


def test_an_operator_of_the_province_does_not() -> None:
    assert role_faults(frozenset({Role.PROVINCE_OPERATOR}), institution_id=7)


@pytest.mark.parametrize("role", [Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
@pytest.mark.parametrize("business", [Role.PROVINCE_OPERATOR, Role.WINDOW_OPERATOR])
def test_who_gives_rights_or_judges_records_does_no_business(role: Role, business: Role) -> None:
    institution = 7 if business is Role.WINDOW_OPERATOR else None

    faults = role_faults(frozenset({role, business}), institution_id=institution)

    assert "不得兼任业务角色" in faults[0].zh
