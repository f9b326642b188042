"""The national rule of signing and encrypting, against a second implementation."""

import pytest

from openehc.envelope.profile import NATIONAL, UnreadableBiz, joined_fields, same_digest
from tests.support.crypto_oracle import (
    oracle_biz_content,
    oracle_digest,
    oracle_string_to_digest,
)
from tests.support.signed_requests import CLIENT, request

PLAINS = ['{"user_name":"甲样本"}', "{}", '{"sixteen":"a"}', '{"𠮷":"\\u0000"}']


@pytest.mark.requirement("G3-A-3.4-1")
@pytest.mark.parametrize("plain", PLAINS)
def test_the_content_is_encrypted_as_the_rule_says(plain: str) -> None:
    expected = oracle_biz_content(plain, app_secret=CLIENT.secret)

    assert NATIONAL.seal_biz(plain.encode(), CLIENT.keys) == expected


@pytest.mark.requirement("G3-A-3.4-1")
@pytest.mark.parametrize("plain", PLAINS)
def test_what_another_implementation_encrypts_can_be_read(plain: str) -> None:
    sent = oracle_biz_content(plain, app_secret=CLIENT.secret)

    assert NATIONAL.open_biz(sent, CLIENT.keys) == plain.encode()


@pytest.mark.requirement("G3-A-3.4-2")
def test_the_digest_is_made_as_the_rule_says() -> None:
    fields = request(ext="中文", empty="")
    text = oracle_string_to_digest(fields, app_secret=CLIENT.secret, leave_out=["digest"])

    assert NATIONAL.digest(fields, CLIENT.keys, without=("digest",)) == oracle_digest(text)


def test_row_4_fields_are_joined_in_ascii_order_without_empty_ones() -> None:
    fields = {"b": "2", "B": "1", "empty": "", "null": None, "a": "中", "digest": "x"}

    assert joined_fields(fields, without=("digest",)) == "B=1&a=中&b=2"


@pytest.mark.parametrize("given", ["AB" * 32, "ab" * 32])
def test_the_case_of_a_digest_does_not_matter(given: str) -> None:
    assert same_digest(given, "AB" * 32)


@pytest.mark.parametrize("given", ["", "AB" * 31, "AB" * 31 + "AC", "数" * 64])
def test_another_digest_is_not_the_same(given: str) -> None:
    assert not same_digest(given, "AB" * 32)


@pytest.mark.parametrize("text", ["", "0", "zz", "AB", "AB" * 16, "数"])
def test_what_no_client_encrypted_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableBiz):
        NATIONAL.open_biz(text, CLIENT.keys)


def test_keys_do_not_show_their_secret() -> None:
    assert CLIENT.secret not in repr(CLIENT.keys)
