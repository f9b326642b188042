"""The console API keeps to its own description, whatever is sent (schemathesis).

One invented person holds every role, with a new session for each request, so that no
route is hidden behind another's refusal. Repeatable: the examples follow from the routes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from openehc.people.permissions import OF_ONE_INSTITUTION, Role
from tests.support.people import PeopleAtNode

EXAMPLES: Final = 8
"""For each route and each kind of data: well formed, and wrong on purpose."""

CHECKS: Final = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_headers_conformance, response_schema_conformance,
]  # fmt: skip

Ask = Callable[[Any], httpx.Response]


@pytest.mark.slow
@pytest.mark.requirement("G1-9.4-11", "G2-B-5.3-28")
async def test_every_answer_is_as_described(people: PeopleAtNode) -> None:
    account = await people.user(*(set(Role) - OF_ONE_INSTITUTION), login="everybody")
    loop = asyncio.get_running_loop()

    client = await people.client()

    async def send(case: Any) -> httpx.Response:
        request = _request(client, case)
        request.headers.update(people.headers(await people.opened(account)))
        return await client.send(request)

    def ask(case: Any) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(send(case), loop).result(timeout=300)

    description = people.node.parts.console.api.openapi()
    wrong = await asyncio.to_thread(_answers_not_as_described, description, ask)

    assert wrong == {}


def _request(client: httpx.AsyncClient, case: Any) -> httpx.Request:
    told = case.as_transport_kwargs(base_url=str(client.base_url))
    headers = {k: v for k, v in told["headers"].items() if k.lower() != "user-agent"}
    data = told.get("data")
    content = data if isinstance(data, bytes | str) else None
    return client.build_request(
        told["method"], told["url"], params=told.get("params"), headers=headers,
        json=told.get("json"), content=content,
    )  # fmt: skip


def _answers_not_as_described(description: dict[str, Any], ask: Ask) -> dict[str, str]:
    """What is wrong, by route."""
    found: dict[str, str] = {}
    schema = schemathesis.openapi.from_dict(description)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                _tried(operation.as_strategy(generation_mode=mode), ask)
            except BaseExceptionGroup as failures:
                found[f"{operation.label} ({mode.value})"] = "; ".join(
                    map(str, failures.exceptions)
                )
            except AssertionError as failure:
                found[f"{operation.label} ({mode.value})"] = str(failure)
    return found


def _tried(strategy: Any, ask: Ask) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def one(case: Any) -> None:
        case.validate_response(ask(case), checks=CHECKS)

    with suppress(Unsatisfiable):  # a route that takes nothing cannot be asked wrongly
        one()
