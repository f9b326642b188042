"""Serial numbers of applications."""

import pytest

from openehc.access.serials import Claim, InFlight, claim_of, refusal_of, serial_key
from openehc.kernel.refusal import Reason, Refusal

KEY = serial_key("app", "method", "1")


@pytest.mark.parametrize(
    "other",
    [("app", "method", "2"), ("app", "methoe", "1"), ("apq", "method", "1"),
     ("appm", "ethod", "1")],
)  # fmt: skip
def test_a_number_belongs_to_its_application_and_method(other: tuple[str, str, str]) -> None:
    assert serial_key(*other).value != KEY.value


def test_the_same_number_has_the_same_key() -> None:
    assert serial_key("app", "method", "1") == KEY


@pytest.mark.parametrize(
    ("number", "lead"),
    [("20180516000058", 20180516000058), ("HIS-01/20260516-0007", 1202605160007), ("7", 7),
     ("first", 0), ("\uff19\uff11", 0), ("9" * 32, 999_999_999_999_999_999)],
)  # fmt: skip
def test_a_number_is_led_by_its_digits(number: str, lead: int) -> None:
    assert serial_key("app", "method", number).lead == lead


def test_what_leads_tells_no_numbers_apart() -> None:
    assert serial_key("app", "method", "A-1").value != serial_key("app", "method", "B-1").value


def test_the_lock_fits_a_bigint() -> None:
    locks = [serial_key("app", "method", str(number)).lock for number in range(64)]

    assert all(-(1 << 63) <= lock < 1 << 63 for lock in locks)


def test_a_free_and_new_number_is_used() -> None:
    assert claim_of(free=True, claimed=True) is Claim.USED


def test_a_used_number_is_refused_as_repeated() -> None:
    assert refusal_of(claim_of(free=True, claimed=False)) == Refusal(Reason.SERIAL_REPEATED)


def test_a_locked_number_is_refused_as_in_flight() -> None:
    assert refusal_of(claim_of(free=False, claimed=False)) == Refusal(Reason.SERIAL_IN_FLIGHT)


def test_a_used_up_claim_is_no_refusal() -> None:
    assert refusal_of(Claim.USED) is None


def test_a_number_cannot_be_held_twice() -> None:
    numbers = InFlight()
    held = numbers.enter(KEY)
    assert held is not None
    with held:
        assert numbers.enter(KEY) is None


def test_a_number_is_free_again_after_an_error() -> None:
    numbers = InFlight()
    held = numbers.enter(KEY)
    assert held is not None
    with pytest.raises(RuntimeError), held:
        raise RuntimeError

    assert numbers.enter(KEY) is not None
