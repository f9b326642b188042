"""What requests say of cards and codes."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from openehc.codes.model import Tag
from openehc.gateway.calls import Call
from openehc.gateway.code_requests import generate_command, read_ehcid
from openehc.gateway.persons import card_list_reply, identity_reply, person_reply
from openehc.kernel.refusal import Refusal
from openehc.spec import load
from tests.support.residents import account, bound, resident
from tests.support.signed_requests import NOW, admission

GENERATE = "ehc.ehealthcode.generate"


def asked(**fields: Any) -> Call:
    checked = load().methods[GENERATE].check({"ehealth_card_id": "A1" * 32, **fields})
    assert checked.faults == ()
    return Call(GENERATE, admission(), checked.values, None, "", NOW)


@pytest.mark.requirement("H-7-9")
def test_a_code_is_static_unless_it_is_asked_to_be_dynamic() -> None:
    assert generate_command(asked(), serial=None).tag is Tag.STATIC


def test_a_dynamic_code_is_made_when_it_is_asked_for() -> None:
    assert generate_command(asked(generate_type="dynamic"), serial=None).tag is Tag.DYNAMIC


@pytest.mark.requirement("H-7-9")
@pytest.mark.parametrize("seconds", [1, 300, "300"])
def test_a_dynamic_code_lives_as_long_as_asked(seconds: int | str) -> None:
    command = generate_command(asked(generate_type="dynamic", time_expire=seconds), serial=None)

    assert command.life == timedelta(seconds=int(seconds))


def test_a_dynamic_code_lives_a_minute_by_default() -> None:
    command = generate_command(asked(generate_type="dynamic"), serial=None)

    assert command.life == timedelta(seconds=60)


@pytest.mark.parametrize("seconds", [0, -1, 301])
def test_no_code_lives_longer_than_five_minutes_or_not_at_all(seconds: int) -> None:
    fields = {"ehealth_card_id": "A1" * 32, "time_expire": seconds}

    assert [fault.field for fault in load().methods[GENERATE].check(fields).faults] == [
        "time_expire"
    ]


@pytest.mark.parametrize("text", ["A1" * 32, "a1" * 32])
def test_a_card_id_is_read_in_any_case(text: str) -> None:
    assert read_ehcid(text) == b"\xa1" * 32


@pytest.mark.parametrize("text", ["", "A1" * 31, "A1" * 33, "G1" * 32, f"{'A1' * 32}:1::X"])
def test_what_is_no_card_id_is_refused(text: str) -> None:
    refusal = read_ehcid(text)

    assert isinstance(refusal, Refusal)
    assert "ehealth_card_id" in refusal.detail


def test_a_reply_gives_the_default_card() -> None:
    person = resident(cards=(bound("1"), bound("2", default="Y")))

    assert identity_reply(account(person))["card_no"] == "2"


def test_a_reply_of_a_person_without_cards_has_empty_ones() -> None:
    reply = identity_reply(account())

    assert (reply["card_type"], reply["card_no"]) == ("", "")


def test_a_verification_tells_the_fields_of_its_table() -> None:
    names = {row.name for row in load().methods["ehc.ehealthcode.verify"].response}

    assert set(person_reply(account())) <= names


def test_unknown_data_are_empty_texts() -> None:
    assert person_reply(account())["address"] == ""


@pytest.mark.requirement("G1-6.1-5")
def test_a_card_list_tells_type_number_time_and_default() -> None:
    assert card_list_reply((bound("1", default="Y"),)) == [
        {"card_type": "01", "card_no": "1", "bound_at": "20260101080000", "is_default": "Y"}
    ]


def test_tags_are_told_when_there_are_some() -> None:
    tagged = account(resident(tags=("健康帮扶对象",)))

    assert identity_reply(replace(tagged))["user_tags"] == ("健康帮扶对象",)
