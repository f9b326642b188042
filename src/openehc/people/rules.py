"""Decisions about people: logins, passwords, who may sign in, which session lives.

Pure: told the time, the policy and the rows; touches no hash and no database.
"""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from openehc.kernel.refusal import Fault, Reason, Refusal
from openehc.people.model import Proof, Session, User, UserState
from openehc.people.permissions import Role
from openehc.people.policy import Policy, SecondFactor

LONGEST_PASSWORD: Final = 128
"""Characters; a longer one only costs time to hash."""

_LOGIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,30})[a-z0-9]")
_LEAST_DIFFERENT: Final = 5


def login_of(text: str) -> str | None:
    """The login that a typed text names; None when no login can look like that.

    Logins are ASCII, so that none can be confused with another; letters of other alphabets
    that Unicode folds to ASCII (K as the Kelvin sign) do not count as these.
    """
    if not text.isascii():
        return None
    lowered = text.lower()
    return lowered if _LOGIN.fullmatch(lowered) else None


def login_faults(text: str) -> tuple[Fault, ...]:
    """What is wrong with a new login."""
    if login_of(text) == text:
        return ()
    return (
        Fault(
            "login",
            "登录名为3至32位小写字母、数字、点、下划线或短横线，首尾为字母或数字",
            "3 to 32 lower-case letters, digits, dots, underscores or hyphens; begins and ends "
            "with a letter or digit",
        ),
    )


def display_name_faults(text: str) -> tuple[Fault, ...]:
    """A name that people read: no control, private or direction-changing characters."""
    shown = all(unicodedata.category(char)[0] not in "CZ" or char == " " for char in text)
    if text and text == text.strip() and shown:
        return ()
    return (Fault("display_name", "姓名包含不可见字符或为空", "empty, or invisible characters"),)


def password_faults(password: str, *, login: str, policy: Policy) -> tuple[Fault, ...]:
    """What is wrong with a new password (材料二 附录A 5.3.1: length, both cases, digits)."""
    found = []
    if not policy.password_length <= len(password) <= LONGEST_PASSWORD:
        found.append(
            _password(
                f"密码长度为{policy.password_length}至{LONGEST_PASSWORD}位",
                f"{policy.password_length} to {LONGEST_PASSWORD} characters",
            )
        )
    if not _mixed(password):
        found.append(
            _password(
                "密码须包含大写字母、小写字母和数字",
                "capital letters, small letters and digits are needed",
            )
        )
    if len(set(password)) < _LEAST_DIFFERENT:
        found.append(_password("密码中重复字符过多", "too few different characters"))
    folded = password.casefold()
    if login in folded or login[::-1] in folded:
        found.append(_password("密码不得包含登录名", "it must not hold the login name"))
    return tuple(found)


def _password(zh: str, en: str) -> Fault:
    return Fault("password", zh, en)


def _mixed(password: str) -> bool:
    classes = (str.isupper, str.islower, str.isdigit)
    return all(any(is_of(char) for char in password) for is_of in classes)


def refusal_of_user(user: User, *, policy: Policy, now: datetime) -> str:
    """Why a user whose proof holds may not sign in; empty when they may."""
    if user.state is not UserState.ACTIVE:
        return "disabled"
    used = max(filter(None, (user.last_sign_in_at, user.created_at, user.password_changed_at)))
    if now - used > timedelta(days=policy.unused_days):
        return "unused"
    return ""


def password_overdue(user: User, *, policy: Policy, now: datetime) -> bool:
    """Whether the password has to be changed before anything else."""
    return user.must_change_password or days_left(user, policy=policy, now=now) < 0


def days_left(user: User, *, policy: Policy, now: datetime) -> int:
    """Whole days until the password expires; negative when it has."""
    return (user.password_changed_at + timedelta(days=policy.password_days) - now).days


def second_factor_needed(user: User, *, policy: Policy) -> bool:
    """Whether a real node asks this user for two ways of proof (材料一 9.4, 材料二 附录B 5.3)."""
    if policy.second_factor is SecondFactor.EVERYONE:
        return True
    return user.administrator or Role.PROVINCE_OPERATOR in user.roles


def why_ended(session: Session, user: User, *, policy: Policy, now: datetime) -> str:
    """Why a session does not live any more; empty while it does."""
    if user.state is not UserState.ACTIVE:
        return "user-disabled"
    if now - session.seen_at > policy.idle:
        return "idle"
    if now - session.created_at > policy.longest:
        return "too-long"
    return ""


def is_fresh(session: Session, *, policy: Policy, now: datetime) -> bool:
    """Whether the person proved themselves within the last minutes."""
    return now - session.proved_at <= timedelta(minutes=policy.fresh_minutes)


def sessions_allowed(user: User, *, policy: Policy) -> int:
    """How many sessions of one user may live at once."""
    return policy.administrator_sessions if user.administrator else policy.other_sessions


def enough(proof: Proof, user: User, *, policy: Policy) -> bool:
    """Whether a session proved like this may do more than enrol a second factor."""
    return proof.two_factors or not second_factor_needed(user, policy=policy)


def overtaken() -> Refusal:
    """Somebody changed the row meanwhile."""
    return Refusal(Reason.RECORD_CHANGED)


def unknown_user() -> Refusal:
    """No such user."""
    return Refusal(Reason.RECORD_UNKNOWN, "没有该用户。", "There is no such user.")
