"""What of a person is shown on screens and in lists."""

import pytest

from openehc.kernel.masking import (
    masked_account,
    masked_id_no,
    masked_name,
    masked_phone,
    masked_text,
)


@pytest.mark.requirement("G1-B.1-2", "G2-B-5.3-32")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("甲样", "甲*"),
        ("甲样本", "甲*本"),
        ("甲乙样本", "甲*样本"),
        ("𠮷样例", "𠮷*例"),
        ("样", "*"),
        ("", ""),
    ],
)
def test_the_second_character_of_a_name_is_starred(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@pytest.mark.requirement("G1-B.1-3", "G2-B-5.3-32")
@pytest.mark.parametrize(
    ("id_no", "shown"),
    [
        ("990101199001010019", "9901**********0019"),
        ("ZZ0000001", "ZZ00*0001"),
        ("ZZ000001", "Z******1"),
        ("ABC", "A*C"),
        ("AB", "**"),
        ("", ""),
    ],
)
def test_four_characters_at_each_end_of_a_document_number_are_shown(id_no: str, shown: str) -> None:
    assert masked_id_no(id_no) == shown


@pytest.mark.requirement("G2-B-5.3-32")
@pytest.mark.parametrize(
    ("phone", "shown"),
    [("19900000123", "199****0123"), ("1234567", "******7"), ("5", "5"), ("", "")],
)
def test_the_head_and_tail_of_a_phone_number_are_shown(phone: str, shown: str) -> None:
    assert masked_phone(phone) == shown


@pytest.mark.requirement("G2-B-5.3-32")
@pytest.mark.parametrize(
    ("number", "shown"),
    [("6222000011112222", "************2222"), ("MZ-1", "**-1"), ("12345", "***45"), ("7", "*"),
     ("", "")],
)  # fmt: skip
def test_a_card_number_ends_in_at_most_four_signs_and_never_half_of_it(
    number: str, shown: str
) -> None:
    assert masked_account(number) == shown


def test_a_text_only_tells_that_it_is_there() -> None:
    assert (masked_text("示例路1号"), masked_text("")) == ("***", "")
