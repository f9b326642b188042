"""Who is admitted, from where, to what."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from openehc.access.model import NO_LIMITS, Institution, Limits, Standing
from openehc.access.registry import Admission, Registers, Registry
from openehc.envelope.profile import NATIONAL
from openehc.kernel.refusal import Reason, Refusal
from tests.support.signed_requests import (
    APPLICATION,
    CLIENT,
    EHCAPPID,
    INSTITUTION,
    METHOD,
    REGISTERS,
    TERMINAL,
    registry,
)

SUSPENDED = Standing.SUSPENDED


def ask(registers: Registers, *, app_id: str = CLIENT.app_id, term_id: str = CLIENT.term_id,
        method: str = METHOD) -> Admission | Refusal:  # fmt: skip
    return registry(registers).admit(app_id, term_id=term_id, method=method)


def reason_of(answer: Admission | Refusal) -> Reason:
    assert isinstance(answer, Refusal)
    return answer.reason


def test_a_granted_application_at_its_terminal_is_admitted() -> None:
    answer = ask(REGISTERS)

    assert isinstance(answer, Admission)
    assert (answer.ehcappid, answer.org_name) == (EHCAPPID, INSTITUTION.org_name)


def test_an_unknown_application_is_refused() -> None:
    assert reason_of(ask(REGISTERS, app_id="nobody")) is Reason.APP_UNKNOWN


@pytest.mark.requirement("G1-6.4-7")
def test_an_unregistered_terminal_is_refused() -> None:
    assert reason_of(ask(REGISTERS, term_id="T-9999")) is Reason.TERMINAL_UNKNOWN


def test_a_suspended_terminal_is_refused() -> None:
    registers = replace(REGISTERS, terminals=(replace(TERMINAL, standing=SUSPENDED),))

    assert reason_of(ask(registers)) is Reason.TERMINAL_UNKNOWN


@pytest.mark.requirement("G1-9.4-9")
def test_a_method_without_a_grant_is_refused() -> None:
    assert reason_of(ask(REGISTERS, method="ehc.ehealthcard.close")) is Reason.NOT_GRANTED


def test_a_suspended_application_is_refused() -> None:
    registers = replace(REGISTERS, applications=(replace(APPLICATION, standing=SUSPENDED),))

    assert reason_of(ask(registers)) is Reason.NOT_GRANTED


def test_a_suspended_institution_is_refused() -> None:
    registers = replace(REGISTERS, institutions=(replace(INSTITUTION, standing=SUSPENDED),))

    assert reason_of(ask(registers)) is Reason.NOT_GRANTED


def test_an_application_of_a_suspended_institution_is_refused_everywhere() -> None:
    elsewhere = Institution(2, "99019902000000000A1001", "示例市第二医院")
    registers = Registers(
        (replace(INSTITUTION, standing=SUSPENDED), elsewhere),
        (APPLICATION,),
        (replace(TERMINAL, institution_id=2),),
    )

    assert reason_of(ask(registers)) is Reason.NOT_GRANTED


def test_a_withdrawn_grant_works_at_once() -> None:
    register = registry()
    register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    register.replace(replace(REGISTERS, applications=(replace(APPLICATION, grants=frozenset()),)))

    answer = register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)

    assert reason_of(answer) is Reason.NOT_GRANTED


def test_a_terminal_that_is_suspended_is_refused_from_then_on() -> None:
    register = registry()
    register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    register.replace(replace(REGISTERS, terminals=(replace(TERMINAL, standing=SUSPENDED),)))

    answer = register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)

    assert reason_of(answer) is Reason.TERMINAL_UNKNOWN


def test_a_terminal_that_is_registered_later_is_admitted() -> None:
    register = registry(replace(REGISTERS, terminals=()))
    register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    register.replace(REGISTERS)

    answer = register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)

    assert isinstance(answer, Admission)


def test_a_caller_whose_secret_stayed_keeps_its_keys() -> None:
    register = registry()
    before = register.caller(CLIENT.app_id)
    register.replace(REGISTERS)

    assert register.caller(CLIENT.app_id) is before


def test_a_caller_whose_secret_changed_gets_new_keys() -> None:
    register = registry()
    register.replace(
        replace(REGISTERS, applications=(replace(APPLICATION, secret="A-new-secret-of-32-chars"),))
    )
    caller = register.caller(CLIENT.app_id)

    assert caller is not None
    assert caller.keys.secret == "A-new-secret-of-32-chars"


def test_a_caller_that_was_removed_is_unknown() -> None:
    register = registry()
    register.replace(Registers())

    assert register.caller(CLIENT.app_id) is None


def test_an_empty_registry_says_that_it_was_not_loaded() -> None:
    assert Registry(profiles={NATIONAL.name: NATIONAL}).loaded is False


def test_an_application_does_not_show_its_secret() -> None:
    assert CLIENT.secret not in repr(APPLICATION)


def changed(register: Registry, table: str, key: int, **found: Any) -> None:
    register.change(table, [key], Registers(**found))


def numbered() -> Registers:
    return replace(
        REGISTERS,
        applications=(replace(APPLICATION, application_id=7),),
        terminals=(replace(TERMINAL, terminal_id=9),),
    )


@pytest.mark.parametrize(
    ("table", "key", "found", "reason"),
    [
        ("applications", 7, {"applications": (replace(APPLICATION, standing=SUSPENDED),)},
         Reason.NOT_GRANTED),
        ("applications", 7, {}, Reason.APP_UNKNOWN),
        ("terminals", 9, {"terminals": (replace(TERMINAL, standing=SUSPENDED),)},
         Reason.TERMINAL_UNKNOWN),
        ("terminals", 9, {}, Reason.TERMINAL_UNKNOWN),
        ("institutions", 1, {"institutions": (replace(INSTITUTION, standing=SUSPENDED),)},
         Reason.NOT_GRANTED),
    ],
)  # fmt: skip
def test_one_changed_row_stops_what_it_stops(
    table: str, key: int, found: dict[str, Any], reason: Reason
) -> None:
    register = registry(numbered())
    register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)

    changed(register, table, key, **found)

    answer = register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    assert reason_of(answer) is reason


def test_one_changed_row_leaves_the_keys_of_others_and_its_own_unchanged_ones() -> None:
    register = registry(numbered())
    before = register.caller(CLIENT.app_id)

    changed(
        register, "applications", 7,
        applications=(replace(APPLICATION, app_name="新名", application_id=7),),
    )  # fmt: skip

    assert register.caller(CLIENT.app_id) is before


def test_a_number_that_moved_to_another_row_is_served_from_there() -> None:
    register = registry(numbered())

    changed(register, "terminals", 9)
    changed(register, "terminals", 10, terminals=(replace(TERMINAL, terminal_id=10),))

    answer = register.admit(CLIENT.app_id, term_id=CLIENT.term_id, method=METHOD)
    assert isinstance(answer, Admission)


def test_limits_follow_the_row() -> None:
    register = registry(numbered())
    limited = replace(APPLICATION, application_id=7, limits=Limits(rate_limit=5))

    changed(register, "applications", 7, applications=(limited,))
    first = register.limits(CLIENT.app_id)
    changed(register, "applications", 7, applications=(replace(limited, limits=NO_LIMITS),))

    assert (first, register.limits(CLIENT.app_id)) == (Limits(rate_limit=5), None)


def test_an_application_without_a_secret_does_not_speak() -> None:
    register = registry(replace(REGISTERS, applications=(replace(APPLICATION, secret=""),)))

    assert register.caller(CLIENT.app_id) is None


def test_after_a_rotation_the_caller_holds_both_secrets() -> None:
    until = datetime(2026, 3, 3, tzinfo=UTC)
    rotated = replace(
        APPLICATION, secret="A-new-secret", previous_secret=APPLICATION.secret,
        previous_until=until,
    )  # fmt: skip

    caller = registry(replace(REGISTERS, applications=(rotated,))).caller(CLIENT.app_id)

    assert caller is not None
    assert caller.older is not None
    assert (caller.keys.secret, caller.older.keys.secret) == ("A-new-secret", CLIENT.secret)
    assert caller.older.until == until


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        (Standing.APPLIED, "待审核"), (Standing.REFUSED, "未通过审核"),
        (Standing.SUSPENDED, "已停用"), (Standing.BLACKLISTED, "已列入黑名单"),
        (Standing.EXITED, "已退出接入"),
    ],
)  # fmt: skip
def test_the_refusal_says_how_the_institution_stands(standing: Standing, word: str) -> None:
    answer = ask(replace(REGISTERS, institutions=(replace(INSTITUTION, standing=standing),)))

    assert isinstance(answer, Refusal)
    assert word in answer.detail
