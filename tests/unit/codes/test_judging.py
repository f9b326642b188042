"""Whether a presented code identifies its holder, and what else is asked for."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from openehc.cards.model import CardState
from openehc.codes.model import IssueRecord, ParsedCode, Presented, SupplementPolicy, Tag
from openehc.codes.rules import (
    Advice,
    SupplementRules,
    expiry_of,
    judge,
    judge_supplement,
)
from openehc.kernel.refusal import Reason, Refusal
from tests.support.residents import account
from tests.support.signed_requests import EHCAPPID, NOW

ACCOUNT = account()
CODE = ParsedCode(ACCOUNT.ehcid, Tag.DYNAMIC, "AB" * 16, EHCAPPID)
ISSUED = IssueRecord((EHCAPPID,), revoked=False)
DYNAMIC = Presented(
    CODE, ACCOUNT, identity_matches=True, expires_at=NOW + timedelta(seconds=60), issued=ISSUED
)
STATIC = replace(
    DYNAMIC, code=replace(CODE, tag=Tag.STATIC, valid=""), expires_at=None, issued=None
)


def reason_of(presented: Presented) -> Reason | None:
    refusal = judge(presented, now=NOW)
    return refusal.reason if refusal else None


@pytest.mark.parametrize("presented", [DYNAMIC, STATIC], ids=["dynamic", "static"])
def test_a_good_code_identifies_its_holder(presented: Presented) -> None:
    assert reason_of(presented) is None


def test_a_code_of_an_unknown_card_is_refused() -> None:
    assert reason_of(replace(DYNAMIC, account=None)) is Reason.CARD_UNKNOWN


@pytest.mark.requirement("G1-6.2.2-3")
def test_a_code_whose_document_is_not_the_accounts_is_refused() -> None:
    assert reason_of(replace(STATIC, identity_matches=False)) is Reason.CODE_MALFORMED


def test_a_validity_that_does_not_open_is_refused() -> None:
    assert reason_of(replace(DYNAMIC, expires_at=None)) is Reason.VALID_WRONG


@pytest.mark.requirement("G1-6.2-3", "G1-6.2.2-4")
def test_a_code_is_refused_after_its_last_second() -> None:
    late = replace(DYNAMIC, expires_at=NOW - timedelta(microseconds=1))

    assert reason_of(late) is Reason.CODE_EXPIRED


@pytest.mark.requirement("G1-6.2.2-4")
def test_a_code_is_good_in_its_last_second() -> None:
    assert reason_of(replace(DYNAMIC, expires_at=NOW)) is None


def test_a_code_that_was_never_issued_is_refused() -> None:
    assert reason_of(replace(DYNAMIC, issued=None)) is Reason.CODE_NOT_ISSUED


def test_a_revoked_code_is_refused() -> None:
    revoked = replace(DYNAMIC, issued=replace(ISSUED, revoked=True))

    assert reason_of(revoked) is Reason.CODE_NOT_ISSUED


def test_a_code_with_another_channel_than_it_was_issued_for_is_refused() -> None:
    moved = replace(DYNAMIC, code=replace(CODE, channel="9901A0001APPB0009"))

    assert reason_of(moved) is Reason.CODE_NOT_ISSUED


def test_a_code_issued_twice_in_a_second_is_good_for_both_channels() -> None:
    both = replace(DYNAMIC, issued=IssueRecord(("9901A0001APPB0009", EHCAPPID), revoked=False))

    assert reason_of(both) is None


def test_a_code_with_an_old_channel_is_not_compared() -> None:
    old = replace(DYNAMIC, code=replace(CODE, channel="99010001001"))

    assert reason_of(old) is None


@pytest.mark.parametrize("presented", [DYNAMIC, STATIC], ids=["dynamic", "static"])
def test_a_code_of_a_closed_card_is_refused(presented: Presented) -> None:
    closed = replace(presented, account=replace(ACCOUNT, state=CardState.CLOSED))

    assert reason_of(closed) is Reason.CARD_CLOSED


@pytest.mark.requirement("G1-6.1-4")
@pytest.mark.parametrize("presented", [DYNAMIC, STATIC], ids=["dynamic", "static"])
def test_a_code_of_a_black_listed_card_is_refused(presented: Presented) -> None:
    listed = replace(presented, account=replace(ACCOUNT, blacklisted=True))

    assert reason_of(listed) is Reason.CARD_BLACKLISTED


def test_refusals_come_in_order() -> None:
    """Everything is wrong at once; each repair brings the next refusal."""
    listed = replace(ACCOUNT, blacklisted=True)
    presented = replace(DYNAMIC, account=None, identity_matches=False, expires_at=None, issued=None)
    seen = [reason_of(presented)]
    for repair in (
        {"account": listed},
        {"identity_matches": True},
        {"expires_at": NOW - timedelta(1)},
        {"expires_at": NOW},
        {"issued": DYNAMIC.issued},
        {"account": ACCOUNT},
    ):
        presented = replace(presented, **repair)
        seen.append(reason_of(presented))

    assert seen == [
        Reason.CARD_UNKNOWN, Reason.CODE_MALFORMED, Reason.VALID_WRONG, Reason.CODE_EXPIRED,
        Reason.CODE_NOT_ISSUED, Reason.CARD_BLACKLISTED, None,
    ]  # fmt: skip


CORE = "010105"
RULES = SupplementRules(
    default=SupplementPolicy.OFF,
    by_treatment={CORE: SupplementPolicy.REQUIRE, "010101": SupplementPolicy.WARN},
)


def asked(tag: Tag, treatment: str | None, mode: str | None = None) -> Advice | Refusal:
    return judge_supplement(tag, RULES, treatment_code=treatment, supplement_mode=mode)


@pytest.mark.requirement("G1-3-1")
def test_a_static_code_alone_is_refused_where_more_is_required() -> None:
    assert asked(Tag.STATIC, CORE) == Refusal(Reason.SUPPLEMENT_REQUIRED)


@pytest.mark.requirement("G1-3-1", "G1-5.2.3-3")
def test_a_static_code_with_another_proof_is_enough() -> None:
    assert asked(Tag.STATIC, CORE, "01") is Advice.NOTHING


@pytest.mark.requirement("G1-5.2.3-3")
def test_a_dynamic_code_is_enough_alone() -> None:
    assert asked(Tag.DYNAMIC, CORE) is Advice.NOTHING


@pytest.mark.requirement("G1-5.2.3-3")
def test_a_static_code_is_advised_upon_by_default() -> None:
    answer = judge_supplement(
        Tag.STATIC, SupplementRules(), treatment_code="010101", supplement_mode=None
    )

    assert answer is Advice.SUPPLEMENT


@pytest.mark.parametrize("treatment", ["999999", "", None])
def test_a_treatment_without_its_own_policy_follows_the_default(treatment: str | None) -> None:
    assert asked(Tag.STATIC, treatment) is Advice.NOTHING


def test_a_code_expires_at_a_whole_second() -> None:
    made = NOW.replace(microsecond=999_999)

    assert expiry_of(made, timedelta(seconds=60)) == NOW + timedelta(seconds=60)
