"""The door, spoken to as a server would."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from openehc.envelope.client_side import seal_request
from openehc.gateway.calls import Biz, Call
from openehc.gateway.door import BODY_LIMIT, Door
from openehc.gateway.request_log import RequestLog
from openehc.kernel.clock import SetClock
from openehc.kernel.refusal import Refusal
from tests.support.residents import resident
from tests.support.signed_requests import CLIENT, METHOD, NOW, as_bytes
from tests.support.small_pipeline import VERIFY, accept, message, pipeline

PERSON = resident()


@dataclass(slots=True)
class Visit:
    """One HTTP request at the door, and what came back."""

    door: Door
    chunks: list[bytes]
    method: str = "POST"
    hang_up: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self) -> dict[str, Any]:
        if not self.chunks:
            return {"type": "http.disconnect"}
        body = self.chunks.pop(0)
        more = bool(self.chunks) or bool(self.hang_up)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)

    async def go(self) -> dict[str, Any]:
        await self.door({"type": "http", "method": self.method}, self.receive, self.send)
        return json.loads(self.sent[1]["body"]) if self.sent else {}

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status


def door(handler: Callable[[Call], Awaitable[Biz | Refusal]] = accept) -> tuple[Door, RequestLog]:
    log, clock = RequestLog(), SetClock(NOW)
    return Door(pipeline(handler, clock=clock), clock, log), log


async def break_down(_call: Call) -> Biz | Refusal:
    raise RuntimeError(f"{PERSON.user_name} {PERSON.id_no}")


async def test_a_message_in_one_piece_is_answered() -> None:
    assert (await Visit(door()[0], [message()]).go())["ret_code"] == "0000"


async def test_a_message_in_pieces_is_answered() -> None:
    raw = message()

    assert (await Visit(door()[0], [raw[:7], raw[7:50], raw[50:]]).go())["ret_code"] == "0000"


async def test_an_empty_message_is_answered_as_such() -> None:
    assert (await Visit(door()[0], [b""]).go())["ret_code"] == "8003"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_is_taken(method: str) -> None:
    visit = Visit(door()[0], [b""], method=method)
    await visit.go()

    assert visit.status == 405


@pytest.mark.parametrize("pieces", [1, 5])
async def test_a_message_over_the_limit_is_refused(pieces: int) -> None:
    piece = b" " * (BODY_LIMIT // pieces + 1)

    assert (await Visit(door()[0], [piece] * pieces).go())["ret_code"] == "9008"


async def test_a_message_without_end_is_not_read_to_its_end() -> None:
    visit = Visit(door()[0], [b" " * (1 << 20)] * 100)
    await visit.go()

    assert len(visit.chunks) > 90


async def test_a_client_that_hangs_up_gets_no_answer() -> None:
    visit = Visit(door()[0], [b"{"], hang_up=[{}])
    await visit.go()

    assert visit.sent == []


async def test_a_client_that_hangs_up_leaves_no_line_in_the_log() -> None:
    entrance, log = door()
    await Visit(entrance, [b"{"], hang_up=[{}]).go()

    assert log.lines == []


async def test_something_unexpected_is_answered_with_8009() -> None:
    assert (await Visit(door(break_down)[0], [message()]).go())["ret_code"] == "8009"


async def test_something_unexpected_is_logged_by_type_and_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await Visit(door(break_down)[0], [message()]).go()

    assert "RuntimeError" in caplog.text
    assert "break_down" in caplog.text


async def test_something_unexpected_takes_no_personal_data_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entrance, _ = door(break_down)
    await Visit(entrance, [message()]).go()

    logged = caplog.text.replace("user_name} {PERSON.id_no", "")  # the source line, not the data
    assert PERSON.user_name not in logged
    assert PERSON.id_no not in logged


async def test_the_length_of_the_answer_is_told() -> None:
    visit = Visit(door()[0], [message()])
    await visit.go()
    headers = dict(visit.sent[0]["headers"])

    assert int(headers[b"content-length"]) == len(visit.sent[1]["body"])


async def personal_log(caplog: pytest.LogCaptureFixture) -> str:
    """The log line of a request that is full of personal data."""

    async def person(_call: Call) -> Biz | Refusal:
        return {"user_name": PERSON.user_name, "id_no": PERSON.id_no}

    biz = {**VERIFY, "user_name": PERSON.user_name, "mobile_phone": PERSON.mobile_phone}
    raw = as_bytes(seal_request(CLIENT, METHOD, biz, now=NOW))
    entrance, log = door(person)
    with caplog.at_level(logging.INFO, logger="openehc.requests"):
        await Visit(entrance, [raw]).go()
        log.flush()
    return "\n".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "secret",
    [PERSON.user_name, PERSON.id_no, PERSON.mobile_phone, CLIENT.secret, VERIFY["ehealth_code"],
     VERIFY["operator_name"]],
)  # fmt: skip
async def test_the_request_log_holds_no_personal_data(
    caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    assert secret not in await personal_log(caplog)


async def test_the_request_log_tells_who_did_what_and_how_it_went(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = json.loads(await personal_log(caplog))

    assert (line["method"], line["app_id"], line["term_id"], line["ret_code"]) == (
        METHOD, CLIENT.app_id, CLIENT.term_id, "0000",
    )  # fmt: skip


async def test_an_unknown_application_cannot_write_into_the_log() -> None:
    entrance, log = door()
    await Visit(entrance, [as_bytes({"app_id": PERSON.id_no, "term_id": "x", "method": "y"})]).go()

    assert (log.lines[0]["app_id"], log.lines[0]["method"]) == ("", "")


@pytest.mark.parametrize("text", [PERSON.id_no, PERSON.user_name, f"ehc.{PERSON.mobile_phone}"])
async def test_an_unproven_message_cannot_write_into_the_log(text: str) -> None:
    fields = seal_request(CLIENT, METHOD, VERIFY, now=NOW) | {"method": text, "term_id": text}
    entrance, log = door()
    await Visit(entrance, [as_bytes(fields)]).go()

    assert text not in log.lines[0].values()


def test_flushed_lines_are_not_flushed_again(caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog(lines=[{"ret_code": "0000"}])
    with caplog.at_level(logging.INFO, logger="openehc.requests"):
        log.flush()
        log.flush()

    assert len(caplog.records) == 1
