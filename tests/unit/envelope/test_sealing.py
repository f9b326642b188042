"""Replies as a client sees them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from openehc.envelope.client_side import Credentials, ReplyNotAuthentic, open_reply
from openehc.envelope.message import ReplyHead
from openehc.envelope.profile import message_key
from openehc.envelope.sealing import seal_reply
from tests.support.signed_requests import CLIENT, NOW, SIGNER, as_bytes, opened, refusal_of, request

COMMON = {
    "ret_code", "ret_msg", "app_id", "method", "version", "timestamp", "digest_type", "digest",
}  # fmt: skip


def head_of(who: Credentials = CLIENT) -> ReplyHead:
    return opened(as_bytes(request(who))).head


def success(who: Credentials = CLIENT, **biz: Any) -> bytes:
    return seal_reply(head_of(who), code="0000", message="操作成功", now=NOW, biz=biz)


@pytest.mark.requirement("G1-E-4.1-3", "G2-B-5.3-30", "G3-A-3.4-2")
@pytest.mark.parametrize("who", [CLIENT, SIGNER], ids=["digest", "sign"])
def test_the_client_can_prove_and_open_the_reply(who: Credentials) -> None:
    reply = open_reply(who, success(who, user_name="甲样本"))

    assert reply["biz_content"] == {"user_name": "甲样本"}


@pytest.mark.requirement("G1-E-4.1-3", "G2-B-5.3-31")
def test_nothing_personal_is_readable_in_a_sealed_reply() -> None:
    raw = success(user_name="SAMPLE NAME", id_no="ZZ0000001")

    assert b"SAMPLE NAME" not in raw
    assert b"ZZ0000001" not in raw


@pytest.mark.requirement("G3-A-3.3-2")
def test_row_14_a_failure_carries_the_common_fields_only() -> None:
    raw = seal_reply(head_of(), code="2001", message="已过期", now=NOW)

    assert set(json.loads(raw)) == COMMON


def test_a_failure_is_proven_like_a_success() -> None:
    raw = seal_reply(head_of(), code="2001", message="已过期", now=NOW)

    assert open_reply(CLIENT, raw)["authentic"]


def test_a_changed_reply_is_not_authentic() -> None:
    raw = seal_reply(head_of(), code="2001", message="已过期", now=NOW)

    with pytest.raises(ReplyNotAuthentic):
        open_reply(CLIENT, raw.replace(b"2001", b"2002"))


def test_a_success_without_its_digest_is_not_authentic() -> None:
    with pytest.raises(ReplyNotAuthentic):
        open_reply(CLIENT, b'{"ret_code":"0000","ret_msg":""}')


def test_an_unsigned_refusal_says_that_it_is_not_proven() -> None:
    head = refusal_of(as_bytes(request(app_id="nobody"))).head
    raw = seal_reply(head, code="1008", message="应用不存在", now=NOW)

    assert open_reply(CLIENT, raw)["authentic"] is False


def test_row_1_a_sign_client_is_answered_with_sign() -> None:
    fields = json.loads(success(SIGNER))

    assert ("sign" in fields, "digest" in fields) == (True, False)


def test_row_3_a_reply_names_sm3_and_sm4() -> None:
    fields = json.loads(success(a="b"))

    assert (fields["digest_type"], fields["enc_type"]) == ("SM3", "SM4")


@pytest.mark.requirement("G3-A-3.2-1")
def test_row_8_a_reply_gives_the_time_with_14_digits_of_china_time() -> None:
    assert json.loads(success())["timestamp"] == "20260301083000"


def test_row_10_a_reply_is_upper_hex() -> None:
    content = json.loads(success(a="b"))["biz_content"]

    assert content == bytes.fromhex(content).hex().upper()


def test_row_9_the_secret_is_never_sent_back() -> None:
    raw = seal_reply(
        opened(as_bytes(request(key=CLIENT.secret))).head, code="0000", message="", now=NOW, biz={}
    )

    assert CLIENT.secret.encode() not in raw


def test_row_11_the_spelling_of_app_id_that_came_in_goes_out() -> None:
    head = opened(as_bytes(request(app_id=None, ehcnet_app_id=CLIENT.app_id))).head

    assert json.loads(seal_reply(head, code="9998", message="", now=NOW))["ehcnet_app_id"]


def test_row_12_a_reply_gives_the_clean_name_of_the_method() -> None:
    head = opened(as_bytes(request(method=" ehc.ehealthcode.verify "))).head

    assert json.loads(seal_reply(head, code="9998", message="", now=NOW))["method"] == (
        "ehc.ehealthcode.verify"
    )


def test_a_long_message_is_cut_to_200_characters() -> None:
    raw = seal_reply(head_of(), code="9001", message="错" * 300, now=NOW)

    assert len(json.loads(raw)["ret_msg"]) == 200


@pytest.mark.requirement("G3-A-3.4-1")
def test_the_message_key_is_the_first_16_characters_of_the_secret_in_hex() -> None:
    assert message_key("abcdefghij") == b"6162636465666768"


def test_a_secret_of_another_application_does_not_prove_the_reply() -> None:
    with pytest.raises(ReplyNotAuthentic):
        open_reply(replace(CLIENT, secret="Another-secret"), success())


def test_credentials_do_not_show_their_secret() -> None:
    assert CLIENT.secret not in repr(CLIENT)
