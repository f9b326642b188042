"""Strict reading of JSON."""

import pytest

from openehc.envelope.reading import DEPTH_LIMIT, UnreadableJson, read_object
from tests.support.signed_requests import nested


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"1","a":"2"}',
        b'{"a":null,"a":null}',
        b'{"a":1,"a":1}',
        b'{"a":true,"b":"x","a":1.5}',
        b'{"a":1,"a":"x"}',
        b'{"a":[1],"a":null}',
        b'{"a":"x","\\u0061":"y"}',
        b'{"o":{"a":1,"a":2}}',
        b'{"o":[{"a":1,"a":2}]}',
    ],
)
def test_a_field_name_that_comes_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableJson, match="重复"):
        read_object(raw)


def test_the_limit_of_depth_is_taken() -> None:
    assert read_object(nested(DEPTH_LIMIT - 1))


def test_one_level_more_is_refused() -> None:
    with pytest.raises(UnreadableJson, match="过深"):
        read_object(nested(DEPTH_LIMIT))


@pytest.mark.parametrize("raw", [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}'])
def test_text_that_is_not_utf_8_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableJson):
        read_object(raw)


def test_the_refusal_never_quotes_the_message() -> None:
    with pytest.raises(UnreadableJson) as caught:
        read_object(b'{"user_name":"\xe7\x94\xb2", broken')

    assert "user_name" not in str(caught.value)


def test_numbers_lists_and_objects_are_kept() -> None:
    assert read_object(b'{"n":1,"l":["x"],"o":{"k":null}}') == {
        "n": 1,
        "l": ["x"],
        "o": {"k": None},
    }
