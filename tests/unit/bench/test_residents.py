"""Invented residents are believable to the platform, and never the same twice."""

import pytest

from bench.residents import AREAS, BIRTHDAYS, BORN_THAT_DAY, HOW_MANY, resident
from openehc.cards.identity import number_fault, sex_in

# The ends of every wheel that turns in a number.
CORNERS = (
    0, 1, BIRTHDAYS - 1, BIRTHDAYS, BIRTHDAYS * BORN_THAT_DAY - 1, BIRTHDAYS * BORN_THAT_DAY,
    HOW_MANY - 1,
)  # fmt: skip


@pytest.mark.parametrize("number", CORNERS)
def test_an_invented_document_number_passes_the_check_of_identity_numbers(number: int) -> None:
    assert number_fault(resident(number).id_no) is None


@pytest.mark.parametrize("number", CORNERS)
def test_the_sex_of_an_invented_resident_agrees_with_the_document(number: int) -> None:
    person = resident(number)

    assert person.user_sex == sex_in(person.id_no)


@pytest.mark.parametrize("stride", [1, BIRTHDAYS, BIRTHDAYS * BORN_THAT_DAY])
def test_two_numbers_never_make_the_same_document(stride: int) -> None:
    documents = {resident(stride * step).id_no for step in range(AREAS)}

    assert len(documents) == AREAS


def test_no_invented_resident_lives_in_a_real_area() -> None:
    areas = {resident(BIRTHDAYS * BORN_THAT_DAY * area).id_no[:4] for area in range(AREAS)}

    assert areas == {"9901"}
