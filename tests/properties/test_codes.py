"""Codes read back what was printed, and no bad card is ever accepted."""

from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from openehc.cards.model import CardState
from openehc.codes.model import (
    IssueRecord,
    ParsedCode,
    Presented,
    SupplementPolicy,
    Tag,
    code_text,
)
from openehc.codes.parsing import LENGTH_LIMIT, issuer_of, parse_code
from openehc.codes.rules import SupplementRules, judge, judge_supplement
from openehc.kernel.refusal import Refusal
from tests.support.full_width import full_width
from tests.support.residents import account
from tests.support.signed_requests import NOW

ACCOUNT = account()
CHANNELS = st.one_of(
    st.from_regex(r"[0-9]{4}[A-FX][0-9]{4}[A-Z]{3}[A-FX][0-9]{4}", fullmatch=True),
    st.from_regex(r"[0-9]{4}[A-FX][0-9]{4}", fullmatch=True),
    st.from_regex(r"[0-9]{11}", fullmatch=True),
)
EHCIDS = st.binary(min_size=32, max_size=32)
VALIDS = st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex().upper())
CODES = st.one_of(
    st.builds(ParsedCode, EHCIDS, st.just(Tag.DYNAMIC), VALIDS, CHANNELS),
    st.builds(ParsedCode, EHCIDS, st.just(Tag.STATIC), st.just(""), CHANNELS),
)
ISSUES = st.one_of(
    st.none(), st.builds(IssueRecord, st.lists(CHANNELS, max_size=3).map(tuple), st.booleans())
)
MOMENTS = st.one_of(
    st.none(),
    st.timedeltas(timedelta(days=-1000), timedelta(days=1000)).map(lambda shift: NOW + shift),
)
ACCOUNTS = st.one_of(
    st.none(),
    st.builds(
        lambda state, blacklisted: replace(ACCOUNT, state=state, blacklisted=blacklisted),
        st.sampled_from(CardState),
        st.booleans(),
    ),
)
PRESENTED = st.builds(Presented, CODES, ACCOUNTS, st.booleans(), MOMENTS, ISSUES)


@given(CODES)
def test_what_is_printed_reads_back_the_same(code: ParsedCode) -> None:
    assert parse_code(code.text) == code


@given(CODES)
def test_a_scan_gun_under_a_chinese_input_method_is_understood(code: ParsedCode) -> None:
    assert parse_code(full_width(code.text)) == parse_code(code.text.lower()) == code


@given(CODES)
def test_the_older_form_with_an_empty_part_is_understood(code: ParsedCode) -> None:
    ehcid, tag, valid, channel = code.text.split(":")

    assert parse_code(f"{ehcid}:{tag}:{valid}::{channel}") == code


@given(CODES)
def test_a_printed_code_fits_a_scan(code: ParsedCode) -> None:
    assert len(code_text(code.ehcid, code.tag, code.valid, code.channel)) <= LENGTH_LIMIT


SIGNS = "09AFaf:" + full_width("09AFaf:") + "\ufb00 \n"


@given(st.one_of(st.text(), st.text(alphabet=SIGNS, max_size=300)))
@example("\ufb00" * 32 + ":1::9901A0001")
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    code = parse_code(text)

    if isinstance(code, Refusal):
        assert code.reason.value
    else:
        assert parse_code(code.text) == code


@given(CODES, st.text(min_size=1))
def test_a_code_with_anything_behind_it_is_not_another_code(code: ParsedCode, more: str) -> None:
    longer = parse_code(code.text + ":" + more)

    assert isinstance(longer, Refusal) or longer == code or longer.ehcid == code.ehcid


@given(CODES)
def test_every_code_has_an_issuer_of_nine_characters(code: ParsedCode) -> None:
    assert len(issuer_of(code, own="9901A0001", legacy={})) == 9


@given(PRESENTED)
def test_no_bad_card_is_ever_accepted(presented: Presented) -> None:
    if judge(presented, now=NOW) is not None:
        return
    found = presented.account
    assert found is not None
    assert presented.identity_matches
    assert found.state is CardState.ACTIVE
    assert not found.blacklisted


@given(PRESENTED)
def test_no_expired_or_unissued_dynamic_code_is_ever_accepted(presented: Presented) -> None:
    if presented.code.tag is Tag.STATIC or judge(presented, now=NOW) is not None:
        return
    assert presented.expires_at is not None
    assert presented.expires_at >= NOW
    assert presented.issued is not None
    assert not presented.issued.revoked


@given(PRESENTED)
def test_what_is_accepted_now_was_accepted_before(presented: Presented) -> None:
    if judge(presented, now=NOW) is None:
        assert judge(presented, now=NOW - timedelta(seconds=1)) is None


@given(
    st.sampled_from(Tag),
    st.builds(SupplementRules, st.sampled_from(SupplementPolicy), st.just({})),
    st.one_of(st.none(), st.text()),
    st.text(min_size=1),
)
def test_a_holder_with_another_proof_is_never_asked_for_more(
    tag: Tag, rules: SupplementRules, treatment: str | None, mode: str
) -> None:
    answer = judge_supplement(tag, rules, treatment_code=treatment, supplement_mode=mode)

    assert not isinstance(answer, Refusal)
