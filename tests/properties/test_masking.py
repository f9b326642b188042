"""Masks keep the length, hide what they must, and never show more than they may."""

from hypothesis import given
from hypothesis import strategies as st

from openehc.cards.masked import masked_line, masked_person
from openehc.kernel.masking import masked_account, masked_id_no, masked_name, masked_phone
from tests.support.residents import account, bound, resident

texts = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=40)
digits = st.text("0123456789", min_size=8, max_size=20)


@given(texts)
def test_a_mask_keeps_the_length_and_the_place_of_what_it_shows(text: str) -> None:
    for mask in (masked_name, masked_id_no, masked_phone, masked_account):
        masked = mask(text)
        assert len(masked) == len(text)
        assert all(shown in ("*", sign) for shown, sign in zip(masked, text, strict=True))


@given(texts.filter(bool))
def test_a_mask_always_hides_something(text: str) -> None:
    for mask in (masked_name, masked_id_no, masked_account):
        assert "*" in mask(text)


@given(texts)
def test_half_of_a_card_number_stays_hidden(text: str) -> None:
    assert masked_account(text).count("*") >= len(text) / 2


@given(
    name=st.text("\u7532\u4e59\u4e19\u4e01", min_size=2, max_size=6), phone=digits, card=digits,
    address=st.text("\u793a\u4f8b\u8def\u865f", min_size=1, max_size=30),
)  # fmt: skip
def test_nothing_of_a_person_is_whole_in_a_masked_account(
    name: str, phone: str, card: str, address: str
) -> None:
    person = resident(
        1, user_name=name, mobile_phone=phone, telephone=phone, address=address,
        work_unit=address, cards=(bound(card),),
    )  # fmt: skip
    made = account(person)

    shown = {**masked_line(made), **masked_person(made)}
    shown = {name: value for name, value in shown.items() if name != "ehealth_card_id"}

    text = repr(shown).replace(made.resident.cards[0].bound_at, "")  # a time may look like a number
    for clear in (name, phone, card, person.id_no, person.birthday, made.mindex_id):
        assert clear not in text
    assert address not in (shown["address"], shown["work_unit"])
