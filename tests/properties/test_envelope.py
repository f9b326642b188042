"""Whatever is sealed opens again, and whatever is changed on the way does not."""

import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from openehc.envelope.client_side import open_reply, seal_request
from openehc.envelope.message import OpenedRequest, SignatureStyle
from openehc.envelope.opening import Unopened
from openehc.envelope.profile import NATIONAL, joined_fields
from openehc.envelope.sealing import MESSAGE_LIMIT, seal_reply
from tests.support.signed_requests import (
    BIZ,
    CLIENT,
    METHOD,
    NOW,
    SIGNER,
    as_bytes,
    opened,
    request,
    sealed_biz,
)

WHOLE = st.integers(min_value=-(2**53), max_value=2**53)
SCALARS = st.one_of(st.none(), st.booleans(), WHOLE, st.text())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=8)
WHO = st.sampled_from([CLIENT, SIGNER])
RAW = {who: as_bytes(request(who)).decode() for who in (CLIENT, SIGNER)}


@given(WHO, OBJECTS)
def test_any_object_makes_the_way_to_the_platform(who: Any, biz: dict[str, Any]) -> None:
    sent = seal_request(who, METHOD, biz, now=NOW)

    assert opened(as_bytes(sent)).biz == biz


@given(WHO, OBJECTS.filter(bool), st.text())
def test_any_object_makes_the_way_back(who: Any, biz: dict[str, Any], message: str) -> None:
    head = opened(RAW[who].encode()).head
    reply = open_reply(who, seal_reply(head, code="0000", message=message, now=NOW, biz=biz))

    assert reply["biz_content"] == biz
    assert reply["ret_msg"] == message[:MESSAGE_LIMIT]


@given(WHO, st.data())
def test_one_changed_character_is_refused_or_changes_nothing(who: Any, data: st.DataObject) -> None:
    text = RAW[who]
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.characters(exclude_categories=["Cs"]))

    assert_refused_or_same(text[:place] + sign + text[place + 1 :], who.style)


@given(WHO, st.data())
def test_one_missing_or_added_character_is_refused_or_changes_nothing(
    who: Any, data: st.DataObject
) -> None:
    text = RAW[who]
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.characters(exclude_categories=["Cs"]))

    assert_refused_or_same(text[:place] + text[place + 1 :], who.style)
    assert_refused_or_same(text[:place] + sign + text[place:], who.style)


def assert_refused_or_same(text: str, style: SignatureStyle) -> None:
    message = opened_or_none(text.encode())
    if message is not None:
        assert message.biz == dict(BIZ)
        assert (message.term_id, message.method) == (CLIENT.term_id, METHOD)
        assert message.head.style is style


def opened_or_none(raw: bytes) -> OpenedRequest | None:
    try:
        return opened(raw)
    except Unopened:
        return None


@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"app_id":"\\udfff"}')
@example(b'{"a":' + b"9" * 5000 + b"}")
@example(b'{"a":1e999}')
def test_arbitrary_bytes_are_never_more_than_refused(raw: bytes) -> None:
    assert opened_or_none(raw) is None


@given(
    st.dictionaries(
        st.sampled_from(
            ["app_id", "ehcnet_app_id", "term_id", "method", "version", "timestamp", "enc_type",
             "digest_type", "digest", "sign_type", "sign", "biz_content", "key"]
        ),
        VALUES,
    )
)  # fmt: skip
def test_arbitrary_fields_are_never_more_than_refused(fields: dict[str, Any]) -> None:
    raw = as_bytes({**request(), **fields})

    message = opened_or_none(raw)
    assert message is None or message.biz == dict(BIZ)


@given(st.binary(max_size=200))
def test_any_signed_content_is_opened_or_refused(plain: bytes) -> None:
    message = opened_or_none(as_bytes(request(biz_content=sealed_biz(plain))))

    assert message is None or message.biz == msgspec.json.decode(plain)


@given(st.text())
def test_any_signed_text_as_content_is_opened_or_refused(text: str) -> None:
    assert opened_or_none(as_bytes(request(biz_content=text))) is None


@given(st.dictionaries(st.text(), st.text()))
def test_the_order_of_fields_does_not_matter(fields: dict[str, str]) -> None:
    turned = dict(reversed(fields.items()))

    assert joined_fields(turned, without=()) == joined_fields(fields, without=())


@given(st.text(max_size=30))
def test_any_timestamp_reads_as_a_time_or_as_none(text: str) -> None:
    moment = NATIONAL.read_timestamp(text)

    assert moment is None or moment.tzinfo is not None


@given(OBJECTS)
def test_nothing_of_the_content_is_readable_on_the_wire(biz: dict[str, Any]) -> None:
    sent = seal_request(CLIENT, METHOD, {**biz, "id_no": "ZZ-SAMPLE-1"}, now=NOW)

    assert "ZZ-SAMPLE-1" not in json.dumps(sent)
