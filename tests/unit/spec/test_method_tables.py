"""The field tables of the hospital door, and how a whole message is judged."""

import pytest

from openehc.spec import Status, load
from tests.support.spec_tables import registration, verification

SERIALS = {
    "ehc.ehealthcard.querywithreg": "out_register_no",
    "ehc.ehealthcard.register": "out_register_no",
    "ehc.ehealthcard.regquery": "out_register_no",
    "ehc.ehealthcard.alterinfo": "out_alter_no",
    "ehc.ehealthcard.alterlink": "out_alter_no",
    "ehc.ehealthcard.close": "out_close_no",
    "ehc.ehealthcode.verify": "out_verify_no",
    "ehc.ehealthcard.authurl": "out_authorize_no",
    "ehc.ehealthcard.auth.query": "",
    "ehc.ehealthcode.generate": "out_generate_no",
    "ehc.ehealthcard.records": "",
}
REQUIRED = {
    "ehc.ehealthcard.querywithreg": set(registration()),
    "ehc.ehealthcard.register": set(registration()),
    "ehc.ehealthcard.regquery": set(),
    "ehc.ehealthcard.alterinfo": {"ehealth_card_id", "out_alter_no", "out_alter_time"},
    "ehc.ehealthcard.alterlink": {
        "ehealth_card_id", "card_list", "out_alter_no", "out_alter_time",
    },
    "ehc.ehealthcard.close": {"ehealth_card_id", "out_close_no", "out_close_time"},
    "ehc.ehealthcode.verify": set(verification()),
    "ehc.ehealthcard.authurl": {
        "out_authorize_no", "out_authorize_time", "operator_id", "operator_name", "treatment_code",
    },
    "ehc.ehealthcard.auth.query": {"out_authorize_no"},
    "ehc.ehealthcode.generate": set(),
    "ehc.ehealthcard.records": set(),
}  # fmt: skip
QUERYWITHREG = "ehc.ehealthcard.querywithreg"
VERIFY = "ehc.ehealthcode.verify"
GENERATE = "ehc.ehealthcode.generate"
RECORDS = "ehc.ehealthcard.records"


@pytest.mark.parametrize(("name", "serial"), SERIALS.items())
def test_a_method_knows_its_serial_number(name: str, serial: str) -> None:
    assert load().methods[name].serial_field == serial


def test_there_are_eleven_methods_of_which_two_are_ours() -> None:
    own = [table.name for table in load().methods.values() if table.status is Status.LOCAL]

    assert (set(load().methods), own) == (set(SERIALS), [GENERATE, RECORDS])


@pytest.mark.parametrize("name", SERIALS)
def test_a_method_is_titled_as_in_the_dictionary(name: str) -> None:
    assert load().methods[name].title == load().dictionary("method").require(name).name


def test_an_unknown_method_has_no_table() -> None:
    assert load().method("ehc.ehealthcard.reg ister") is None


@pytest.mark.parametrize(("name", "required"), REQUIRED.items())
def test_exactly_the_required_fields_are_missed(name: str, required: set[str]) -> None:
    rows = load().methods[name].request

    assert {row.name for row in rows if row.required} == required


def test_name_and_document_cannot_be_altered() -> None:
    fields = {row.name for row in load().methods["ehc.ehealthcard.alterinfo"].request}

    assert fields.isdisjoint({"id_type", "id_no", "user_name"})


@pytest.mark.parametrize("name", SERIALS)
def test_a_reply_has_fields(name: str) -> None:
    assert load().methods[name].response


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
def test_all_faults_are_found_at_once() -> None:
    checked = load().methods[VERIFY].check({"ehealth_code": 7, "treatment_code": "挂号"})

    assert {fault.field: fault.problem for fault in checked.faults} == {
        "ehealth_code": "类型应为字符串",
        "out_verify_no": "必填",
        "out_verify_time": "必填",
        "operator_id": "必填",
        "operator_name": "必填",
        "treatment_code": "不在字典treatment中",
    }


def test_a_fault_bears_the_official_name_of_the_field() -> None:
    checked = load().methods[VERIFY].check(verification() | {"operator_name": None})

    assert checked.faults[0].title == "用卡验证操作员姓名"


@pytest.mark.parametrize("nothing", [None, "", " \u3000"], ids=["null", "empty", "blank"])
def test_a_required_field_that_holds_nothing_is_missing(nothing: object) -> None:
    checked = load().methods[VERIFY].check(verification() | {"operator_id": nothing})

    assert [(fault.field, fault.problem) for fault in checked.faults] == [("operator_id", "必填")]


@pytest.mark.parametrize("nothing", [None, "", " ", [], "[]"])
def test_an_empty_list_of_cards_is_missing(nothing: object) -> None:
    checked = load().methods["ehc.ehealthcard.alterlink"].check({"card_list": nothing})

    assert "必填" in {fault.problem for fault in checked.faults if fault.field == "card_list"}


@pytest.mark.parametrize("nothing", [None, "", " ", [], ","])
def test_an_optional_field_that_holds_nothing_is_left_out(nothing: object) -> None:
    checked = load().methods[QUERYWITHREG].check(registration() | {"user_tags": nothing})

    assert (checked.faults, "user_tags" in checked.values) == ((), False)


def test_an_unknown_field_is_ignored() -> None:
    checked = load().methods[VERIFY].check(verification() | {"colour": "red"})

    assert checked.values == verification()


@pytest.mark.requirement("H-7-9")
def test_a_code_is_static_and_a_dynamic_one_lives_a_minute_unless_asked_otherwise() -> None:
    checked = load().methods[QUERYWITHREG].check(registration())

    assert (checked.values["generate_type"], checked.values["time_expire"]) == ("static", 60)


def test_flags_are_off_unless_set() -> None:
    checked = load().methods[QUERYWITHREG].check(registration())

    assert (checked.values["pub_flag"], checked.values["QRprint"]) == ("N", "N")


@pytest.mark.parametrize("spelling", ["photo_fomat", "photo_format"])
def test_the_photo_format_is_accepted_in_both_spellings(spelling: str) -> None:
    checked = load().methods[QUERYWITHREG].check(registration() | {spelling: "JPGBASE64"})

    assert checked.values["photo_fomat"] == "JPGBASE64"


def test_a_wrong_value_under_an_alias_is_a_fault_of_the_field() -> None:
    checked = load().methods[QUERYWITHREG].check(registration() | {"photo_format": "PNG"})

    assert [fault.field for fault in checked.faults] == ["photo_fomat"]


@pytest.mark.parametrize(
    "biz",
    [{"ehealth_card_id": "A1" * 32}, {"id_type": "01", "id_no": "110101199003070134"}],
    ids=["by card", "by document"],
)
def test_one_complete_group_is_enough(biz: dict[str, object]) -> None:
    assert load().methods[GENERATE].check(biz).faults == ()


def test_beside_a_complete_group_another_may_be_begun() -> None:
    checked = load().methods[GENERATE].check({"ehealth_card_id": "A1" * 32, "id_type": "01"})

    assert checked.faults == ()


def test_without_any_group_the_choice_is_named() -> None:
    checked = load().methods[GENERATE].check({})

    assert [fault.problem for fault in checked.faults] == ["须填写ehealth_card_id或id_type+id_no"]


def test_of_a_group_begun_only_the_rest_is_missed() -> None:
    checked = load().methods[GENERATE].check({"id_type": "01"})

    assert [(fault.field, fault.problem) for fault in checked.faults] == [("id_no", "必填")]


def test_a_group_with_a_wrong_value_is_not_also_missed() -> None:
    checked = load().methods[GENERATE].check({"id_type": "98", "id_no": "110101199003070134"})

    assert [fault.field for fault in checked.faults] == ["id_type"]
