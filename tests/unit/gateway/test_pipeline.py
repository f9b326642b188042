"""The stages of a request, with handlers that tests write themselves."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from openehc.access.registry import Registry
from openehc.envelope.profile import NATIONAL
from openehc.gateway.calls import Biz, Call
from openehc.gateway.pipeline import Exchange
from openehc.kernel.clock import SetClock
from openehc.kernel.refusal import (
    CryptoModuleDown,
    DatabaseDown,
    DatabaseFault,
    Reason,
    Refusal,
)
from openehc.storage.errors import QueueFull
from tests.support.signed_requests import APPLICATION, NOW, REGISTERS, registry
from tests.support.small_pipeline import answered, code_of, message, pipeline


async def test_a_good_request_is_answered_with_success() -> None:
    assert await code_of(pipeline(), message()) == "0000"


async def test_the_answer_of_the_handler_reaches_the_client() -> None:
    assert (await answered(pipeline(), message()))["biz_content"] == {"user_name": "甲样本"}


async def test_row_16_success_has_the_text_of_the_table() -> None:
    assert (await answered(pipeline(), message()))["ret_msg"] == "操作成功"


@pytest.mark.requirement("G3-A-3.3-2")
async def test_a_refused_request_gets_the_common_fields_only() -> None:
    async def refuse(_call: Call) -> Biz | Refusal:
        return Refusal(Reason.CODE_EXPIRED)

    fields = json.loads(await pipeline(refuse).answer(message(), Exchange(received_at=NOW)))

    assert set(fields) == {
        "ret_code", "ret_msg", "app_id", "method", "version", "timestamp", "digest_type", "digest",
    }  # fmt: skip


async def test_before_the_registers_are_loaded_the_database_counts_as_down() -> None:
    empty = Registry(profiles={NATIONAL.name: NATIONAL})
    raw = await pipeline(registers=empty).answer(message(), Exchange(received_at=NOW))

    assert json.loads(raw)["ret_code"] == "8005"


@pytest.mark.parametrize("method", ["ehc.ehealthcard.reg ister", "no.such.method"])
async def test_an_unknown_method_is_refused(method: str) -> None:
    assert await code_of(pipeline(), message(method)) == "1005"


async def test_a_method_that_this_node_does_not_offer_is_refused() -> None:
    assert await code_of(pipeline(), message("ehc.ehealthcard.close")) == "1005"


@pytest.mark.requirement("G1-9.4-9")
async def test_a_method_without_a_grant_is_refused() -> None:
    registers = replace(REGISTERS, applications=(replace(APPLICATION, grants=frozenset()),))

    assert await code_of(pipeline(registers=registry(registers)), message()) == "1010"


@pytest.mark.requirement("G1-6.4-7")
async def test_an_unregistered_terminal_is_refused() -> None:
    line = pipeline(registers=registry(replace(REGISTERS, terminals=())))

    assert await code_of(line, message()) == "1009"


@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
async def test_all_wrong_fields_are_named_at_once() -> None:
    reply = await answered(pipeline(), message(treatment_code="no", out_verify_time="x"))

    assert reply["ret_code"] == "9001"
    assert "treatment_code" in reply["ret_msg"]
    assert "out_verify_time" in reply["ret_msg"]


async def test_a_wrong_field_is_named_without_its_value() -> None:
    reply = await answered(pipeline(), message(treatment_code="990101199001010019"))

    assert "990101199001010019" not in reply["ret_msg"]


async def test_the_handler_is_told_when_the_message_came_in() -> None:
    seen = []

    async def look(call: Call) -> Biz | Refusal:
        seen.append(call.now)
        return {}

    await pipeline(look, clock=SetClock(NOW + timedelta(seconds=5))).answer(
        message(), Exchange(received_at=NOW)
    )

    assert seen == [NOW]


async def test_a_number_that_is_being_worked_on_is_refused() -> None:
    inner: list[str] = []

    async def ask_again(_call: Call) -> Biz | Refusal:
        inner.append(await code_of(line, message()))
        return {}

    line = pipeline(ask_again)
    await line.answer(message(), Exchange(received_at=NOW))

    assert inner == ["3003"]


async def test_another_number_is_worked_on_at_the_same_time() -> None:
    async def ask_again(call: Call) -> Biz | Refusal:
        if call.external_serial == "V1":
            assert await code_of(line, message(out_verify_no="V2")) == "0000"
        return {}

    line = pipeline(ask_again)

    assert await code_of(line, message()) == "0000"


async def test_a_number_is_free_again_after_the_answer() -> None:
    line = pipeline()
    await line.answer(message(), Exchange(received_at=NOW))

    assert await code_of(line, message()) == "0000"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (lambda: QueueFull("full"), "3003"),
        (lambda: DatabaseDown("down"), "8005"),
        (lambda: DatabaseFault("fault"), "8007"),
        (lambda: CryptoModuleDown("down"), "2005"),
    ],
    ids=["queue full", "database down", "database fault", "crypto module down"],
)
async def test_a_part_that_does_not_answer_has_its_own_code(
    trouble: Callable[[], Exception], code: str
) -> None:
    async def fail(_call: Call) -> Biz | Refusal:
        raise trouble()

    assert await code_of(pipeline(fail), message()) == code
