"""A gateway pipeline in memory whose handlers the tests write, and messages for it."""

from typing import Any, Final

from openehc.access.registry import Registry
from openehc.access.serials import InFlight
from openehc.envelope.client_side import open_reply, seal_request
from openehc.envelope.opening import OpeningRules
from openehc.gateway.calls import Biz, Call, Handler
from openehc.gateway.pipeline import Exchange, Pipeline
from openehc.kernel.clock import SetClock
from openehc.kernel.refusal import Refusal
from openehc.spec import load
from tests.support.signed_requests import CLIENT, METHOD, NOW, as_bytes, registry

VERIFY: Final[dict[str, Any]] = {
    "ehealth_code": f"{'A1' * 32}:1::9901A0001XXTB0001",
    "out_verify_no": "V1",
    "out_verify_time": "20260301083000",
    "operator_id": "7",
    "operator_name": "窗口一",
    "treatment_code": "010101",
}


async def accept(_call: Call) -> Biz | Refusal:
    return {"user_name": "甲样本"}


def pipeline(
    handler: Handler = accept, *, registers: Registry | None = None, clock: SetClock | None = None
) -> Pipeline:
    return Pipeline(
        spec=load(),
        registry=registers or registry(),
        rules=OpeningRules(),
        handlers={METHOD: handler},
        in_flight=InFlight(),
        clock=clock or SetClock(NOW),
    )


def message(method: str = METHOD, **changes: Any) -> bytes:
    return as_bytes(seal_request(CLIENT, method, {**VERIFY, **changes}, now=NOW))


async def answered(line: Pipeline, raw: bytes) -> dict[str, Any]:
    return open_reply(CLIENT, await line.answer(raw, Exchange(received_at=NOW)))


async def code_of(line: Pipeline, raw: bytes) -> str:
    code: str = (await answered(line, raw))["ret_code"]
    return code
