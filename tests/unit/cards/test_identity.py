"""Which identities are believed, and how names are written before they are hashed."""

from datetime import date

import pytest

from openehc.cards.identity import (
    Sex,
    birthday_in,
    check_digit,
    identity_faults,
    normal_id_no,
    normal_name,
    number_fault,
    sex_in,
)
from tests.support.full_width import full_width
from tests.support.residents import RARE_NAMES, identity_number, resident

TODAY = date(2026, 3, 1)
ID_NO = identity_number(19, birthday="19900101", sex="1")


def faults(**changes: str) -> list[str]:
    told = {"id_type": "01", "id_no": ID_NO, "user_sex": "1", "birthday": "19900101"}
    return identity_faults(**{**told, **changes}, today=TODAY)


@pytest.mark.parametrize("seed", range(20))
def test_an_invented_resident_is_believed(seed: int) -> None:
    person = resident(seed)

    assert faults(
        id_no=person.id_no, user_sex=person.user_sex, birthday=person.birthday
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("first_17", "last"),
    [("99010119900101001", "9"), ("99000019000101018", "X")],
)
def test_a_check_digit_follows_the_standard(first_17: str, last: str) -> None:
    assert check_digit(first_17) == last


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
@pytest.mark.parametrize("place", range(18))
def test_one_wrong_digit_is_noticed(place: int) -> None:
    digit = str((int(ID_NO[place]) + 1) % 10) if ID_NO[place] != "X" else "0"

    assert number_fault(ID_NO[:place] + digit + ID_NO[place + 1 :]) is not None


@pytest.mark.parametrize(
    "id_no", ["", ID_NO[:-1], ID_NO + "0", "990101900101001", full_width(ID_NO)]
)
def test_a_number_of_another_form_is_no_identity_number(id_no: str) -> None:
    assert number_fault(id_no) == "身份证号应为18位"


@pytest.mark.parametrize("birthday", ["19900230", "19901301", "00000101", "19900100"])
def test_a_number_with_an_impossible_birthday_is_refused(birthday: str) -> None:
    number = identity_number(5, birthday=birthday, sex="1")

    assert number_fault(number) == "身份证号中的出生日期不存在"


def test_the_birthday_is_read_from_the_number() -> None:
    assert birthday_in(ID_NO) == "19900101"


@pytest.mark.parametrize("sex", Sex)
def test_the_sex_is_read_from_the_number(sex: Sex) -> None:
    assert sex_in(identity_number(5, birthday="19900101", sex=sex)) is sex


@pytest.mark.requirement("G1-9.4-11")
def test_a_birthday_that_contradicts_the_number_is_a_fault() -> None:
    assert faults(birthday="19900102") == ["birthday(与身份证号不一致)"]


@pytest.mark.requirement("G1-9.4-11")
def test_a_sex_that_contradicts_the_number_is_a_fault() -> None:
    assert faults(user_sex="2") == ["user_sex(与身份证号不一致)"]


@pytest.mark.parametrize("code", ["0", "5", "6", "9"])
def test_an_unknown_or_changed_sex_contradicts_nothing(code: str) -> None:
    assert faults(user_sex=code) == []


def test_a_missing_birthday_contradicts_nothing() -> None:
    assert faults(birthday="") == []


def test_all_contradictions_are_told_at_once() -> None:
    assert len(faults(birthday="19900102", user_sex="2")) == 2


def test_a_birthday_of_tomorrow_is_a_fault() -> None:
    assert faults(id_type="03", id_no="ZZ0000001", birthday="20260302") == ["birthday(晚于今天)"]


def test_a_birthday_of_today_is_believed() -> None:
    assert faults(id_type="03", id_no="ZZ0000001", birthday="20260301") == []


def test_a_number_born_tomorrow_is_a_fault() -> None:
    number = identity_number(5, birthday="20260302", sex="1")

    assert faults(id_no=number, birthday="") == ["id_no(出生日期晚于今天)"]


def test_only_an_identity_card_has_a_check_digit() -> None:
    assert faults(id_type="03", id_no="ZZ0000001") == []


def test_a_document_of_32_bytes_with_its_type_fits() -> None:
    assert faults(id_type="03", id_no="Z" * 30) == []


@pytest.mark.parametrize("id_no", ["Z" * 31, "护照0000001"])
def test_a_document_that_does_not_fit_a_card_id_is_a_fault(id_no: str) -> None:
    assert len(faults(id_type="03", id_no=id_no)) == 1


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (" 甲样本 ", "甲样本"),
        ("甲 样　本", "甲样本"),
        ("阿依•样本", "阿依·样本"),
        ("阿依・样本", "阿依·样本"),
        ("阿依．样本", "阿依.样本"),
        (full_width("Maria") + "　" + full_width("Sample"), "Maria Sample"),
        ("Maria   Sample", "Maria Sample"),
        ("Jose\u0301 Ejemplo", "José Ejemplo"),
        ("Zoë Sample", "Zoë Sample"),
        ("", ""),
        (" 　", ""),
    ],
)
def test_a_name_is_brought_into_one_form(typed: str, normal: str) -> None:
    assert normal_name(typed) == normal


@pytest.mark.parametrize("name", RARE_NAMES)
def test_a_rare_name_stays_as_it_is(name: str) -> None:
    assert normal_name(name) == name


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("99000019000101000x", "99000019000101000X"),
        (full_width("zz123"), "ZZ123"),
        ("　zz1 ", "ZZ1"),
    ],
)
def test_a_document_number_is_brought_into_one_form(typed: str, normal: str) -> None:
    assert normal_id_no(typed) == normal
