"""The dictionaries hold what the documents print, mended where the print is broken."""

import re

import pytest

from openehc.spec import Entry, UnknownCode, UnknownDictionary, load

COUNTS_OF_APPENDIX_E = {
    "id_type": 12,
    "sex": 6,
    "org_level": 16,
    "org_category": 93,
    "treatment": 134,
    "pay_channel": 18,
    "app_channel": 18,
    "app_category": 15,
    "release_channel": 11,
}
COUNTS_OF_THE_HOSPITAL_DOCUMENT = {
    "id_type": 12,
    "nation": 57,
    "sex": 6,
    "treatment_hospital": 10,
    "department": 199,
}
OTHER_COUNTS = {
    "accept_status": 2,
    "apply_method": 4,
    "auth_status": 4,
    "card_type": 6,
    "certificate_mode": 2,
    "component_type": 10,
    "enc_type": 3,
    "generate_type": 2,
    "image_format": 4,
    "link_change": 3,
    "method": 24,
    "node_parent_root": 1,
    "online_or_offline": 2,
    "online_status": 3,
    "org_property": 3,
    "photo_format": 1,
    "qr_tag": 2,
    "qrflow_mode": 2,
    "return_code": 38,
    "sign_type": 2,
    "supplement_mode": 4,
    "system_level": 3,
    "test_certificate": 2,
    "use_unit_type": 7,
    "yes_no": 2,
}


@pytest.mark.requirement("G1-E-7-1")
@pytest.mark.parametrize(("name", "count"), COUNTS_OF_APPENDIX_E.items())
def test_the_dictionaries_of_appendix_e_are_whole(name: str, count: int) -> None:
    assert len(load().dictionary(name).entries) == count


@pytest.mark.requirement("H-8-2")
@pytest.mark.parametrize(("name", "count"), COUNTS_OF_THE_HOSPITAL_DOCUMENT.items())
def test_the_dictionaries_of_the_hospital_document_are_whole(name: str, count: int) -> None:
    assert len(load().dictionary(name).entries) == count


@pytest.mark.parametrize(("name", "count"), OTHER_COUNTS.items())
def test_the_small_dictionaries_are_whole(name: str, count: int) -> None:
    assert len(load().dictionary(name).entries) == count


def test_no_dictionary_is_left_uncounted() -> None:
    counted = COUNTS_OF_APPENDIX_E | COUNTS_OF_THE_HOSPITAL_DOCUMENT | OTHER_COUNTS

    assert set(load().dictionaries) == set(counted)


@pytest.mark.requirement("G1-E-7-1")
def test_the_levels_of_treatment_are_counted_as_printed() -> None:
    entries = load().dictionary("treatment").entries
    tops = {
        entry.code for entry in entries if entry.source == "附录E 7.5" and not entry.parent_code
    }
    seconds = {entry.code for entry in entries if entry.parent_code in tops}
    thirds = {entry.code for entry in entries if entry.parent_code in seconds}

    # 000000 is printed on the first level and again on the second.
    assert (len(tops), len(seconds), len(thirds)) == (18, 68, 46)


@pytest.mark.requirement("H-8-2")
def test_forty_one_departments_stand_at_the_top() -> None:
    entries = load().dictionary("department").entries

    assert sum(not entry.parent_code for entry in entries) == 41


@pytest.mark.requirement("H-8-2")
@pytest.mark.parametrize("entry", load().dictionary("treatment_hospital").entries)
def test_a_treatment_of_the_hospital_list_is_a_treatment(entry: Entry) -> None:
    assert load().dictionary("treatment").has(entry.code)


@pytest.mark.parametrize(
    ("name", "code", "mended"),
    [
        ("nation", "29", "柯尔克孜族"),
        ("nation", "31", "达斡尔族"),
        ("treatment", "0101019", "孕检"),
        ("department", "3201", "X线诊断专业"),
    ],
)
def test_a_misprinted_name_is_mended(name: str, code: str, mended: str) -> None:
    assert load().dictionary(name).require(code).name == mended


def test_no_name_holds_blanks_of_a_bad_scan() -> None:
    beside_chinese = re.compile(r"[\u3000-\u9fff\uff00-\uffef)] | [\u3000-\u9fff\uff00-\uffef(]")
    blanks = [
        (one.name, entry.code)
        for one in load().dictionaries.values()
        for entry in one.entries
        if beside_chinese.search(entry.name)
    ]

    assert blanks == []


def test_what_no_document_defines_is_marked_local() -> None:
    cards = load().dictionary("card_type").entries

    assert {entry.name for entry in cards if entry.source == "local"} == {
        "社保卡",
        "居民健康卡",
        "就诊卡",
        "市民卡",
    }


def test_an_entry_knows_its_parent_and_its_clause() -> None:
    entry = load().dictionary("treatment").require("0101011")

    assert (entry.parent_code, entry.source) == ("010101", "附录E 7.5")


def test_an_unknown_code_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UnknownCode) as caught:
        load().dictionary("sex").require("13800000000")

    assert "13800000000" not in str(caught.value)


def test_an_unknown_dictionary_is_an_error() -> None:
    with pytest.raises(UnknownDictionary):
        load().dictionary("colour")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("nation", "汉族", "01"),
        ("nation", "达尔族", "31"),
        ("department", "ＣＴ诊断专业", "3202"),
        ("app_channel", "His 系统", "601"),
        ("treatment", "挂号", "010101"),
    ],
)
def test_an_entry_is_found_by_its_name_however_printed(name: str, text: str, code: str) -> None:
    entry = load().dictionary(name).by_name(text)

    assert entry is not None
    assert entry.code == code


def test_a_name_that_two_entries_bear_finds_neither() -> None:
    assert load().dictionary("department").by_name("内科") is None


def test_an_unknown_name_finds_nothing() -> None:
    assert load().dictionary("nation").by_name("火星族") is None
