"""The request that the guide publishes, sent byte by byte to a node that knows its sender."""

import json
from typing import Any

import pytest

from openehc.envelope.client_side import Credentials
from openehc.wiring.demo import GUIDE_APP_ID, GUIDE_SECRET, GUIDE_TERM_ID
from tests.support.client import Reply
from tests.support.node import Processes
from tests.support.source_tree import ROOT


def _published() -> dict[str, Any]:
    """The message of the known-answer file, its digest included."""
    cases = json.loads((ROOT / "vectors" / "envelope.json").read_text("utf-8"))["cases"]
    case = next(case for case in cases if case["id"] == "published-request-back")
    message: dict[str, Any] = case["given"]["message"]
    return message


async def _sent(demo: Processes, message: dict[str, Any]) -> Reply:
    async with demo.http() as http:
        client = demo.client(http).acting_as(
            app_id=GUIDE_APP_ID, secret=GUIDE_SECRET, term_id=GUIDE_TERM_ID
        )
        return await client.send(message)


def test_the_sender_is_the_one_of_the_message() -> None:
    who = Credentials(GUIDE_APP_ID, GUIDE_SECRET, GUIDE_TERM_ID)

    message = _published()

    assert (message["app_id"], message["term_id"]) == (who.app_id, who.term_id)


@pytest.mark.requirement("G1-E-4.1-3", "G3-A-3.1-2", "G3-A-3.4-2")
async def test_the_published_request_is_opened_and_judged(demo: Processes) -> None:
    reply = await _sent(demo, _published())

    assert (reply.code in {"2001", "2002", "3001"}, reply.authentic) == (True, True)


async def test_the_published_request_with_one_sign_changed_is_refused(demo: Processes) -> None:
    message = _published()

    reply = await _sent(demo, {**message, "term_id": message["term_id"] + "0"})

    assert (reply.code, reply.authentic) == ("9003", True)
