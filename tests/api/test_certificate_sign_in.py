"""Signing in with an SM2 certificate: the ten steps of 附录F 4.1, and what breaks them."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.keyfile import KeyPurpose
from openehc.people.model import Account
from openehc.people.permissions import Role
from openehc.people.sign_in_with_certificate import identity_of
from tests.support.certificates import Holder, Issuer
from tests.support.node import StartNode
from tests.support.people import PeopleAtNode

RANDOM1 = "00112233445566778899aabbccddeeff"


@dataclass(slots=True)
class Setting:
    """A real node that trusts one authority, and a user bound to a holder."""

    people: PeopleAtNode
    issuer: Issuer
    folder: Path
    server: Holder
    holder: Holder
    account: Account

    async def bind(self, account: Account, holder: Holder) -> None:
        """Bind without asking anybody."""
        await self.people.node.parts.database.execute(
            "update users set certificate_identity = $2 where user_id = $1",
            account.user.user_id, identity_of(holder.certificate),
        )  # fmt: skip

    async def challenge(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """Steps 2 to 5."""
        answer = await client.post("/api/session/challenge", json={"random1": RANDOM1})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def answer(
        self, client: httpx.AsyncClient, random2: str, holder: Holder | None = None
    ) -> httpx.Response:
        """Steps 8 to 10."""
        who = holder or self.holder
        form = {
            "random2": random2, "certificate": who.certificate.pem(),
            "signature": who.key.sign(bytes.fromhex(random2)).hex(),
        }  # fmt: skip
        return await client.post("/api/session/certificate", json=form)

    async def sign_in(self, holder: Holder | None = None) -> httpx.Response:
        """All the steps, from an address of its own."""
        client = await self.people.client()
        return await self.answer(client, (await self.challenge(client))["random2"], holder)

    async def why(self) -> str:
        """What the last record says about the refusal."""
        return str((await self.people.records("session.open"))[-1]["after"])


@pytest.fixture
async def setting(start: StartNode, node_folder: Path) -> AsyncIterator[Setting]:
    node = await start(mode=KeyPurpose.DEBUGGING, public_url="https://ehc.example")
    issuer = Issuer(node.clock.now())
    folder = node_folder / "trust"
    async with AsyncExitStack() as stack:
        people = await PeopleAtNode.at(node, stack)
        account = await people.user(Role.SYSTEM_ADMIN)
        holder = issuer.holder("SF-0001")
        made = Setting(people, issuer, folder, issuer.furnish(folder), holder, account)
        await made.bind(account, holder)
        yield made
    shutil.rmtree(folder)


@pytest.mark.requirement("G1-F-4.1-1", "G1-9.2-1", "G1-9.4-2")
async def test_both_sides_prove_themselves_and_the_holder_is_signed_in(setting: Setting) -> None:
    client = await setting.people.client()

    told = await setting.challenge(client)
    server = Certificate.from_pem(told["certificate"])
    answer = await setting.answer(client, told["random2"])

    assert server == setting.server.certificate
    server.key.verify(bytes.fromhex(told["signature"]), data=bytes.fromhex(RANDOM1))
    assert answer.json()["user"]["login"] == setting.account.user.login
    assert (answer.json()["proved_by"], answer.json()["must_enrol"]) == ("certificate", False)


async def test_a_challenge_counts_once(setting: Setting) -> None:
    client = await setting.people.client()
    random2 = (await setting.challenge(client))["random2"]

    first = await setting.answer(client, random2)
    replayed = await setting.answer(client, random2)

    assert (first.status_code, replayed.status_code) == (201, 401)
    assert "challenge-unknown" in await setting.why()


async def test_a_challenge_that_we_did_not_make_counts_for_nothing(setting: Setting) -> None:
    client = await setting.people.client()
    await setting.challenge(client)

    forged = await setting.answer(client, "ab" * 32)

    assert forged.status_code == 401


async def test_a_challenge_lives_a_minute(setting: Setting) -> None:
    client = await setting.people.client()
    random2 = (await setting.challenge(client))["random2"]

    setting.people.node.clock.advance(seconds=61)

    assert (await setting.answer(client, random2)).status_code == 401


async def test_a_challenge_belongs_to_the_address_that_asked(setting: Setting) -> None:
    here, there = await setting.people.client(), await setting.people.client(address="10.0.0.2")
    random2 = (await setting.challenge(here))["random2"]

    elsewhere = await setting.answer(there, random2)

    assert elsewhere.status_code == 401


@pytest.mark.requirement("G1-F-5.1-1")
async def test_a_signature_by_another_key_is_refused_before_the_chain_is_looked_at(
    setting: Setting,
) -> None:
    stranger = Issuer(setting.people.node.clock.now(), name="Nobody").holder("SF-0001")
    client = await setting.people.client()
    random2 = (await setting.challenge(client))["random2"]
    form = {
        "random2": random2, "certificate": stranger.certificate.pem(),
        "signature": setting.holder.key.sign(bytes.fromhex(random2)).hex(),
    }  # fmt: skip

    refused = await client.post("/api/session/certificate", json=form)

    assert refused.status_code == 401
    assert "SignatureWrong" in await setting.why()


async def test_the_signature_of_random1_is_no_answer(setting: Setting) -> None:
    client = await setting.people.client()
    random2 = (await setting.challenge(client))["random2"]
    form = {
        "random2": random2, "certificate": setting.holder.certificate.pem(),
        "signature": setting.holder.key.sign(bytes.fromhex(RANDOM1)).hex(),
    }  # fmt: skip

    assert (await client.post("/api/session/certificate", json=form)).status_code == 401


@pytest.mark.requirement("G1-F-5.1-1")
async def test_a_certificate_revoked_a_minute_ago_lets_nobody_in(setting: Setting) -> None:
    clock = setting.people.node.clock
    before = await setting.sign_in()
    clock.advance(seconds=60)

    setting.issuer.publish(setting.folder, [setting.holder], at=clock.now())
    after = await setting.sign_in()

    assert (before.status_code, after.status_code) == (201, 401)
    assert after.json()["detail_en"] == "The certificate was revoked."


async def test_without_a_current_revocation_list_nobody_gets_in(setting: Setting) -> None:
    setting.people.node.clock.advance(seconds=8 * 24 * 3600)

    assert (await setting.sign_in()).status_code == 401
    assert "RevocationUnknown" in await setting.why()


async def test_a_broken_revocation_list_lets_nobody_in(setting: Setting) -> None:
    (setting.folder / "crls" / "other.crl").write_text("-----BEGIN X509 CRL-----\nAA\n")
    client = await setting.people.client()

    refused = await client.post("/api/session/challenge", json={"random1": RANDOM1})

    assert refused.status_code == 409


@pytest.mark.requirement("G1-F-5.1-1")
@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("expired", "Expired"), ("future", "NotYetValid"), ("other authority", "ChainBroken"),
        ("server", "WrongUsage"), ("unbound", "holder-unknown"), ("nameless", "holder-unknown"),
    ],
)  # fmt: skip
async def test_a_certificate_that_is_not_good_is_refused_by_its_reason(
    setting: Setting, what: str, why: str
) -> None:
    now, issuer = setting.people.node.clock.now(), setting.issuer
    holder = {
        "expired": lambda: issuer.holder(
            "SF-0001", start=now - timedelta(days=9), life=timedelta(days=8)
        ),
        "future": lambda: issuer.holder("SF-0001", start=now + timedelta(days=1)),
        "other authority": lambda: Issuer(now, name="Nobody").holder("SF-0001"),
        "server": lambda: issuer.holder("SF-0001", profile=Profile.TIMESTAMP),
        "unbound": lambda: issuer.holder("SF-0002"),
        "nameless": lambda: issuer.holder(""),
    }[what]()

    refused = await setting.sign_in(holder)

    assert refused.status_code == 401
    assert why in await setting.why()


async def test_a_renewed_certificate_of_the_same_holder_works(setting: Setting) -> None:
    assert (await setting.sign_in(setting.issuer.holder("SF-0001"))).status_code == 201


async def test_a_disabled_user_does_not_get_in_with_a_certificate(setting: Setting) -> None:
    await setting.people.node.parts.database.execute("update users set state = 'disabled'")

    assert (await setting.sign_in()).status_code == 401


@pytest.mark.parametrize("random1", ["00" * 15, "00" * 33, "", "xyz", "0"])
async def test_only_a_random_number_is_signed_and_no_document(
    setting: Setting, random1: str
) -> None:
    client = await setting.people.client()

    refused = await client.post("/api/session/challenge", json={"random1": random1})

    assert refused.status_code == 422


async def test_where_nothing_is_set_up_there_is_no_challenge(people: PeopleAtNode) -> None:
    client = await people.client()

    refused = await client.post("/api/session/challenge", json={"random1": RANDOM1})

    assert refused.status_code == 409


@pytest.mark.parametrize(
    "certificate", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"]
)
async def test_what_is_no_certificate_is_refused(setting: Setting, certificate: str) -> None:
    client = await setting.people.client()
    random2 = (await setting.challenge(client))["random2"]
    form = {"random2": random2, "signature": "ab" * 64, "certificate": certificate}

    assert (await client.post("/api/session/certificate", json=form)).status_code == 401


async def test_an_administrator_binds_a_certificate_by_showing_it(setting: Setting) -> None:
    system = await setting.people.session(setting.account)
    other = (await setting.people.user(Role.PROVINCE_OPERATOR)).user
    holder, url = setting.issuer.holder("SF-0009"), f"/api/users/{other.user_id}/certificate"
    form = {"certificate": holder.certificate.pem(), "revision": other.revision}

    bound = await system.put(url, json=form)
    taken = await system.put(
        url, json={"certificate": setting.holder.certificate.pem(), "revision": other.revision + 1}
    )
    answer = await setting.sign_in(holder)

    assert (bound.status_code, taken.status_code) == (204, 409)
    assert answer.json()["user"]["login"] == other.login


async def test_a_certificate_proves_again_whose_session_it_is(setting: Setting) -> None:
    clock = setting.people.node.clock
    client = await setting.people.session(setting.account)
    other = (await setting.people.user(Role.PROVINCE_OPERATOR)).user
    clock.advance(seconds=301)
    random2 = (await setting.challenge(client))["random2"]
    form = {
        "random2": random2, "certificate": setting.holder.certificate.pem(),
        "signature": setting.holder.key.sign(bytes.fromhex(random2)).hex(),
    }  # fmt: skip

    stale = await client.post(f"/api/users/{other.user_id}/reset")
    proved = await client.post("/api/session/proof", json={"certificate": form})
    fresh = await client.post(f"/api/users/{other.user_id}/reset")

    assert (stale.status_code, proved.status_code, fresh.status_code) == (403, 204, 200)


async def test_the_certificate_of_somebody_else_proves_nothing(setting: Setting) -> None:
    other = await setting.people.user(Role.PROVINCE_OPERATOR)
    client = await setting.people.session(other)
    random2 = (await setting.challenge(client))["random2"]
    form = {
        "random2": random2, "certificate": setting.holder.certificate.pem(),
        "signature": setting.holder.key.sign(bytes.fromhex(random2)).hex(),
    }  # fmt: skip

    refused = await client.post("/api/session/proof", json={"certificate": form})

    assert refused.status_code == 422
