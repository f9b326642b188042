"""Prepared messages are what the gateway accepts, and replies are believed only when proven."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.messages import CODE_LIFE, Desk, Issued, LoadMethod, Registered
from bench.residents import resident
from openehc.envelope.client_side import Credentials, ReplyNotAuthentic
from openehc.envelope.message import Caller, OpenedRequest, ReplyHead
from openehc.envelope.opening import OpeningRules, open_request
from openehc.envelope.profile import NATIONAL
from openehc.envelope.sealing import seal_reply
from openehc.spec import load

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHO = Credentials("bench-app", "a secret of the bench, 32 chars.", "9901A0001STMB0001")
HOLDER = Registered("AB" * 32, resident(7).id_no)
CODE = Issued("CD" * 32 + ":0:" + "EF" * 16 + ":9901A0001XXTB0001", HOLDER.id_no, NOW)


class OneCaller:
    """The registers of a platform that knows the bench."""

    def caller(self, app_id: str) -> Caller | None:
        return Caller(app_id, NATIONAL, WHO.keys) if app_id == WHO.app_id else None


@pytest.fixture
def desk() -> Desk:
    return Desk(WHO, "http://127.0.0.1:8080/ehcService/gateway.do", run="0123456789abcdef")


def opened(message: bytes) -> OpenedRequest:
    _, _, body = message.partition(b"\r\n\r\n")
    return open_request(body, callers=OneCaller(), rules=OpeningRules(), now=NOW)


def reply(biz: dict[str, Any], *, code: str = "0000") -> bytes:
    head = ReplyHead(app_id=WHO.app_id, caller=OneCaller().caller(WHO.app_id))
    return seal_reply(head, code=code, message="", now=NOW, biz=biz)


def messages_of(desk: Desk, method: LoadMethod, *, count: int = 1) -> list[bytes]:
    match method:
        case LoadMethod.REGISTER:
            return list(desk.registrations(range(count), now=NOW))
        case LoadMethod.GENERATE:
            return list(desk.generations([HOLDER] * count, now=NOW))
        case LoadMethod.VERIFY:
            return list(desk.verifications([CODE] * count, now=NOW))


@pytest.mark.parametrize("method", LoadMethod)
def test_the_gateway_finds_every_field_of_a_prepared_message_right(
    desk: Desk, method: LoadMethod
) -> None:
    request = opened(messages_of(desk, method)[0])

    table = load().method(request.method)

    assert table is not None
    assert table.check(request.biz).faults == ()


@pytest.mark.parametrize("method", LoadMethod)
def test_every_message_has_a_serial_number_of_its_own(desk: Desk, method: LoadMethod) -> None:
    table = load().method(method.wire_name)
    assert table is not None

    requests = [opened(message) for message in messages_of(desk, method, count=50)]

    assert len({request.biz[table.serial_field] for request in requests}) == 50


def test_a_message_says_where_its_body_ends(desk: Desk) -> None:
    head, _, body = messages_of(desk, LoadMethod.VERIFY)[0].partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head


def test_a_generated_code_lives_three_hundred_seconds(desk: Desk) -> None:
    request = opened(messages_of(desk, LoadMethod.GENERATE)[0])

    assert timedelta(seconds=request.biz["time_expire"]) == CODE_LIFE == timedelta(seconds=300)


def test_a_code_is_read_from_the_reply_to_its_generation(desk: Desk) -> None:
    answer = reply({"ehealth_card_id": HOLDER.ehealth_card_id, "ehealth_code": CODE.text})

    code = desk.issued(answer, holder=HOLDER, now=NOW)

    assert code == Issued(CODE.text, HOLDER.id_no, NOW + CODE_LIFE)


def test_a_card_of_another_resident_is_not_taken(desk: Desk) -> None:
    answer = reply({"ehealth_card_id": HOLDER.ehealth_card_id, "id_no": HOLDER.id_no})

    with pytest.raises(AssertionError):
        desk.registered(answer, number=8)


def test_an_identification_of_another_resident_is_not_taken(desk: Desk) -> None:
    with pytest.raises(AssertionError):
        desk.require_identified(reply({"id_no": resident(8).id_no}), code=CODE)


def test_a_reply_that_was_changed_is_not_taken(desk: Desk) -> None:
    answer = reply({"id_no": CODE.id_no}).replace(b'"ret_code":"0000"', b'"ret_code":"0001"')

    with pytest.raises(ReplyNotAuthentic):
        desk.require_identified(answer, code=CODE)
