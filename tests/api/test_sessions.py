"""Sessions: their cookie, their end, and whose they are."""

from contextlib import AsyncExitStack
from http.cookies import SimpleCookie

import pytest

from openehc.people.permissions import Role
from tests.support.node import StartNode
from tests.support.people import PASSWORD, PeopleAtNode, sign_in


@pytest.mark.requirement("G2-B-5.3-1", "G2-B-5.3-8")
async def test_a_right_password_opens_a_session_and_is_recorded(people: PeopleAtNode) -> None:
    account = await people.user(Role.PROVINCE_OPERATOR)
    client = await people.client()

    answer = await sign_in(client, account.user.login)
    looked = await client.get("/api/session")

    assert answer.status_code == 201
    assert looked.json()["user"]["login"] == account.user.login
    assert "institutions.decide" in looked.json()["permissions"]
    records = await people.records("session.open")
    assert [(one["actor_id"], one["result"]) for one in records] == [(account.user.login, "ok")]


async def test_the_cookie_of_a_node_behind_tls_goes_to_this_host_only(real: PeopleAtNode) -> None:
    account = await real.user(Role.WINDOW_OPERATOR)

    answer = await sign_in(await real.client(), account.user.login)

    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-ehc_session"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("strict", "/", "")


async def test_every_sign_in_gives_another_token(people: PeopleAtNode) -> None:
    account = await people.user(Role.PROVINCE_OPERATOR)
    client = await people.client(cookies={"ehc_session": "chosen-by-somebody-else"})

    first = await sign_in(client, account.user.login)
    second = await sign_in(client, account.user.login)

    tokens = {
        SimpleCookie(one.headers["set-cookie"])["ehc_session"].value for one in (first, second)
    }
    assert len(tokens | {"chosen-by-somebody-else"}) == 3


# ---------------------------------------------------------------- how a session ends


@pytest.mark.requirement("G2-A-5.3.1-8", "G2-B-5.3-9", "G2-B-5.3-26")
async def test_ten_idle_minutes_end_a_session(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    people.node.clock.advance(seconds=599)
    used = await client.get("/api/session")
    people.node.clock.advance(seconds=599)
    used_again = await client.get("/api/session")
    people.node.clock.advance(seconds=601)
    idle = await client.get("/api/session")

    assert [used.status_code, used_again.status_code, idle.status_code] == [200, 200, 401]
    assert '"why":"idle"' in (await people.records("session.end"))[0]["after"]


async def test_twelve_hours_end_a_session_however_busy(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    statuses = []
    for _ in range(81):
        people.node.clock.advance(seconds=9 * 60)
        statuses.append((await client.get("/api/session")).status_code)

    assert statuses == [200] * 80 + [401]


async def test_use_is_written_at_most_every_half_minute(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)
    seen = "select extract(epoch from seen_at)::int as at from sessions"
    first = await people.node.rows(seen)

    people.node.clock.advance(seconds=29)
    await client.get("/api/session")
    soon = await people.node.rows(seen)
    people.node.clock.advance(seconds=1)
    await client.get("/api/session")

    assert soon == first
    assert (await people.node.rows(seen))[0]["at"] == first[0]["at"] + 30


async def test_a_session_shown_from_another_address_ends_for_both(people: PeopleAtNode) -> None:
    here = await people.signed_in(Role.PROVINCE_OPERATOR, address="10.0.0.1")
    there = await people.client(address="10.0.0.2", cookies=here.cookies)

    taken = await there.get("/api/session")
    own = await here.get("/api/session")

    assert (taken.status_code, own.status_code) == (401, 401)
    record = (await people.records("session.end"))[0]
    assert (record["address"], "another-address" in record["after"]) == ("10.0.0.2", True)


async def test_the_policy_lets_people_move_between_networks(people: PeopleAtNode) -> None:
    await people.policy(one_address=False)
    here = await people.signed_in(Role.PROVINCE_OPERATOR, address="10.0.0.1")
    there = await people.client(address="10.0.0.2", cookies=here.cookies)

    assert (await there.get("/api/session")).status_code == 200


@pytest.mark.requirement("G2-B-5.3-27")
@pytest.mark.parametrize(("role", "most"), [(Role.SYSTEM_ADMIN, 1), (Role.PROVINCE_OPERATOR, 3)])
async def test_the_oldest_session_makes_room(people: PeopleAtNode, role: Role, most: int) -> None:
    account = await people.user(role)
    clients = [await people.client() for _ in range(most + 1)]
    for client in clients:
        await sign_in(client, account.user.login)
        people.node.clock.advance(seconds=1)

    statuses = [(await client.get("/api/session")).status_code for client in clients]

    assert statuses == [401] + [200] * most


@pytest.mark.requirement("G2-B-5.3-10")
async def test_after_signing_out_the_token_is_worth_nothing(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)
    token = client.cookies["ehc_session"]

    out = await client.delete("/api/session")
    with_the_old = await (await people.client(cookies={"ehc_session": token})).get("/api/session")

    assert (out.status_code, with_the_old.status_code) == (204, 401)
    assert 'ehc_session=""' in out.headers["set-cookie"]
    assert "cache" in out.headers["clear-site-data"]


async def test_a_security_administrator_signs_somebody_out(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR, login="somebody")
    security = await people.signed_in(Role.SECURITY_ADMIN)
    listed = (await security.get("/api/sessions", params={"sort": "login"})).json()["items"]
    number = next(one["session_id"] for one in listed if one["login"] == "somebody")

    ended = await security.delete(f"/api/sessions/{number}", params={"reason": "离岗"})
    again = await security.delete(f"/api/sessions/{number}")

    assert (ended.status_code, again.status_code) == (204, 404)
    assert (await client.get("/api/session")).status_code == 401
    assert (await people.records("session.end"))[0]["reason"] == "离岗"


async def test_a_disabled_user_is_out_at_once(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    await people.node.parts.database.execute("update users set state = 'disabled'")

    assert (await client.get("/api/session")).status_code == 401


# ---------------------------------------------------------------- what a session is not enough for


async def test_a_change_without_the_csrf_value_is_refused(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)
    del client.headers["x-csrf-token"]

    refused = await client.delete("/api/session")

    assert refused.status_code == 403
    assert (await client.get("/api/session")).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "x" * 101, "é" * 20, "' or 1=1 --", "\x00"])
async def test_a_made_up_token_is_nobodys(people: PeopleAtNode, token: str) -> None:
    client = await people.client(headers={"Cookie": b"ehc_session=" + token.encode()})

    assert (await client.get("/api/session")).status_code == 401


async def test_a_token_is_not_in_the_database(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)

    rows = await people.node.rows("select * from sessions")

    assert client.cookies["ehc_session"] not in str(rows)
    assert client.headers["x-csrf-token"] not in str(rows)


async def test_on_a_real_node_the_plain_cookie_counts_for_nothing(real: PeopleAtNode) -> None:
    account = await real.user(Role.PROVINCE_OPERATOR)
    opened = await real.opened(account)

    plain = await real.client(headers={"Cookie": f"ehc_session={opened.token}"})
    host = await real.client(headers={"Cookie": f"__Host-ehc_session={opened.token}"})

    assert (await plain.get("/api/session")).status_code == 401
    assert (await host.get("/api/session")).status_code == 200


async def test_five_minutes_after_the_proof_a_dangerous_act_wants_another(
    people: PeopleAtNode,
) -> None:
    client = await people.signed_in(Role.SYSTEM_ADMIN)
    other = await people.user(Role.PROVINCE_OPERATOR)
    people.node.clock.advance(seconds=5 * 60 + 1)

    stale = await client.post(f"/api/users/{other.user.user_id}/reset")
    wrong = await client.post("/api/session/proof", json={"password": "Wrong-Pass-1"})
    proved = await client.post("/api/session/proof", json={"password": PASSWORD})
    fresh = await client.post(f"/api/users/{other.user.user_id}/reset")

    assert (stale.status_code, stale.json()["reason"]) == (403, "proof_needed")
    assert (wrong.status_code, proved.status_code, fresh.status_code) == (422, 204, 200)


async def test_too_many_wrong_proofs_end_the_session(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.SYSTEM_ADMIN)

    statuses = [
        (await client.post("/api/session/proof", json={"password": "Wrong-Pass-1"})).status_code
        for _ in range(6)
    ]

    assert statuses == [422] * 5 + [429]
    assert (await client.get("/api/session")).status_code == 401


async def test_a_proof_is_exactly_one(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.SYSTEM_ADMIN)

    none = await client.post("/api/session/proof", json={})
    two = await client.post("/api/session/proof", json={"password": PASSWORD, "totp": "123456"})

    assert (none.status_code, two.status_code) == (422, 422)


async def test_a_proxy_tells_where_people_come_from(start: StartNode) -> None:
    node = await start(proxies=frozenset({"10.9.9.9"}))
    async with AsyncExitStack() as stack:
        people = await PeopleAtNode.at(node, stack)
        account = await people.user(Role.PROVINCE_OPERATOR, login="behind-proxy")
        forwarded = {"X-Forwarded-For": "1.1.1.1, 172.16.0.7"}
        through = await people.client(address="10.9.9.9", headers=forwarded)
        directly = await people.client(address="10.0.0.3", headers=forwarded)

        await sign_in(through, account.user.login)
        await sign_in(directly, account.user.login)

        rows = await node.rows("select address from sessions order by session_id desc limit 2")
    assert [row["address"] for row in rows] == ["10.0.0.3", "172.16.0.7"]
