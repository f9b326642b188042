"""What residents read when something is refused."""

import re

import pytest

from openehc.console.texts import for_resident
from openehc.kernel.refusal import Reason, Refusal

ON_THE_PAGE = [
    Reason.CARD_UNKNOWN, Reason.CARD_CLOSED, Reason.CARD_BLACKLISTED, Reason.CARD_NOT_ACTIVE,
    Reason.CODE_MALFORMED, Reason.CODE_NOT_ISSUED, Reason.CODE_EXPIRED, Reason.VALID_MISSING,
    Reason.VALID_WRONG, Reason.FOREIGN_CODE, Reason.SUPPLEMENT_REQUIRED,
    Reason.AUTHORISATION_UNKNOWN,
]  # fmt: skip
"""What confirming an authorisation can be refused for, beside trouble of the platform."""

OTHERWISE = for_resident(Refusal(Reason.INTERNAL))


@pytest.mark.parametrize("reason", ON_THE_PAGE)
def test_a_reason_that_can_reach_the_page_has_its_own_sentence(reason: Reason) -> None:
    assert for_resident(Refusal(reason)) != OTHERWISE


@pytest.mark.parametrize("reason", Reason)
def test_a_resident_reads_one_chinese_sentence_without_codes(reason: Reason) -> None:
    assert re.fullmatch(r"[\u4e00-\u9fff，]+。", for_resident(Refusal(reason)))


@pytest.mark.parametrize("reason", Reason)
def test_a_resident_does_not_read_what_operators_are_told(reason: Reason) -> None:
    assert "supplement_mode" not in for_resident(Refusal(reason, "supplement_mode(必填)"))
