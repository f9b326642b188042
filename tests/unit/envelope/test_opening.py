"""What opens, what is refused, and in which order (材料三 附录A 3)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from openehc.access.registry import Registry
from openehc.envelope.client_side import Credentials
from openehc.envelope.message import SignatureStyle
from openehc.envelope.opening import SIZE_LIMIT, OpeningRules, Unopened, open_request
from openehc.envelope.profile import NATIONAL
from openehc.kernel.refusal import Reason
from tests.support.signed_requests import (
    APPLICATION,
    BIZ,
    BROKEN,
    CLIENT,
    METHOD,
    NOW,
    REGISTERS,
    RULES,
    SIGNER,
    as_bytes,
    nested,
    opened,
    refusal_of,
    registry,
    request,
    sealed_biz,
)

MINUTES_15 = timedelta(minutes=15)


@pytest.mark.requirement("G1-9.4-11")
@pytest.mark.parametrize(("build", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_message_is_refused_with_its_reason(
    build: Callable[[], bytes], reason: Reason
) -> None:
    assert refusal_of(build()).refusal.reason is reason


def test_a_good_message_opens_to_its_fields() -> None:
    message = opened(as_bytes(request()))

    assert message.biz == dict(BIZ)


def test_the_opened_message_tells_where_and_when_it_came_in() -> None:
    message = opened(as_bytes(request()))

    assert (message.term_id, message.method, message.received_at) == (CLIENT.term_id, METHOD, NOW)


def test_refusals_come_in_the_order_of_the_steps() -> None:
    """Every step is broken at once; each repair brings the refusal of the next step."""
    broken = request(
        app_id=None, term_id=None, method=None, version="9", enc_type="DES", digest_type="MD5",
        timestamp="0", biz_content="no hex",
    )  # fmt: skip
    repairs = [
        {"app_id": "nobody"}, {"term_id": CLIENT.term_id}, {"method": METHOD},
        {"app_id": CLIENT.app_id}, {"version": CLIENT.version}, {"enc_type": "SM4"},
        {"digest_type": "SM3", "digest": "0" * 64}, {"timestamp": NATIONAL.write_timestamp(NOW)},
    ]  # fmt: skip
    seen = [refusal_of(as_bytes(broken)).refusal.reason]
    for repair in repairs:
        broken |= repair
        seen.append(refusal_of(as_bytes(broken)).refusal.reason)

    seen.append(refusal_of(as_bytes(request(**(broken | {"digest": None})))).refusal.reason)

    assert seen == [
        Reason.APP_ID_MISSING, Reason.TERM_ID_MISSING, Reason.METHOD_MISSING, Reason.APP_UNKNOWN,
        Reason.VERSION_UNSUPPORTED, Reason.CIPHER_UNKNOWN, Reason.DIGEST_KIND_UNKNOWN,
        Reason.TIMESTAMP_STALE, Reason.DIGEST_WRONG, Reason.UNDECRYPTABLE,
    ]  # fmt: skip


@pytest.mark.requirement("G1-E-4.1-3", "G2-B-5.3-30", "G1-9.4-10")
def test_the_digest_is_checked_before_anything_is_decrypted() -> None:
    fields = request() | {"biz_content": "no hex"}

    assert refusal_of(as_bytes(fields)).refusal.reason is Reason.DIGEST_WRONG


@pytest.mark.parametrize("shift", [MINUTES_15, -MINUTES_15], ids=["ahead", "behind"])
@pytest.mark.parametrize("digits", [13, 14])
def test_a_timestamp_at_the_edge_of_the_window_is_fresh(shift: timedelta, digits: int) -> None:
    assert opened(as_bytes(request(timestamp=_stamp(shift, digits)))).biz


@pytest.mark.parametrize(
    ("digits", "beyond"),
    [(13, timedelta(milliseconds=1)), (14, timedelta(seconds=1))],
    ids=["13 digits", "14 digits"],
)
@pytest.mark.parametrize("side", [1, -1], ids=["ahead", "behind"])
def test_a_timestamp_just_outside_the_window_is_stale(
    digits: int, beyond: timedelta, side: int
) -> None:
    shift = side * (MINUTES_15 + beyond)

    refused = refusal_of(as_bytes(request(timestamp=_stamp(shift, digits))))

    assert refused.refusal.reason is Reason.TIMESTAMP_STALE


def _stamp(shift: timedelta, digits: int) -> str:
    moment = NOW + shift
    if digits == 14:
        return NATIONAL.write_timestamp(moment)
    return str(round(moment.timestamp() * 1000))


def test_a_stale_timestamp_is_answered_with_the_time_of_the_platform() -> None:
    refused = refusal_of(as_bytes(request(timestamp="20200101000000")))

    assert "20260301083000" in refused.refusal.detail


def test_without_a_window_any_time_is_fresh() -> None:
    rules = OpeningRules(window=None)

    assert opened(as_bytes(request(timestamp="20200101000000")), rules=rules).biz


def test_row_1_a_sign_client_is_understood() -> None:
    assert opened(as_bytes(request(SIGNER))).head.style is SignatureStyle.SIGN


def test_row_1_a_message_with_both_signatures_needs_both_right() -> None:
    fields = request(sign_type="SM3") | {"sign": "0" * 64}

    assert refusal_of(as_bytes(fields)).refusal.reason is Reason.DIGEST_WRONG


def test_row_1_a_message_with_a_right_sign_and_a_wrong_digest_is_refused() -> None:
    fields = request(SIGNER, digest_type="SM3") | {"digest": "0" * 64}

    assert refusal_of(as_bytes(fields)).refusal.reason is Reason.DIGEST_WRONG


@pytest.mark.parametrize("digest_covers", ["sign", "not the sign"])
def test_row_1_a_message_with_both_signatures_right_opens(digest_covers: str) -> None:
    fields = request(SIGNER, digest_type="SM3")
    without = ("digest",) if digest_covers == "sign" else ("digest", "sign")
    fields["digest"] = NATIONAL.digest(fields, CLIENT.keys, without=without)

    assert opened(as_bytes(fields)).head.style is SignatureStyle.DIGEST


def test_row_2_a_message_without_any_signature_is_refused() -> None:
    fields = request(digest_type=None, digest=None)

    assert refusal_of(as_bytes(fields)).refusal.reason is Reason.DIGEST_WRONG


def test_row_3_the_refusal_of_a_cipher_names_the_accepted_one() -> None:
    assert "SM4" in refusal_of(as_bytes(request(enc_type="AES"))).refusal.detail


@pytest.mark.parametrize("empty", ["", None], ids=["empty text", "null"])
def test_row_4_empty_fields_do_not_count_in_the_digest(empty: str | None) -> None:
    assert opened(as_bytes(request() | {"ext": empty})).biz


def test_row_5_an_app_id_of_36_characters_is_known_whole() -> None:
    app_id = "123e4567-e89b-12d3-a456-426614174000"

    assert refusal_of(as_bytes(request(app_id=app_id))).head.app_id == app_id


@pytest.mark.parametrize("version", ["X.M.0.1", "1.0.0"])
def test_row_7_both_versions_are_taken_and_repeated(version: str) -> None:
    assert opened(as_bytes(request(replace(CLIENT, version=version)))).head.version == version


@pytest.mark.requirement("G3-A-3.2-1")
def test_row_8_fourteen_digits_are_china_time() -> None:
    at_eight = as_bytes(request(timestamp="20260301083000"))

    assert opened(at_eight, rules=OpeningRules(window=timedelta(0))).biz


def test_row_8_thirteen_digits_are_milliseconds() -> None:
    in_ms = as_bytes(request(timestamp="1772325000000"))

    assert opened(in_ms, rules=OpeningRules(window=timedelta(0))).biz


def test_row_9_the_application_key_may_stand_in_the_message() -> None:
    assert opened(as_bytes(request(key=CLIENT.secret))).biz


def test_row_9_a_refused_key_is_not_repeated() -> None:
    refused = refusal_of(as_bytes(request(key="a-wrong-key")))

    assert "a-wrong-key" not in refused.refusal.detail


def test_row_10_lower_case_hex_opens() -> None:
    biz = sealed_biz(b'{"a":"b"}').lower()

    assert opened(as_bytes(request(biz_content=biz))).biz == {"a": "b"}


@pytest.mark.parametrize("alias", ["ehcnet_app_id", "echnet_app_id"])
def test_row_11_other_spellings_of_app_id_are_taken(alias: str) -> None:
    fields = request(CLIENT, app_id=None, **{alias: CLIENT.app_id})

    assert opened(as_bytes(fields)).head.app_id_field == alias


def test_row_11_app_id_goes_before_its_other_spellings() -> None:
    assert opened(as_bytes(request(ehcnet_app_id="nobody"))).head.app_id == CLIENT.app_id


def test_row_12_outer_blanks_of_a_method_are_dropped_after_the_digest() -> None:
    assert opened(as_bytes(request(method=f"{METHOD} "))).method == METHOD


@pytest.mark.requirement("G3-A-3.3-1")
@pytest.mark.parametrize("name", ["APP_ID", "App_Id"])
def test_row_17_names_are_case_sensitive(name: str) -> None:
    fields = request(CLIENT, app_id=None, **{name: CLIENT.app_id})

    assert refusal_of(as_bytes(fields)).refusal.reason is Reason.APP_ID_MISSING


def test_a_message_over_the_limit_is_refused() -> None:
    large = as_bytes(request(ext="x" * SIZE_LIMIT))

    assert refusal_of(large).refusal.reason is Reason.UNREADABLE_MESSAGE


def test_a_photo_method_may_exceed_the_limit() -> None:
    large = as_bytes(request(ext="x" * SIZE_LIMIT))

    assert opened(large, rules=OpeningRules(large_methods=frozenset({METHOD}))).biz


def test_32_levels_are_not_too_deep() -> None:
    assert opened(as_bytes(request(biz_content=sealed_biz(nested(31))))).biz


@pytest.mark.parametrize(
    "text", ["电子健康卡", 'a "quoted" part', "back\\slash", "line\nbreak", "𠮷", "\x00"]
)
def test_any_text_in_a_field_survives_the_way(text: str) -> None:
    assert opened(as_bytes(request(ext=text))).biz


def test_a_refusal_repeats_at_most_64_characters_of_the_message() -> None:
    refused = refusal_of(as_bytes(request(app_id="n" * 500, version="v" * 500)))

    assert (len(refused.head.app_id), len(refused.head.version)) == (64, 64)


def test_an_unknown_application_gets_no_signed_answer() -> None:
    assert refusal_of(as_bytes(request(app_id="nobody"))).head.caller is None


def test_a_known_application_gets_a_signed_answer_even_when_refused() -> None:
    assert refusal_of(as_bytes(request(version="9"))).head.caller is not None


NEWER: Final = replace(CLIENT, secret="A-newer-secret-of-this-application")


def rotated(until: timedelta) -> Registry:
    """The registers after a rotation; CLIENT's secret is the one before."""
    app = replace(
        APPLICATION, secret=NEWER.secret, previous_secret=CLIENT.secret, previous_until=NOW + until
    )
    return registry(replace(REGISTERS, applications=(app,)))


@pytest.mark.parametrize("who", [CLIENT, NEWER], ids=["older", "newer"])
def test_during_the_overlap_either_secret_opens_and_signs_its_own_reply(who: Credentials) -> None:
    raw = as_bytes(request(who))

    message = open_request(raw, callers=rotated(timedelta(hours=1)), rules=RULES, now=NOW)

    assert message.caller.keys.secret == who.secret
    assert message.head.caller is message.caller


def test_after_the_overlap_the_older_secret_is_wrong() -> None:
    with pytest.raises(Unopened) as refused:
        open_request(as_bytes(request(CLIENT)), callers=rotated(timedelta()), rules=RULES, now=NOW)

    assert refused.value.refusal.reason is Reason.DIGEST_WRONG
    assert refused.value.head.caller is not None
    assert refused.value.head.caller.keys.secret == NEWER.secret


def test_a_third_secret_is_wrong_during_the_overlap() -> None:
    third = replace(CLIENT, secret="Neither-the-one-nor-the-other-one")

    with pytest.raises(Unopened) as refused:
        open_request(
            as_bytes(request(third)), callers=rotated(timedelta(hours=1)), rules=RULES, now=NOW
        )

    assert refused.value.refusal.reason is Reason.DIGEST_WRONG
