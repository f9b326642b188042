"""Client software that a test registered, at the gateway. Holds no test."""

from collections.abc import Mapping
from typing import Any

from openehc.envelope.client_side import Credentials
from tests.support.client import GATEWAY, VERIFY, GatewayClient
from tests.support.entries import Desk, if_match
from tests.support.messages import verification
from tests.support.waiting import until_told


def client_of(desk: Desk, credentials: Mapping[str, str], *, term_id: str = "") -> GatewayClient:
    """The software with its credentials, at the demo's terminal or another one."""
    term_id = term_id or desk.node.client().who.term_id
    who = Credentials(credentials["app_id"], credentials["app_secret"], term_id)
    return GatewayClient(desk.node.http, who, desk.node.clock)


async def limits(desk: Desk, app: Mapping[str, Any], **wanted: Any) -> dict[str, Any]:
    """The software under these limits."""
    answer = await desk.province.put(
        f"/api/applications/{app['id']}/limits", json=wanted, headers=if_match(app["revision"])
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def code_of(client: GatewayClient, method: str = VERIFY) -> str:
    """The return code, whoever signed the reply."""
    answer = await client.http.post(GATEWAY, json=client.sealed(method, verification("x")))
    return str(answer.json()["ret_code"])


async def settles(client: GatewayClient, code: str) -> None:
    """The worker follows (how soon: tests/faults/test_suspension.py)."""

    async def seen() -> bool:
        return await code_of(client) == code

    await until_told(seen)
