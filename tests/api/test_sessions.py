"""Sessions: their cookie, their end, and whose they are."""

from http.cookies import SimpleCookie

import pytest

from openehc.people.permissions import Role
from tests.support.people import PeopleAtNode, sign_in


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
