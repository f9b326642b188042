"""Usage facts carry dimensions and no person."""

from openehc.cards.usage import FACT_COLUMNS, Kind, Purpose, UsageFact, fact_values
from tests.support.residents import account, resident
from tests.support.signed_requests import NOW, admission


def _values(fact: UsageFact) -> tuple[object, ...]:
    return fact_values(fact, way=7)


def test_a_fact_has_a_value_for_each_column() -> None:
    row = _values(UsageFact(Kind.VERIFY, at=NOW, admission=admission(), account=account()))

    assert len(row) == len(FACT_COLUMNS)


def test_a_fact_holds_no_name_number_or_phone() -> None:
    person = resident()
    row = _values(UsageFact(Kind.VERIFY, at=NOW, admission=admission(), account=account(person)))

    assert not {person.user_name, person.id_no, person.mobile_phone}.intersection(map(str, row))


def test_a_fact_of_an_unknown_card_has_no_person() -> None:
    row = _values(UsageFact(Kind.VERIFY, at=NOW, admission=admission(), account=None))
    told = dict(zip(FACT_COLUMNS, row, strict=True))

    assert [told[name] for name in ("ehcid", "sex", "birth_year", "id_type")] == [None] * 4


def test_a_fact_tells_for_what_the_card_was_used() -> None:
    purpose = Purpose(treatment_code="010101", office_code="0101", operator_id="7", code_tag="0")
    row = _values(
        UsageFact(Kind.VERIFY, at=NOW, admission=admission(), account=account(), purpose=purpose)
    )
    told = dict(zip(FACT_COLUMNS, row, strict=True))

    names = ("treatment_code", "office_code", "operator_id", "code_tag")
    assert [told[name] for name in names] == ["010101", "0101", "7", "0"]


def test_the_year_of_birth_is_told_and_not_the_day() -> None:
    person = resident(birthday="19900101")
    row = _values(UsageFact(Kind.VERIFY, at=NOW, admission=admission(), account=account(person)))

    assert 1990 in row
    assert "19900101" not in map(str, row)
