"""Check digits notice errors, and normal forms settle at once."""

import unicodedata
from datetime import date

from hypothesis import assume, example, given
from hypothesis import strategies as st

from openehc.cards.identity import (
    check_digit,
    identity_faults,
    normal_id_no,
    normal_name,
    number_fault,
)
from openehc.kernel.masking import masked_id_no, masked_name, masked_phone
from tests.support.residents import RARE_NAMES, check_character, identity_number, resident

TODAY = date(2026, 3, 1)
DIGITS_17 = st.text(alphabet="0123456789", min_size=17, max_size=17)
NUMBERS = st.builds(
    lambda seed, day, sex: identity_number(seed, birthday=day.strftime("%Y%m%d"), sex=sex),
    st.integers(0, 9999),
    st.dates(min_value=date(1900, 1, 1), max_value=TODAY),
    st.sampled_from("12"),
)


@given(DIGITS_17)
def test_the_check_digit_agrees_with_the_recursion_of_the_standard(digits: str) -> None:
    assert check_digit(digits) == check_character(digits)


@given(NUMBERS)
def test_a_made_up_number_is_a_good_one(number: str) -> None:
    assert number_fault(number) is None


@given(NUMBERS, st.integers(0, 16), st.sampled_from("0123456789"))
def test_any_single_wrong_digit_is_noticed(number: str, place: int, digit: str) -> None:
    assume(number[place] != digit)

    assert number_fault(number[:place] + digit + number[place + 1 :]) is not None


@given(NUMBERS, st.integers(0, 15))
def test_any_two_neighbours_in_the_wrong_order_are_noticed(number: str, place: int) -> None:
    first, second = number[place], number[place + 1]
    assume(first != second)

    assert number_fault(number[:place] + second + first + number[place + 2 :]) is not None


@given(st.integers(0, 1_000_000))
def test_every_invented_resident_is_believed(seed: int) -> None:
    person = resident(seed)

    assert not identity_faults(
        id_type=person.id_type, id_no=person.id_no, user_sex=person.user_sex,
        birthday=person.birthday, today=TODAY,
    )  # fmt: skip


@given(st.text(), st.text(), st.text(), st.text())
@example("01", "\u0661" * 18, "1", "")
@example("01", "99000019000230101", "1", "")
def test_any_identity_is_judged(id_type: str, id_no: str, user_sex: str, birthday: str) -> None:
    faults = identity_faults(
        id_type=id_type, id_no=id_no, user_sex=user_sex, birthday=birthday, today=TODAY
    )

    assert all("(" in fault for fault in faults)


@given(st.one_of(st.text(), st.sampled_from(RARE_NAMES)))
@example("e \u0301样")
@example("\u1100 \u1161")
@example("\u037e Maria")
def test_the_normal_form_of_a_name_is_final(name: str) -> None:
    once = normal_name(name)

    assert normal_name(once) == once


@given(st.text())
def test_a_normal_name_has_no_outer_blanks(name: str) -> None:
    normal = normal_name(name)

    assert normal == normal.strip()


@given(st.text())
def test_a_decomposed_name_is_the_same_person(name: str) -> None:
    assert normal_name(unicodedata.normalize("NFD", name)) == normal_name(name)


@given(st.text())
def test_the_normal_form_of_a_number_is_final(id_no: str) -> None:
    once = normal_id_no(id_no)

    assert normal_id_no(once) == once


@given(st.text(min_size=2))
def test_a_masked_name_is_as_long_and_hides_its_second_character(name: str) -> None:
    masked = masked_name(name)

    assert (len(masked), masked[1]) == (len(name), "*")


@given(st.text(min_size=9))
def test_of_a_document_number_at_most_eight_characters_are_shown(id_no: str) -> None:
    masked = masked_id_no(id_no)

    assert masked[4:-4] == "*" * (len(id_no) - 8)


@given(st.text(alphabet="0123456789", min_size=8, max_size=20))
def test_of_a_phone_number_at_most_seven_digits_are_shown(phone: str) -> None:
    assert masked_phone(phone)[3:-4] == "*" * (len(phone) - 7)
