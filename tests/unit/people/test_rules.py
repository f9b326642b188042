"""Decisions about people, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from openehc.people.model import Proof, Session, User, UserState
from openehc.people.permissions import Role
from openehc.people.policy import BOUNDS, Policy, SecondFactor, policy_faults
from openehc.people.rules import (
    days_left,
    enough,
    is_fresh,
    login_of,
    password_faults,
    password_overdue,
    refusal_of_user,
    sessions_allowed,
    why_ended,
)

NOW: Final = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)
POLICY: Final = Policy()


def user(*roles: Role, **changes: object) -> User:
    """A user who was made now."""
    made = User(
        user_id=1, login="somebody", display_name="某人", roles=frozenset(roles),
        institution_id=None, state=UserState.ACTIVE, password_changed_at=NOW,
        must_change_password=False, totp_enrolled=False, certificate_bound=False,
        last_sign_in_at=None, created_at=NOW, revision=1,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def session(**changes: object) -> Session:
    """A session that was opened now."""
    made = Session(1, 1, "10.0.0.1", Proof.PASSWORD, NOW, NOW, NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        ("admin", "admin"), ("ADMIN", "admin"), ("a.b-c_1", "a.b-c_1"), ("ab", None),
        ("\u212aelvin", None), ("adm\u0131n", None), ("\u0430dmin", None), (" admin", None),
        ("admin\n", None), (".admin", None), ("a" * 33, None), ("", None),
    ],
)  # fmt: skip
def test_a_login_is_ascii_or_none(typed: str, login: str | None) -> None:
    assert login_of(typed) == login


@pytest.mark.parametrize("password", ["Abcdef-1", "密码Abcdef1", "Ab1-x" + "x" * 123])
def test_a_password_within_the_rules(password: str) -> None:
    assert password_faults(password, login="somebody", policy=POLICY) == ()


def test_the_policy_lengthens_passwords() -> None:
    longer = replace(POLICY, password_length=12)

    assert password_faults("Abcdef-1", login="somebody", policy=longer)


def test_a_password_expires_on_the_ninety_first_day() -> None:
    at_last = NOW + 90 * DAY

    assert not password_overdue(user(), policy=POLICY, now=at_last)
    assert days_left(user(), policy=POLICY, now=at_last) == 0
    assert password_overdue(user(), policy=POLICY, now=at_last + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (user(), ""), (user(state=UserState.DISABLED), "disabled"),
        (user(created_at=NOW - 200 * DAY, password_changed_at=NOW - 91 * DAY), "unused"),
        (user(created_at=NOW - 200 * DAY, password_changed_at=NOW - 91 * DAY,
              last_sign_in_at=NOW - 89 * DAY), ""),
    ],
)  # fmt: skip
def test_who_may_sign_in(who: User, why: str) -> None:
    assert refusal_of_user(who, policy=POLICY, now=NOW) == why


@pytest.mark.parametrize(
    ("lived", "why"),
    [
        (session(), ""), (session(seen_at=NOW - timedelta(minutes=10)), ""),
        (session(seen_at=NOW - timedelta(minutes=10, seconds=1)), "idle"),
        (session(created_at=NOW - timedelta(hours=12, seconds=1)), "too-long"),
    ],
)  # fmt: skip
def test_why_a_session_ends(lived: Session, why: str) -> None:
    assert why_ended(lived, user(), policy=POLICY, now=NOW) == why


def test_a_proof_is_fresh_for_five_minutes() -> None:
    assert is_fresh(session(), policy=POLICY, now=NOW + timedelta(minutes=5))
    assert not is_fresh(session(), policy=POLICY, now=NOW + timedelta(minutes=5, seconds=1))


@pytest.mark.parametrize(
    ("proof", "role", "factor", "sufficient"),
    [
        (Proof.PASSWORD, Role.WINDOW_OPERATOR, SecondFactor.EVERYONE, False),
        (Proof.PASSWORD, Role.WINDOW_OPERATOR, SecondFactor.ADMINISTRATORS, True),
        (Proof.PASSWORD, Role.AUDIT_ADMIN, SecondFactor.ADMINISTRATORS, False),
        (Proof.PASSWORD, Role.PROVINCE_OPERATOR, SecondFactor.ADMINISTRATORS, False),
        (Proof.PASSWORD_AND_CODE, Role.AUDIT_ADMIN, SecondFactor.EVERYONE, True),
        (Proof.CERTIFICATE, Role.AUDIT_ADMIN, SecondFactor.EVERYONE, True),
    ],
)
def test_who_needs_two_ways_of_proof(
    proof: Proof,
    role: Role,
    factor: SecondFactor,
    sufficient: bool,  # noqa: FBT001 (a row)
) -> None:
    policy = replace(POLICY, second_factor=factor)

    assert enough(proof, user(role), policy=policy) is sufficient


def test_administrators_have_one_session_and_others_three() -> None:
    assert sessions_allowed(user(Role.AUDIT_ADMIN), policy=POLICY) == 1
    assert sessions_allowed(user(Role.PROVINCE_OPERATOR), policy=POLICY) == 3


@pytest.mark.parametrize("name", list(BOUNDS))
def test_a_figure_outside_its_bounds_is_named(name: str) -> None:
    low, high = BOUNDS[name]

    for value in (low - 1, high + 1):
        changed: dict[str, Any] = {name: value}
        faults = policy_faults(replace(POLICY, **changed))
        assert [fault.field for fault in faults] == [name]


def test_the_policy_that_a_node_begins_with_is_within_its_bounds() -> None:
    assert policy_faults(POLICY) == ()
