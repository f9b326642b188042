"""Messages that are wrong: each is told by its own code, and nothing of it comes back."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from openehc.access.model import Application
from openehc.kernel.clock import wire_time
from openehc.wiring.demo import APP_ID
from tests.support.client import (
    CLOSE,
    FAILURE_FIELDS,
    GATEWAY,
    REGISTER,
    VERIFY,
    GatewayClient,
    Reply,
)
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

Fields = dict[str, Any]
Spoil = Callable[[Fields], Fields]

BASIC = frozenset({"ret_code", "ret_msg", "timestamp"})


def _nothing_but_the_head(reply: Reply, *, person: Person | None = None) -> None:
    """A failure holds only common fields, no trace of a program and nothing personal."""
    assert set(reply.sent) <= FAILURE_FIELDS
    text = reply.raw.decode()
    assert not any(word in text for word in ("Traceback", ".py", "Error", "asyncpg", "select "))
    if person:
        assert not any(
            value in text for value in (person.id_no, person.user_name, person.mobile_phone)
        )


# ---------------------------------------------------------------- the body as a whole

DEEP = b'{"app_id":' + b"[" * 100 + b"]" * 100 + b"}"
DEEPER = b'{"app_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "8003"),
        (b" \r\n\t ", "8003"),
        (b"app_id=demo-hospital-his", "9008"),
        (b"[]", "9008"),
        (b'"text"', "9008"),
        (b"null", "9008"),
        (b'{"app_id":"x"', "9008"),
        (b'{"app_id":"\xff\xfe"}', "9008"),
        (b'{"app_id":"a\x00b"}', "9008"),
        (b'{"app_id":"a","app_id":"b"}', "9008"),
        (b'{"app_id":"\\ud800"}', "9008"),
        (DEEP, "9008"),
        (DEEPER, "9008"),
        (b"\xef\xbb\xbf{}", "9008"),
        (b"{}", "1001"),
    ],
    ids=[
        "empty", "blank", "a form", "an array", "a text", "null", "cut off", "not UTF-8",
        "a raw NUL", "a key twice", "half a character", "100 deep", "100,000 deep",
        "a byte order mark", "an empty object",
    ],
)  # fmt: skip
async def test_a_body_that_is_no_message_is_told_by_its_code(
    client: GatewayClient, body: bytes, code: str
) -> None:
    reply = await client.post(body)

    assert (reply.status, reply.code) == (200, code)
    assert set(reply.sent) == BASIC


@pytest.mark.parametrize("size", [(1 << 20) + 1, (4 << 20) + 1], ids=["1 MiB", "4 MiB"])
async def test_a_message_that_is_too_large_is_not_read(client: GatewayClient, size: int) -> None:
    fields = client.sealed(VERIFY, verification("x"))
    fields["padding"] = ""
    fields["padding"] = "A" * (size - len(json.dumps(fields)))

    reply = await client.send(fields)

    assert reply.code == "9008"


async def test_a_message_just_under_the_limit_is_read(client: GatewayClient) -> None:
    fields = client.sealed(VERIFY, verification("x"))
    fields["padding"] = "A" * ((1 << 20) - len(json.dumps(fields)) - 200)

    assert (await client.send(client.signed(fields))).code == "2002"


@pytest.mark.requirement("G1-E-4.1-1")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_only_post_is_answered(client: GatewayClient, method: str) -> None:
    answer = await client.http.request(method, GATEWAY)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# ---------------------------------------------------------------- the common fields


def _without(name: str) -> Spoil:
    return lambda fields: {key: value for key, value in fields.items() if key != name}


def _with(**changes: object) -> Spoil:
    return lambda fields: {**fields, **changes}


UNSIGNED: dict[str, tuple[Spoil, str]] = {
    "no app_id": (_without("app_id"), "1001"),
    "empty app_id": (_with(app_id=""), "1001"),
    "unknown app_id": (_with(app_id="nobody"), "1008"),
    "endless app_id": (_with(app_id="n" * 5000), "1008"),
    "no term_id": (_without("term_id"), "1002"),
    "empty term_id": (_with(term_id=""), "1002"),
    "no method": (_without("method"), "1004"),
    "blank method": (_with(method=" "), "1004"),
    "a number as app_id": (_with(app_id=17), "9001"),
    "a number as timestamp": (_with(timestamp=20260302083000), "9001"),
}


@pytest.mark.parametrize(("spoil", "code"), UNSIGNED.values(), ids=UNSIGNED.keys())
async def test_before_the_application_is_known_a_refusal_is_not_signed(
    client: GatewayClient, spoil: Spoil, code: str
) -> None:
    reply = await client.send(spoil(client.sealed(VERIFY, verification("x"))))

    assert (reply.code, reply.authentic) == (code, False)
    _nothing_but_the_head(reply)


SIGNED: dict[str, tuple[Spoil, str]] = {
    "no version": (_without("version"), "1003"),
    "unknown version": (_with(version="9.9"), "1003"),
    "no enc_type": (_without("enc_type"), "1006"),
    "unknown enc_type": (_with(enc_type="AES"), "1006"),
    "no digest_type": (_without("digest_type"), "1007"),
    "unknown digest_type": (_with(digest_type="MD5"), "1007"),
    "unknown terminal": (_with(term_id="UNKNOWN-1"), "1009"),
    "unknown method": (_with(method="ehc.ehealthcard.nothing"), "1005"),
    "method in wrong case": (_with(method="ehc.ehealthcode.Verify"), "1005"),
    "no timestamp": (_without("timestamp"), "9001"),
    "impossible timestamp": (_with(timestamp="20260230083000"), "9001"),
    "words as timestamp": (_with(timestamp="yesterday"), "9001"),
    "no biz_content": (_without("biz_content"), "9001"),
    "plain biz_content": (_with(biz_content={"ehealth_code": "x"}), "9001"),
    "biz_content not hex": (_with(biz_content="no hex"), "9007"),
    "biz_content not ours": (_with(biz_content="AB" * 16), "9007"),
}


@pytest.mark.requirement("G3-A-3.1-2", "G3-A-3.2-1", "G3-A-3.3-2")
@pytest.mark.parametrize(("spoil", "code"), SIGNED.values(), ids=SIGNED.keys())
async def test_once_the_application_is_known_a_refusal_is_signed(
    client: GatewayClient, spoil: Spoil, code: str
) -> None:
    reply = await client.send(client.signed(spoil(client.sealed(VERIFY, verification("x")))))

    assert (reply.code, reply.authentic) == (code, True)
    _nothing_but_the_head(reply)


@pytest.mark.requirement("G2-B-5.3-30", "G1-9.4-10", "G1-6.3-1", "G2-A-5.1-9")
@pytest.mark.parametrize(
    "spoil",
    [
        _without("digest"),
        _with(digest=""),
        _with(digest="0" * 64),
        _with(term_id="9901A0001STMB0002"),
        _with(extra="field"),
        lambda fields: {**fields, "biz_content": "0" + fields["biz_content"][1:]},
    ],
    ids=["absent", "empty", "invented", "another terminal", "a field more", "another body"],
)
async def test_a_message_whose_digest_does_not_fit_is_refused(
    client: GatewayClient, spoil: Spoil
) -> None:
    fields = client.sealed(VERIFY, verification("x"))

    reply = await client.send(spoil(fields))

    assert (reply.code, reply.authentic) == ("9003", True)
    _nothing_but_the_head(reply)


@pytest.mark.requirement("G3-A-3.4-1")
async def test_a_body_under_another_applications_key_does_not_open(client: GatewayClient) -> None:
    stranger = client.acting_as(secret="not the secret of this application")
    content = stranger.sealed(VERIFY, verification("x"))["biz_content"]
    fields = {**client.sealed(VERIFY, verification("x")), "biz_content": content}

    reply = await client.send(client.signed(fields))

    assert (reply.code, reply.authentic) == ("9007", True)


@pytest.mark.parametrize(("minutes", "code"), [(-16, "9001"), (16, "9001"), (14, "2002")])
async def test_a_message_from_another_time_is_refused(
    client: GatewayClient, minutes: int, code: str
) -> None:
    moment = wire_time(client.clock.now() + timedelta(minutes=minutes))
    fields = {**client.sealed(VERIFY, verification("x")), "timestamp": moment}

    assert (await client.send(client.signed(fields))).code == code


@pytest.mark.requirement("G1-9.4-9")
async def test_a_method_that_was_not_granted_is_refused(
    node: RunningNode, client: GatewayClient
) -> None:
    known = node.parts.registry.application(APP_ID)
    assert known
    await node.parts.access.save_application(
        Application(
            app_id="reader", secret="an invented reader secret",
            institution_id=known.institution_id, app_name="只读", app_channel="601",
            ehcappid="9901A0001XXTB0004", grants=frozenset({VERIFY}),
        )
    )  # fmt: skip
    await node.registry_knows(lambda: node.parts.registry.caller("reader") is not None)
    reader = client.acting_as(app_id="reader", secret="an invented reader secret")

    codes = [(await reader.call(method, {})).code for method in (VERIFY, REGISTER)]

    assert codes == ["9001", "1010"]


# ---------------------------------------------------------------- the business fields


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
async def test_every_wrong_field_is_named_at_once(client: GatewayClient) -> None:
    body = registration(
        Person.invented(), user_sex="7", apply_method=3, mobile_phone="abc",
        birthday="19850230", certificate_mode="",
    )  # fmt: skip

    reply = await client.call(REGISTER, body)

    assert reply.code == "9001"
    for name in ("user_sex", "apply_method", "mobile_phone", "birthday", "certificate_mode"):
        assert name in reply.message


NAMES = {
    "NUL": "甄\x00样",
    "a control character": "甄\x1b样",
    "an invisible mark": "甄\u200b样",
    "turned direction": "甄\u202e样",
    "blank": "   ",
    "too long": "甄" * 51,
    "a number": 17,
    "a list": ["甄样"],
    "an object": {"name": "甄样"},
    "true": True,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_a_name_that_nobody_has_is_refused(client: GatewayClient, name: object) -> None:
    person = Person.invented()

    reply = await client.call(REGISTER, registration(person, user_name=name))

    assert reply.code == "9001"
    assert "user_name" in reply.message
    _nothing_but_the_head(reply, person=person)


async def test_half_a_character_inside_the_body_is_refused(client: GatewayClient) -> None:
    plain = json.dumps(registration(Person.invented(), user_name="\ud842样")).encode()
    fields = client.sealed(REGISTER, {})
    fields["biz_content"] = client.who.profile.seal_biz(plain, client.who.keys)

    reply = await client.send(client.signed(fields))

    assert reply.code in {"9001", "9008"}
    _nothing_but_the_head(reply)


INNER = {
    "an array": (b"[]", "9008"),
    "a key twice": (b'{"out_close_no":"1","out_close_no":"2"}', "9008"),
    "100 deep": (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "9008"),
    "nothing at all": (b"", "9008"),
}


@pytest.mark.parametrize(("plain", "code"), INNER.values(), ids=INNER.keys())
async def test_a_body_that_opens_to_no_object_is_refused(
    client: GatewayClient, plain: bytes, code: str
) -> None:
    fields = client.sealed(CLOSE, {})
    fields["biz_content"] = client.who.profile.seal_biz(plain, client.who.keys)

    reply = await client.send(client.signed(fields))

    assert (reply.code, reply.authentic) == (code, True)


@pytest.mark.requirement("G2-B-5.3-28")
@pytest.mark.parametrize(
    "id_no",
    ["99010119850302149", "990101198503021490X", "990101198502300013", "' or 1=1 --", "甄"],
)
async def test_an_identity_number_that_cannot_be_is_refused_without_repeating_it(
    client: GatewayClient, id_no: str
) -> None:
    person = Person.invented()

    reply = await client.call(REGISTER, registration(person, id_no=id_no))

    assert reply.code == "9001"
    assert id_no not in reply.raw.decode()


async def test_a_wrong_check_digit_is_refused(client: GatewayClient) -> None:
    person = Person.invented()
    wrong = person.id_no[:17] + ("1" if person.id_no[17] != "1" else "2")

    reply = await client.call(REGISTER, registration(person, id_no=wrong))

    assert (reply.code, reply.message) == ("9001", "请求参数有误：id_no(身份证号校验位不正确)")


async def test_a_refusal_over_contradicting_data_repeats_none_of_them(
    client: GatewayClient,
) -> None:
    person = Person.invented(sex="1")

    reply = await client.call(REGISTER, registration(person, user_sex="2", birthday="19700101"))

    assert reply.code == "9001"
    _nothing_but_the_head(reply, person=person)


@pytest.mark.parametrize("name", ["甄😀样", "䶮𠮷"])
async def test_a_name_with_signs_outside_the_basic_plane_does_not_upset_the_platform(
    client: GatewayClient, name: str
) -> None:
    reply = await client.call(REGISTER, registration(Person.invented().named(name)))

    assert reply.biz["user_name"] == name


@pytest.mark.requirement("G3-A-3.3-1")
async def test_names_of_fields_are_case_sensitive(client: GatewayClient) -> None:
    fields = client.sealed(VERIFY, verification("x"))
    fields["APP_ID"] = fields.pop("app_id")

    assert (await client.send(fields)).code == "1001"
