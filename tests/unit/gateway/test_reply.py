"""From refusals to return codes."""

import pytest

from openehc.envelope.sealing import MESSAGE_LIMIT
from openehc.gateway.reply import CODE_OF, DETAIL_OF, SUCCESS, code_and_message
from openehc.kernel.refusal import Reason, Refusal
from openehc.spec import load

SPEC = load()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_code_of_the_table(reason: Reason) -> None:
    assert SPEC.return_code(CODE_OF[reason]).text


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_looks_like_a_success(reason: Reason) -> None:
    assert CODE_OF[reason] != SUCCESS


@pytest.mark.parametrize("reason", Reason)
def test_every_message_fits_its_field(reason: Reason) -> None:
    _, message = code_and_message(Refusal(reason), SPEC)

    assert 0 < len(message) <= MESSAGE_LIMIT


@pytest.mark.parametrize("reason", Reason)
def test_a_long_detail_is_cut(reason: Reason) -> None:
    _, message = code_and_message(Refusal(reason, "细" * 500), SPEC)

    assert len(message) == MESSAGE_LIMIT


@pytest.mark.parametrize("reason", Reason)
def test_a_message_begins_with_the_official_text(reason: Reason) -> None:
    code, message = code_and_message(Refusal(reason, "说明"), SPEC)

    assert message == f"{SPEC.return_code(code).text}：说明"


@pytest.mark.parametrize("reason", DETAIL_OF)
def test_a_refusal_without_words_gets_the_usual_ones(reason: Reason) -> None:
    assert code_and_message(Refusal(reason), SPEC)[1].endswith(DETAIL_OF[reason])


def reasons_with(code: str) -> set[Reason]:
    return {reason for reason, told in CODE_OF.items() if told == code}


def test_reasons_that_share_the_failed_transaction_can_be_told_apart() -> None:
    messages = {
        code_and_message(Refusal(reason), SPEC)[1] for reason in reasons_with("9998")
    }  # fmt: skip

    assert len(messages) == len(reasons_with("9998"))
