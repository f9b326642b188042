"""Software that calls with its certificates only: binding, renewing, and a proxy that tells."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from openehc.envelope.client_side import Credentials
from openehc.people.permissions import Role
from openehc.wiring.client_certificates import ClientCertificates
from tests.support.client import GATEWAY, VERIFY, GatewayClient
from tests.support.entries import Desk, if_match
from tests.support.messages import verification
from tests.support.node import RunningNode, StartNode
from tests.support.tls_authority import Party, TlsAuthority
from tests.support.waiting import until_told

LET_IN, REFUSED = "2002", "1010"
"""What a verification of nonsense is answered once the application is let in; what if not."""

OPENSSL_FORM = ":".join(["AB"] * 32)


@pytest.fixture(autouse=True)
async def fresh(database: Any) -> AsyncIterator[None]:
    yield
    del database


@pytest.fixture
async def node(start: StartNode) -> RunningNode:
    """A node behind a proxy on this machine, which tells of certificates."""
    return await start(
        tls_client_certificates=ClientCertificates.FORWARDED, proxies=frozenset({"127.0.0.1"})
    )


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> tuple[Party, Party]:
    authority = TlsAuthority(tmp_path_factory.mktemp("authority"))
    return authority.party("old"), authority.party("new")


@pytest.fixture
async def app(desk: Desk) -> dict[str, Any]:
    """Approved software with a grant, which nothing limits yet."""
    await desk.hospital()
    approved = await desk.approved("applications")
    answer = await desk.province.put(
        f"/api/applications/{approved['id']}/limits", json={"grants": [VERIFY]},
        headers=if_match(approved["revision"]),
    )  # fmt: skip
    return {**answer.json(), "credentials": approved["credentials"]}


async def bind(
    desk: Desk, app: dict[str, Any], *certificates: str, needed: bool = True
) -> httpx.Response:
    form = {"certificates": certificates, "needed": needed, "reason": "公网接入"}
    return await desk.province.put(
        f"/api/applications/{app['id']}/certificates", json=form,
        headers=if_match(app["revision"]),
    )  # fmt: skip


async def code_of(desk: Desk, app: dict[str, Any], shown: Party | None = None) -> str:
    """The return code of a call, told by the proxy to have come with this certificate."""
    who = Credentials(
        app["credentials"]["app_id"], app["credentials"]["app_secret"],
        desk.node.client().who.term_id,
    )  # fmt: skip
    message = GatewayClient(desk.node.http, who, desk.node.clock).sealed(VERIFY, verification("x"))
    headers = {"X-Client-Cert": quote(shown.pem.read_text("ascii"))} if shown else {}
    answer = await desk.node.http.post(GATEWAY, json=message, headers=headers)
    return str(answer.json()["ret_code"])


async def settles(desk: Desk, app: dict[str, Any], code: str, shown: Party | None = None) -> None:
    async def seen() -> bool:
        return await code_of(desk, app, shown) == code

    await until_told(seen)


async def test_software_calls_with_its_certificate_only(
    desk: Desk, app: dict[str, Any], parties: tuple[Party, Party]
) -> None:
    own, foreign = parties
    await settles(desk, app, LET_IN)

    bound = await bind(desk, app, own.fingerprint)
    await settles(desk, app, REFUSED)

    assert [await code_of(desk, app, shown) for shown in (own, foreign)] == [LET_IN, REFUSED]
    await bind(desk, bound.json(), own.fingerprint, needed=False)
    await settles(desk, app, LET_IN)


async def test_two_certificates_work_while_one_is_renewed(
    desk: Desk, app: dict[str, Any], parties: tuple[Party, Party]
) -> None:
    old, new = parties
    both = (await bind(desk, app, old.fingerprint, new.fingerprint)).json()
    await settles(desk, app, REFUSED)
    seen = [await code_of(desk, app, shown) for shown in parties]

    await bind(desk, both, new.fingerprint)
    await settles(desk, app, REFUSED, old)

    assert seen == [LET_IN, LET_IN]
    assert await code_of(desk, app, new) == LET_IN


async def test_the_refusal_says_what_is_missing(
    desk: Desk, app: dict[str, Any], parties: tuple[Party, Party]
) -> None:
    await bind(desk, app, parties[0].fingerprint)
    await settles(desk, app, REFUSED)
    who = Credentials(
        app["credentials"]["app_id"], app["credentials"]["app_secret"],
        desk.node.client().who.term_id,
    )  # fmt: skip

    reply = await GatewayClient(desk.node.http, who, desk.node.clock).call(
        VERIFY, verification("x")
    )

    assert reply.authentic
    assert reply.message == "应用无该接口权限：本次连接未出示应用登记的客户端证书"


async def test_a_header_of_somebody_else_is_not_believed(
    desk: Desk, app: dict[str, Any], parties: tuple[Party, Party], start: StartNode
) -> None:
    await bind(desk, app, parties[0].fingerprint)
    far = await start(
        tls_client_certificates=ClientCertificates.FORWARDED, proxies=frozenset({"10.0.0.5"})
    )
    off = await start(proxies=frozenset({"127.0.0.1"}))

    for node in (far, off):
        await settles(Desk(node, desk.console, desk.province), app, REFUSED, parties[0])

    await settles(desk, app, LET_IN, parties[0])


async def test_binding_is_shown_told_in_the_history_and_recorded(
    desk: Desk, app: dict[str, Any]
) -> None:
    answer = await bind(desk, app, OPENSSL_FORM)

    shown = answer.json()
    history = (await desk.province.get(f"/api/applications/{app['id']}/history")).json()
    (record,) = await desk.node.rows(
        "select before, after from audit_records where action = 'application.bind_certificates'"
    )
    now = {"client_certificates": ["ab" * 32], "certificate_needed": True}
    assert {name: shown[name] for name in now} == now
    assert (history[0]["act"], history[0]["reason"]) == ("bind_certificates", "公网接入")
    assert history[0]["before"] == {
        "client_certificates": [], "certificate_needed": False, "standing": "active",
    }  # fmt: skip
    assert history[0]["after"] == {**now, "standing": "active"}
    assert "ab" * 32 in str(record["after"])


async def test_who_was_overtaken_binds_nothing(desk: Desk, app: dict[str, Any]) -> None:
    first, late = await bind(desk, app, OPENSSL_FORM), await bind(desk, app, "cd" * 32)

    assert (first.status_code, late.status_code) == (200, 412)


async def test_an_operator_of_the_hospital_binds_nothing(desk: Desk, app: dict[str, Any]) -> None:
    operator = await desk.operator_of(app["institution_id"])

    answer = await operator.put(
        f"/api/applications/{app['id']}/certificates",
        json={"certificates": [OPENSSL_FORM], "needed": True},
        headers=if_match(app["revision"]),
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("certificates", "field"),
    [
        ((), "needed"),
        (("ab" * 20,), "certificates"),  # SHA-1
        (("zz" * 32,), "certificates"),
        (("ab" * 32, OPENSSL_FORM), "certificates"),
        (tuple(f"{n:064x}" for n in range(11)), "certificates"),
    ],
    ids=["none", "sha-1", "no digits", "twice", "eleven"],
)
async def test_wrong_certificates_are_named(
    desk: Desk, app: dict[str, Any], certificates: tuple[str, ...], field: str
) -> None:
    answer = await bind(desk, app, *certificates)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


async def test_binding_asks_for_a_fresh_proof(desk: Desk, app: dict[str, Any]) -> None:
    stale = await desk.console.as_(Role.PROVINCE_OPERATOR, login="second", fresh=False)

    answer = await stale.put(
        f"/api/applications/{app['id']}/certificates",
        json={"certificates": [OPENSSL_FORM], "needed": True},
        headers=if_match(app["revision"]),
    )

    assert (answer.status_code, answer.json()["reason"]) == (403, "proof_needed")
