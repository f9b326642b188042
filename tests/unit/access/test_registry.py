"""Who is admitted, from where, to what."""

from dataclasses import replace

import pytest

from openehc.access.model import Institution, Standing
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
