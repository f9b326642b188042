"""Every known answer of `vectors/`, one test each, and proof that each one bites."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from openehc.cli.vector_checks import Case, failure_of, read_cases
from tests.support import crypto_oracle as oracle

FOLDER = Path(__file__).parents[2] / "vectors"
CASES = [case for path in sorted(FOLDER.glob("*.json")) for case in read_cases(path)]
PROVES = {
    "envelope-seal": ("G3-A-3.4-1", "G3-A-3.4-2"),
    "envelope-open": ("G3-A-3.4-1", "G3-A-3.4-2"),
    "envelope-digest": ("G3-A-3.4-2",),
}
RESIDENT_NUMBER_LENGTH = 18


def named(case: Case) -> str:
    return f"{case.file.removesuffix('.json')}-{case.id}"


def proving(case: Case) -> object:
    ids = PROVES.get(case.kind)
    marks = [pytest.mark.requirement(*ids)] if ids else []
    return pytest.param(case, id=named(case), marks=marks)


def of_kind(*kinds: str) -> list[object]:
    return [pytest.param(case, id=named(case)) for case in CASES if case.kind in kinds]


@pytest.mark.parametrize("case", [proving(case) for case in CASES])
def test_the_known_answer_is_computed(case: Case) -> None:
    assert failure_of(case) is None


@pytest.mark.parametrize("case", [pytest.param(case, id=named(case)) for case in CASES])
def test_one_changed_character_of_any_expectation_fails(case: Case) -> None:
    for name, value in case.expect.items():
        at = len(value) // 2
        other = "0" if value[at] != "0" else "1"
        flipped = replace(case, expect={name: value[:at] + other + value[at + 1 :]})
        assert failure_of(flipped) is not None, name


def test_every_case_has_a_name_of_its_own() -> None:
    counted = Counter((case.file, case.id) for case in CASES)

    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("case", of_kind("mindex-id"))
def test_the_oracle_agrees_on_the_mindex_id(case: Case) -> None:
    given = case.given

    mindex_id = oracle.oracle_mindex_id(given["id_type"], given["id_no"], given["name"])

    assert mindex_id == case.expect["mindex_id"]


@pytest.mark.parametrize("case", of_kind("ehcid"))
def test_the_oracle_agrees_on_the_ehcid(case: Case) -> None:
    given, safe_key = case.given, bytes.fromhex(case.given["safe_key_hex"])
    mindex_id = given["mindex_id"]

    assert case.expect == {
        "factor": oracle.oracle_factor(mindex_id).hex().upper(),
        "user_key": oracle.oracle_user_key(mindex_id, safe_key=safe_key).hex().upper(),
        "ehcid": oracle.oracle_ehcid(
            given["id_type"], given["id_no"], mindex_id=mindex_id, safe_key=safe_key
        ),
    }


@pytest.mark.parametrize("case", of_kind("valid"))
def test_the_oracle_agrees_on_the_valid(case: Case) -> None:
    protect_key = bytes.fromhex(case.given["protect_key_hex"])

    assert case.expect["valid"] == oracle.oracle_valid(
        case.given["expires"], protect_key=protect_key
    )


@pytest.mark.parametrize("case", of_kind("envelope-seal"))
def test_the_oracle_agrees_on_the_sealed_message(case: Case) -> None:
    given, secret = case.given, case.given["app_secret"]
    biz_content = oracle.oracle_biz_content(given["biz_content_plain"], app_secret=secret)
    fields = {**given["fields"], "biz_content": biz_content}
    joined = oracle.oracle_string_to_digest(fields, app_secret=secret, leave_out=given["leave_out"])

    assert case.expect == {
        "plain_hex": given["biz_content_plain"].encode().hex().upper(),
        "biz_content": biz_content,
        "string_to_digest": joined,
        "digest": oracle.oracle_digest(joined),
    }


def test_every_resident_number_has_a_right_check_digit() -> None:
    numbers = {
        case.given["id_no"]
        for case in CASES
        if case.given.get("id_type") == "01" and "id_no" in case.given
    }

    wrong = [
        number
        for number in numbers
        if len(number) != RESIDENT_NUMBER_LENGTH or oracle.check_digit(number[:17]) != number[17]
    ]
    assert wrong == []
