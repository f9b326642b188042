"""Signing in behind an authenticating gateway (附录F 4.2): one signed header, once."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from openehc.crypto.keyfile import KeyPurpose
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.crypto.sm3 import hmac_sm3
from openehc.people.permissions import Role
from tests.support.counted_entropy import CountedEntropy
from tests.support.node import StartNode
from tests.support.people import PeopleAtNode

GATEWAY: Final = "10.8.8.8"
SHARED: Final = bytes(range(32))
PATH: Final = "POST /api/session/gateway"


@dataclass(slots=True)
class Gateway:
    """A gateway that has checked somebody's certificate, before a real node."""

    people: PeopleAtNode
    sign: Any
    entropy: CountedEntropy = field(default_factory=CountedEntropy)

    def header(self, user: str, **changes: Any) -> str:
        """What it adds to a request."""
        told = {
            "time": int(self.people.node.clock.now().timestamp()),
            "nonce": self.entropy.bytes(16).hex(), "request": PATH, **changes,
        }  # fmt: skip
        text = f"ehc-gateway-1\n{user}\n{told['time']}\n{told['nonce']}\n{told['request']}"
        signature = self.sign(text.encode()).hex()
        return f"user={user}; time={told['time']}; nonce={told['nonce']}; signature={signature}"

    async def send(self, header: str, *, address: str = GATEWAY) -> httpx.Response:
        """A request as it comes from an address."""
        client = await self.people.client(address=address)
        return await client.post("/api/session/gateway", headers={"X-EHC-Gateway": header})


async def _gateway(start: StartNode, key_file: Path, sign: Any, stack: AsyncExitStack) -> Gateway:
    node = await start(
        mode=KeyPurpose.DEBUGGING, public_url="https://ehc.example", gateway_key_file=key_file,
        gateway_addresses=frozenset({GATEWAY}),
    )  # fmt: skip
    return Gateway(await PeopleAtNode.at(node, stack), sign)


@pytest.fixture
async def gateway(start: StartNode, tmp_path: Path) -> AsyncIterator[Gateway]:
    file = tmp_path / "gateway.key"
    file.write_text(SHARED.hex())
    async with AsyncExitStack() as stack:
        yield await _gateway(start, file, lambda text: hmac_sm3(SHARED, text), stack)


@pytest.mark.requirement("G1-F-4.2-1")
async def test_whom_the_gateway_names_is_signed_in(gateway: Gateway) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user

    answer = await gateway.send(gateway.header(user.login))

    assert answer.json()["user"]["login"] == user.login
    assert (answer.json()["proved_by"], answer.json()["must_enrol"]) == ("gateway", False)


async def test_a_gateway_may_sign_with_sm2(start: StartNode, tmp_path: Path) -> None:
    key, file = Sm2PrivateKey.generate(), tmp_path / "gateway.pem"
    file.write_text(key.public.pem())
    async with AsyncExitStack() as stack:
        gateway = await _gateway(start, file, key.sign, stack)
        user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user

        good = await gateway.send(gateway.header(user.login))
        gateway.sign = Sm2PrivateKey.generate().sign
        forged = await gateway.send(gateway.header(user.login))

    assert (good.status_code, forged.status_code) == (201, 401)


async def test_a_header_counts_once(gateway: Gateway) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user
    header = gateway.header(user.login)

    first, replayed = await gateway.send(header), await gateway.send(header)

    assert (first.status_code, replayed.status_code) == (201, 401)
    told = [record["after"] for record in await gateway.people.records("session.open")]
    assert sum("nonce-used" in after for after in told) == 1  # of one moment, in any order


async def test_only_a_gateways_address_is_believed(gateway: Gateway) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user

    answer = await gateway.send(gateway.header(user.login), address="10.8.8.9")

    assert answer.status_code == 401


@pytest.mark.parametrize("late", [61, -61])
async def test_a_header_lives_a_minute(gateway: Gateway, late: int) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user
    header = gateway.header(user.login)

    gateway.people.node.clock.advance(seconds=late)

    assert (await gateway.send(header)).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        ("user=", "user=other"), ("time=1", "time=2"), ("signature=", "signature=00"),
        ("user=", "user=A"), ("; nonce", ";nonce=00;  nonce"), ("nonce=", "nonce=zz"),
    ],
)  # fmt: skip
async def test_a_header_with_anything_changed_is_refused(
    gateway: Gateway, change: tuple[str, str]
) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user

    assert (await gateway.send(gateway.header(user.login).replace(*change))).status_code == 401


async def test_a_header_for_another_path_is_refused(gateway: Gateway) -> None:
    user = (await gateway.people.user(Role.SYSTEM_ADMIN)).user

    answer = await gateway.send(gateway.header(user.login, request="GET /api/users"))

    assert answer.status_code == 401


async def test_somebody_whom_we_do_not_know_is_refused(gateway: Gateway) -> None:
    assert (await gateway.send(gateway.header("nobody-there"))).status_code == 401


async def test_without_a_key_no_header_counts(real: PeopleAtNode) -> None:
    gateway = Gateway(real, lambda text: hmac_sm3(b"", text))
    user = (await real.user(Role.SYSTEM_ADMIN)).user

    assert (await gateway.send(gateway.header(user.login))).status_code == 401
