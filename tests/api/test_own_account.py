"""What people do about their own credentials: passwords, authenticators, first sign-ins."""

import base64
import itertools
from io import BytesIO
from typing import Any

import httpx
import pyotp
import pytest
import zxingcpp
from PIL import Image

from openehc.people.permissions import Role
from tests.support.people import PASSWORD, TOTP_SECRET, PeopleAtNode, sign_in

DAY = 24 * 3600


async def change(client: httpx.AsyncClient, new: str, *, old: str = PASSWORD) -> httpx.Response:
    """Change the password."""
    return await client.put(
        "/api/session/password", json={"old_password": old, "new_password": new}
    )


async def test_a_new_password_counts_and_ends_the_other_sessions(people: PeopleAtNode) -> None:
    account = await people.user(Role.PROVINCE_OPERATOR)
    here, there = await people.client(), await people.client()
    await sign_in(here, account.user.login)
    await sign_in(there, account.user.login)

    changed = await change(here, "Another-Pass-2")

    assert changed.status_code == 204
    assert (await here.get("/api/session")).status_code == 200
    assert (await there.get("/api/session")).status_code == 401
    login = account.user.login
    assert (await sign_in(await people.client(), login, "Another-Pass-2")).status_code == 201
    assert (await sign_in(await people.client(), login, PASSWORD)).status_code == 401


@pytest.mark.requirement("G2-A-5.3.1-8", "G2-B-5.3-3", "G2-B-5.3-4")
@pytest.mark.parametrize(
    "new",
    ["Ab1-def", "abcdefg-1", "ABCDEFG-1", "Abcdefg-h", "Aa1Aa1Aa1", "X-somebody-9", "9-YdobemoS-x"],
)
async def test_a_password_outside_the_rules_is_refused(people: PeopleAtNode, new: str) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")

    refused = await change(client, new)

    assert refused.status_code == 422
    assert {one["field"] for one in refused.json()["errors"]} == {"password"}


async def test_the_old_password_has_to_be_right(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    refused = await change(client, "Another-Pass-2", old="Wrong-Pass-1")

    assert refused.json()["errors"][0]["field"] == "proof"
    assert (await client.get("/api/session")).status_code == 200


async def test_none_of_the_last_five_passwords_comes_back(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)
    passwords = [PASSWORD, *(f"Another-Pass-{at}" for at in range(1, 6))]
    for old, new in itertools.pairwise(passwords):
        assert (await change(client, new, old=old)).status_code == 204

    statuses = [
        (await change(client, again, old=passwords[-1])).status_code
        for again in (passwords[1], passwords[5], passwords[0])
    ]

    assert statuses == [422, 422, 204]


@pytest.mark.requirement("G2-A-5.3.1-8", "G2-B-5.3-6")
async def test_a_password_lives_ninety_days_and_says_so_seven_days_before(
    people: PeopleAtNode,
) -> None:
    account = await people.user(Role.SYSTEM_ADMIN)
    login, clock = account.user.login, people.node.clock

    clock.advance(seconds=82 * DAY)
    early = (await sign_in(await people.client(), login)).json()
    clock.advance(seconds=DAY)
    late = (await sign_in(await people.client(), login)).json()
    clock.advance(seconds=7 * DAY + 1)
    over = await people.client()
    told = (await sign_in(over, login)).json()

    assert early["warnings"] == []
    assert [one["code"] for one in late["warnings"]] == ["password_expires"]
    assert told["must_change_password"]
    assert (await over.get("/api/users")).json()["reason"] == "password_expired"
    await change(over, "Another-Pass-2")
    assert (await over.get("/api/users")).status_code == 200


@pytest.mark.requirement("G2-A-5.3.1-8")
async def test_an_account_that_nobody_used_is_closed_to_sign_ins(people: PeopleAtNode) -> None:
    account = await people.user(Role.PROVINCE_OPERATOR)

    people.node.clock.advance(seconds=90 * DAY + 1)
    answer = await sign_in(await people.client(), account.user.login)

    assert answer.status_code == 401
    assert '"why":"unused"' in (await people.records("session.open"))[0]["after"]


# ---------------------------------------------------------------- authenticators


async def _enrol(client: httpx.AsyncClient, people: PeopleAtNode) -> tuple[str, list[str]]:
    """Enrol an authenticator; its secret and the recovery codes."""
    offer = (await client.post("/api/session/totp")).json()
    confirmed = await client.put("/api/session/totp", json={"code": people.code(offer["secret"])})
    assert confirmed.status_code == 200, confirmed.text
    return offer["secret"], confirmed.json()["recovery_codes"]


async def test_the_code_to_scan_holds_the_secret(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    offer = (await client.post("/api/session/totp")).json()

    picture = Image.open(BytesIO(base64.b64decode(offer["image"].split(",")[1])))
    (read,) = zxingcpp.read_barcodes(picture)
    assert read.text == offer["link"]
    assert pyotp.parse_uri(read.text).secret == offer["secret"]
    assert offer["svg"].lstrip().startswith("<")


async def test_an_offer_counts_for_nothing_until_its_code_came(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")
    await client.post("/api/session/totp")

    wrong = await client.put("/api/session/totp", json={"code": "000000"})
    again = await sign_in(await people.client(), "somebody")

    assert (wrong.status_code, again.status_code) == (422, 201)


async def test_a_real_node_lets_a_newcomer_only_enrol(real: PeopleAtNode) -> None:
    account = await real.user(Role.SYSTEM_ADMIN)
    client = await real.client()

    told = (await sign_in(client, account.user.login)).json()
    before = await client.get("/api/users")
    await _enrol(client, real)
    after = await client.get("/api/users")

    assert told["must_enrol"]
    assert (before.status_code, before.json()["reason"]) == (403, "second_factor_needed")
    assert after.status_code == 200


async def test_in_the_demo_the_password_is_enough(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.SYSTEM_ADMIN)

    assert (await client.get("/api/users")).status_code == 200


@pytest.mark.parametrize(("factor", "status"), [("everyone", 403), ("administrators", 200)])
async def test_the_policy_says_who_needs_a_second_factor(
    real: PeopleAtNode, factor: Any, status: int
) -> None:
    await real.policy(second_factor=factor)
    client = await real.signed_in(Role.WINDOW_OPERATOR)

    asked = await client.request("DELETE", "/api/approvals/1")

    assert asked.status_code == (403 if status == 403 else 404)


async def test_a_recovery_code_stands_in_once(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")
    _, codes = await _enrol(client, people)

    first = await sign_in(await people.client(), "somebody", totp=codes[0])
    again = await sign_in(await people.client(), "somebody", totp=codes[0])
    captcha_client = await people.client()
    other = await sign_in(
        captcha_client, "somebody", totp=codes[1].upper(),
        captcha=await people.captcha(captcha_client),
    )  # fmt: skip

    assert [one.status_code for one in (first, again, other)] == [201, 401, 201]
    assert len(set(codes)) == 8


async def test_who_used_a_recovery_code_is_told_how_many_are_left(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")
    _, codes = await _enrol(client, people)

    answers = [await sign_in(await people.client(), "somebody", totp=code) for code in codes[:2]]

    [first], [second] = (answer.json()["warnings"] for answer in answers)
    assert (first["code"], second["code"]) == ("recovery_code_used", "recovery_code_used")
    assert ("还剩7个" in first["message"], "还剩6个" in second["message"]) == (True, True)
    assert "6 are left" in second["message_en"]


async def test_the_code_that_enrolled_signs_nobody_in(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")
    secret, _ = await _enrol(client, people)

    answer = await sign_in(await people.client(), "somebody", totp=people.code(secret))

    assert answer.status_code == 401


async def test_another_authenticator_wants_a_fresh_proof(people: PeopleAtNode) -> None:
    account = await people.user(Role.PROVINCE_OPERATOR, totp=TOTP_SECRET)
    client = await people.client()
    await sign_in(client, account.user.login, totp=people.code())
    people.node.clock.advance(seconds=301)

    stale = await client.post("/api/session/totp")
    await client.post("/api/session/proof", json={"totp": people.code()})
    fresh = await client.post("/api/session/totp")

    assert (stale.status_code, fresh.status_code) == (403, 200)
