"""Every kind of field: what it takes, what that becomes, and what it refuses."""

import json

import pytest

from openehc.spec import load
from tests.support.spec_tables import registration, verification

REGISTER = "ehc.ehealthcard.register"
VERIFY = "ehc.ehealthcode.verify"

# kind -> (field, sent, becomes)
TAKEN = {
    "text": ("address", "幸福路1号", "幸福路1号"),
    "text, outer blanks": ("address", " \u3000幸福路 1号 ", "幸福路 1号"),
    "text, rare character": ("user_name", "甄\U00031350", "甄\U00031350"),
    "text, middle dot": ("user_name", "甄·样本", "甄·样本"),
    "code": ("user_sex", "2", "2"),
    "code, outer blanks": ("user_sex", " 2 ", "2"),
    "code of a document": ("id_type", "A1", "A1"),
    "apply method 4": ("apply_method", "4", "4"),
    "date": ("birthday", "20240229", "20240229"),
    "date with hyphens": ("birthday", "2024-02-29", "20240229"),
    "time": ("out_register_time", "20240229235959", "20240229235959"),
    "time with marks": ("out_register_time", "2024-02-29 23:59:59", "20240229235959"),
    "time in milliseconds": ("out_register_time", "1709222399999", "20240229235959"),
    "phone": ("mobile_phone", "+86-13800000000", "+86-13800000000"),
    "phone with blanks": ("mobile_phone", " 138 0000 0000 ", "13800000000"),
    "short phone": ("mobile_phone", "12345", "12345"),
    "integer": ("time_expire", 300, 300),
    "integer in a string": ("time_expire", " 1 ", 1),
    "flag": ("pub_flag", "Y", "Y"),
    "nation code": ("nation", "31", "31"),
    "nation name": ("nation", "达斡尔族", "31"),
    "nation name as printed": ("nation", "达尔族", "31"),
    "nation without 族": ("nation", "汉", "01"),
    "photo": ("photo_info", "/9j/4AAQ==", "/9j/4AAQ=="),
    "photo in lines": ("photo_info", "/9j/\r\n4AAQ\r\n", "/9j/4AAQ"),
    "longest photo": ("photo_info", "A" * 700_000, "A" * 700_000),
    "tags": ("user_tags", ["老人", " 优抚 ", "老人"], ["老人", "优抚"]),
    "tags in a string": ("user_tags", "老人,优抚，,", ["老人", "优抚"]),
}  # fmt: skip

# kind -> (field, sent, problem)
REFUSED = {
    "text too long": ("user_name", "甄" * 51, "超过50个字符"),
    "text as number": ("user_name", 7, "类型应为字符串"),
    "text as array": ("user_name", ["甄"], "类型应为字符串"),
    "text with NUL": ("user_name", "甄\x00样本", "含有控制字符"),
    "text with tab": ("address", "一\t二", "含有控制字符"),
    "text with half a surrogate": ("user_name", "甄\ud800", "含有控制字符"),
    "text with invisible mark": ("user_name", "甄\u200b样本", "含有控制字符"),
    "text turned around": ("user_name", "甄\u202e样本", "含有控制字符"),
    "unknown code": ("id_type", "98", "不在字典id_type中"),
    "code as number": ("user_sex", 1, "类型应为字符串"),
    "code as array": ("user_sex", ["1"], "类型应为字符串"),
    "29 February of a common year": ("birthday", "20230229", "不是有效日期"),
    "date of six digits": ("birthday", "240229", "不是有效日期"),
    "date by week": ("birthday", "2024-W01", "不是有效日期"),
    "date in other digits": ("birthday", "2024022\uff19", "不是有效日期"),
    "date as number": ("birthday", 20240229, "类型应为字符串"),
    "hour 24": ("out_register_time", "20240229240000", "不是有效时间"),
    "minute 60": ("out_register_time", "20240229236000", "不是有效时间"),
    "time without seconds": ("out_register_time", "202402292359", "不是有效时间"),
    "time in words": ("out_register_time", "2024-02-29T23:59:59", "不是有效时间"),
    "milliseconds in other digits": ("out_register_time", "170922239999\uff19", "不是有效时间"),
    "time as number": ("out_register_time", 1709222399999, "类型应为字符串"),
    "phone too short": ("mobile_phone", "1234", "应为5至20个字符"),
    "phone too long": ("mobile_phone", "1" * 21, "应为5至20个字符"),
    "phone in words": ("mobile_phone", "电话不详细", "不是有效电话号码"),
    "phone of hyphens": ("mobile_phone", "------", "不是有效电话号码"),
    "integer too small": ("time_expire", 0, "不得小于1"),
    "integer too large": ("time_expire", "301", "不得大于300"),
    "integer with a point": ("time_expire", 60.0, "应为整数"),
    "integer as bool": ("time_expire", True, "应为整数"),
    "integer in words": ("time_expire", "60s", "应为整数"),
    "integer of 5000 digits": ("time_expire", "9" * 5000, "应为整数"),
    "flag in lower case": ("pub_flag", "y", "应为Y或N"),
    "unknown nation": ("nation", "火星族", "不在字典nation中"),
    "photo too long": ("photo_info", "A" * 700_001, "超过700000个字符"),
    "photo of other letters": ("photo_info", "data:image/jpeg;base64,AAAA", "应为BASE64文本"),
    "unknown photo format": ("photo_fomat", "PNG", "不在字典photo_format中"),
    "tags as number": ("user_tags", 7, "应为数组或逗号分隔的文本"),
    "tag too long": ("user_tags", ["好" * 33], "第1项超过32个字符"),
    "tag as number": ("user_tags", ["好", 7], "第2项类型应为字符串"),
    "too many tags": ("user_tags", [f"标签{n}" for n in range(21)], "多于20项"),
}  # fmt: skip


@pytest.mark.parametrize(("field", "sent", "becomes"), TAKEN.values(), ids=TAKEN)
def test_a_good_value_is_normalised(field: str, sent: object, becomes: object) -> None:
    table = load().methods[REGISTER]

    checked = table.check(registration() | {field: sent})

    assert (checked.faults, checked.values[field]) == ((), becomes)


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
@pytest.mark.parametrize(("field", "sent", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_bad_value_is_refused(field: str, sent: object, problem: str) -> None:
    table = load().methods[REGISTER]

    checked = table.check(registration() | {field: sent})

    assert [(fault.field, fault.problem) for fault in checked.faults] == [(field, problem)]


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
def test_a_refused_value_is_not_handed_on() -> None:
    checked = load().methods[REGISTER].check(registration() | {"id_type": "98"})

    assert "id_type" not in checked.values


CARD = {"card_type": "01", "card_no": "K1"}
OTHER = {"card_type": "L3", "card_no": "K2"}

CARDS_TAKEN = {
    "one": ([CARD], [CARD | {"is_default": "N"}]),
    "default": ([CARD, OTHER | {"is_default": "Y"}],
                [CARD | {"is_default": "N"}, OTHER | {"is_default": "Y"}]),
    "in a string": (json.dumps([CARD]), [CARD | {"is_default": "N"}]),
    "twice": ([CARD, OTHER, CARD], [CARD | {"is_default": "N"}, OTHER | {"is_default": "N"}]),
    "with more": ([CARD | {"colour": "red"}], [CARD | {"is_default": "N"}]),
}  # fmt: skip

CARDS_REFUSED = {
    "no array": ({"card_no": "K1"}, "应为数组"),
    "no JSON": ("K1", "应为数组"),
    "no array in the string": ("7", "应为数组"),
    "full-width quotes": ("[{“card_type”:”01”}]", "应为数组"),
    "deep brackets": ("[" * 9_000, "应为数组"),
    "huge string": (json.dumps([CARD]) + " " * 9_990 + "x", "超过10000个字符"),
    "no object": ([CARD, "K1"], "第2项应为对象"),
    "no type": ([{"card_no": "K1"}], "第1项的card_type必填"),
    "null number": ([CARD | {"card_no": None}], "第1项的card_no必填"),
    "unknown type": ([CARD | {"card_type": "77"}], "第1项的card_type不在字典card_type中"),
    "number too long": ([CARD | {"card_no": "1" * 33}], "第1项的card_no超过32个字符"),
    "bad default": ([CARD | {"is_default": 1}], "第1项的is_default类型应为字符串"),
    "two defaults": ([CARD | {"is_default": "Y"}, OTHER | {"is_default": "Y"}], "默认卡多于一张"),
    "too many": ([CARD] * 21, "多于20项"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "becomes"), CARDS_TAKEN.values(), ids=CARDS_TAKEN)
def test_bound_cards_are_normalised(sent: object, becomes: object) -> None:
    checked = load().methods[REGISTER].check(registration() | {"card_list": sent})

    assert (checked.faults, checked.values["card_list"]) == ((), becomes)


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
@pytest.mark.parametrize(("sent", "problem"), CARDS_REFUSED.values(), ids=CARDS_REFUSED)
def test_bad_bound_cards_are_refused(sent: object, problem: str) -> None:
    checked = load().methods[REGISTER].check(registration() | {"card_list": sent})

    assert [fault.problem for fault in checked.faults] == [problem]


@pytest.mark.requirement("H-8-2")
@pytest.mark.parametrize("code", [entry.code for entry in load().dictionary("treatment").entries])
def test_a_treatment_of_any_level_is_accepted(code: str) -> None:
    checked = load().methods[VERIFY].check(verification() | {"treatment_code": code})

    assert checked.values["treatment_code"] == code
