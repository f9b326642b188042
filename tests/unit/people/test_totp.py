"""Codes of authenticators, against the published vectors of RFC 6238."""

import base64
from datetime import UTC, datetime
from typing import Final

import pyotp
import pytest

from openehc.people.passwords import initial_password
from openehc.people.policy import Policy
from openehc.people.rules import password_faults
from openehc.people.totp import (
    enrolment_link,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of,
)
from tests.support.counted_entropy import CountedEntropy

RFC_SECRET: Final = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_the_published_codes_name_their_steps(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert step_of(code, secret=RFC_SECRET, now=now) == seconds // 30


@pytest.mark.parametrize(
    "code", ["", "28708", "2870820", "28708a", "\uff12\uff18\uff17\uff10\uff18\uff12", " 287082"]
)
def test_what_is_no_code_names_none(code: str) -> None:
    assert step_of(code, secret=RFC_SECRET, now=datetime.fromtimestamp(59, UTC)) is None


def test_a_link_tells_the_authenticator_everything() -> None:
    secret = new_secret(CountedEntropy())

    read = pyotp.parse_uri(enrolment_link(secret, login="somebody", node="9901A0001"))

    assert (read.secret, read.name, read.issuer) == (secret, "somebody@9901A0001", "OpenEHC")


def test_a_recovery_code_is_found_however_it_is_typed() -> None:
    codes = new_recovery_codes(CountedEntropy())

    assert len(set(codes)) == 8
    assert recovery_hash(f" {codes[0][:8].upper()}-{codes[0][8:]} ") == recovery_hash(codes[0])


def test_an_initial_password_obeys_the_rules_and_is_easy_to_type() -> None:
    made = {initial_password(CountedEntropy(bytes([seed]))) for seed in range(50)}

    assert len(made) == 50
    assert not any(password_faults(one, login="somebody", policy=Policy()) for one in made)
    assert not set("".join(made)) & set("O0Il1")
