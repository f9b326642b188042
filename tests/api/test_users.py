"""Users: made without rights, given roles by somebody else, never the last administrator."""

from typing import Any

import httpx
import pytest

from openehc.people.permissions import Role
from tests.support.people import PASSWORD, PeopleAtNode, sign_in

REASON = {"reason": "岗位调整"}


async def make(client: httpx.AsyncClient, login: str = "newcomer") -> dict[str, Any]:
    """Make a user."""
    made = await client.post("/api/users", json={"login": login, "display_name": "新来者"})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def assign(
    client: httpx.AsyncClient, user: int, roles: list[str], *, revision: int = 1, **more: Any
) -> httpx.Response:
    """Assign roles."""
    form = {"roles": roles, "revision": revision, **REASON, **more}
    return await client.put(f"/api/users/{user}/roles", json=form)


@pytest.mark.requirement(
    "G2-B-5.3-2", "G2-B-5.3-14", "G1-9.4-3", "G1-9.4-4", "G1-10.2.2-2", "G2-A-5.1-2"
)
async def test_a_newcomer_has_no_rights_until_another_administrator_gives_them(
    people: PeopleAtNode,
) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    security = await people.signed_in(Role.SECURITY_ADMIN)
    made = await make(system)
    newcomer = await people.client()

    told = (await sign_in(newcomer, "newcomer", made["initial_password"])).json()
    refused = await assign(system, made["user_id"], ["province_operator"])
    given = await assign(security, made["user_id"], ["province_operator"])

    assert (told["permissions"], told["must_change_password"]) == ([], True)
    assert (refused.status_code, given.json()["roles"]) == (403, ["province_operator"])
    record = (await people.records("user.assign-roles"))[0]
    assert (record["object_ref"], record["reason"]) == ("newcomer", "岗位调整")
    assert '"roles":["province_operator"]' in record["after"]
    assert '"roles":[]' in record["before"]


async def test_the_initial_password_opens_nothing_but_its_change(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    security = await people.signed_in(Role.SECURITY_ADMIN)
    made = await make(system)
    await assign(security, made["user_id"], ["security_admin"])
    newcomer = await people.client()
    await sign_in(newcomer, "newcomer", made["initial_password"])

    before = await newcomer.get("/api/users")
    await newcomer.put(
        "/api/session/password",
        json={"old_password": made["initial_password"], "new_password": PASSWORD},
    )
    after = await newcomer.get("/api/users")

    assert (before.status_code, after.status_code) == (403, 200)


@pytest.mark.requirement("G1-9.7-1", "G2-B-5.3-3", "G2-A-5.3.1-4", "G2-A-5.6.5-4")
async def test_a_login_is_one_persons_for_ever(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    await make(system)
    await people.node.parts.database.execute(
        "update users set state = 'disabled' where login = 'newcomer'"
    )

    again = await system.post("/api/users", json={"login": "newcomer", "display_name": "另一人"})

    assert again.status_code == 409


@pytest.mark.parametrize(
    "login",
    ["ab", "Newcomer", "new comer", "new'comer", "-newcomer", "n" * 33, "n\u0435wcomer", "新来者",
     "newcomer\u0000", "=newcomer", ""],
)  # fmt: skip
async def test_a_login_that_could_be_confused_is_refused(people: PeopleAtNode, login: str) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)

    refused = await system.post("/api/users", json={"login": login, "display_name": "新来者"})

    assert refused.status_code == 422


@pytest.mark.parametrize(
    "name", ["", " 张", "张\u202e三", "张\u200b三", "张\n三", "张\u0000", "张" * 41]
)
async def test_a_name_that_cannot_be_read_is_refused(people: PeopleAtNode, name: str) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)

    refused = await system.post("/api/users", json={"login": "newcomer", "display_name": name})

    assert refused.status_code == 422


@pytest.mark.requirement("G2-B-5.3-15", "G1-10.2.2-1")
@pytest.mark.parametrize(
    "form",
    [
        {"roles": ["system_admin", "audit_admin"]},
        {"roles": ["window_operator"]},
        {"roles": ["window_operator"], "institution_id": 999},
        {"roles": ["province_operator"], "institution_id": 1},
        {"roles": ["owner"]},
    ],
)
async def test_roles_that_do_not_go_together_are_refused(
    people: PeopleAtNode, form: dict[str, Any]
) -> None:
    security = await people.signed_in(Role.SECURITY_ADMIN)
    other = await people.user()

    refused = await assign(security, other.user.user_id, **form, revision=other.user.revision)

    assert refused.status_code == 422


async def test_nobody_gives_themselves_a_role(people: PeopleAtNode) -> None:
    account = await people.user(Role.SECURITY_ADMIN)
    client = await people.session(account)

    refused = await assign(client, account.user.user_id, ["system_admin"], revision=2)

    assert refused.status_code == 409


async def test_a_new_role_counts_from_the_next_sign_in(people: PeopleAtNode) -> None:
    security = await people.signed_in(Role.SECURITY_ADMIN)
    account = await people.user(Role.PROVINCE_OPERATOR)
    client = await people.session(account)

    await assign(security, account.user.user_id, [], revision=account.user.revision)

    assert (await client.get("/api/session")).status_code == 401


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.AUDIT_ADMIN])
async def test_the_last_holder_of_an_administrators_role_keeps_it(
    people: PeopleAtNode, role: Role
) -> None:
    security = await people.signed_in(Role.SECURITY_ADMIN)
    only = (await people.user(role)).user

    kept = await assign(security, only.user_id, [], revision=only.revision)
    await people.user(role)
    taken = await assign(security, only.user_id, [], revision=only.revision)

    assert (kept.status_code, taken.status_code) == (409, 200)


@pytest.mark.parametrize("role", [Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
async def test_the_last_holder_of_an_administrators_role_is_not_disabled(
    people: PeopleAtNode, role: Role
) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    only = (await people.user(role)).user
    form = {"revision": only.revision, **REASON}

    kept = await system.post(f"/api/users/{only.user_id}/disable", json=form)
    await people.user(role)
    disabled = await system.post(f"/api/users/{only.user_id}/disable", json=form)

    assert (kept.status_code, disabled.status_code) == (409, 200)


async def test_of_two_administrators_one_stays_however_close_the_changes(
    people: PeopleAtNode,
) -> None:
    security = await people.signed_in(Role.SECURITY_ADMIN)
    both = [(await people.user(Role.AUDIT_ADMIN)).user for _ in range(2)]

    answers = await people.at_once(
        assign(security, one.user_id, [], revision=one.revision) for one in both
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_nobody_disables_themselves(people: PeopleAtNode) -> None:
    await people.user(Role.SYSTEM_ADMIN)
    account = await people.user(Role.SYSTEM_ADMIN)
    client = await people.session(account)

    refused = await client.post(
        f"/api/users/{account.user.user_id}/disable",
        json={"revision": account.user.revision, **REASON},
    )

    assert refused.status_code == 409


async def test_a_change_from_an_old_revision_is_refused(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    other = (await people.user(Role.PROVINCE_OPERATOR)).user
    form = {"display_name": "新名字", "revision": other.revision}

    first = await system.put(f"/api/users/{other.user_id}", json=form)
    second = await system.put(f"/api/users/{other.user_id}", json=form)

    assert first.json()["display_name"] == "新名字"
    assert (first.json()["revision"], second.status_code) == (other.revision + 1, 412)


async def test_a_disabled_user_comes_back_only_by_being_enabled(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    other = (await people.user(Role.PROVINCE_OPERATOR)).user
    url = f"/api/users/{other.user_id}"

    disabled = await system.post(f"{url}/disable", json={"revision": other.revision, **REASON})
    out = await sign_in(await people.client(address="10.0.0.1"), other.login)
    await system.post(f"{url}/enable", json={"revision": disabled.json()["revision"]})
    back = await sign_in(await people.client(address="10.0.0.2"), other.login)

    assert (out.status_code, back.status_code) == (401, 201)


async def test_a_list_shows_who_is_locked_out_and_enabling_ends_it(people: PeopleAtNode) -> None:
    other = (await people.user(Role.PROVINCE_OPERATOR)).user
    stranger = await people.client(address="10.0.0.8")
    await sign_in(stranger, other.login, "Wrong-Pass-1")
    for _ in range(4):
        captcha = await people.captcha(stranger)
        await sign_in(stranger, other.login, "Wrong-Pass-1", captcha=captcha)
    system = await people.signed_in(Role.SYSTEM_ADMIN)

    rows = (await system.get("/api/users", params={"q": other.login})).json()["items"]
    await system.post(f"/api/users/{other.user_id}/enable", json={"revision": other.revision})
    back = await sign_in(await people.client(address="10.0.0.9"), other.login)

    assert [(row["login"], row["locked"]) for row in rows] == [(other.login, True)]
    assert back.status_code == 201


@pytest.mark.requirement("G1-9.7-2", "G1-9.7.4-6")
async def test_a_reset_gives_new_credentials_once_and_ends_the_old(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    other = await people.user(Role.PROVINCE_OPERATOR, totp="JBSWY3DPEHPK3PXP")
    session = await people.session(other)

    reset = (await system.post(f"/api/users/{other.user.user_id}/reset")).json()
    told = (
        await sign_in(await people.client(), other.user.login, reset["initial_password"])
    ).json()

    assert (await session.get("/api/session")).status_code == 401
    assert told["must_change_password"]
    assert reset["initial_password"] not in str(await people.node.rows("table audit_records"))


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
async def test_no_administrator_becomes_another_by_a_reset(
    people: PeopleAtNode, role: Role
) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    other = (await people.user(role)).user

    assert (await system.post(f"/api/users/{other.user_id}/reset")).status_code == 409


@pytest.mark.parametrize(
    ("params", "logins"),
    [
        ({"q": "li"}, ["li.si", "liu-wu"]), ({"q": "LI.S"}, ["li.si"]),
        ({"role": "window_operator"}, ["liu-wu"]), ({"q": "%"}, []), ({"q": "_"}, []),
        ({"q": "' or 1=1 --"}, []), ({"sort": "-login", "q": "li"}, ["liu-wu", "li.si"]),
    ],
)  # fmt: skip
async def test_users_are_found_by_parts_of_their_names(
    people: PeopleAtNode, params: dict[str, str], logins: list[str]
) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)
    await people.user(Role.PROVINCE_OPERATOR, login="li.si")
    await people.user(Role.WINDOW_OPERATOR, login="liu-wu")

    found = (await system.get("/api/users", params=params)).json()

    assert [row["login"] for row in found["items"]] == logins
    assert found["total"] == len(logins)


async def test_an_order_outside_the_list_is_refused(people: PeopleAtNode) -> None:
    system = await people.signed_in(Role.SYSTEM_ADMIN)

    refused = await system.get("/api/users", params={"sort": "sealed_credentials; drop"})

    assert refused.status_code == 422


# ---------------------------------------------------------------- the policy


@pytest.mark.requirement("G2-B-5.3-4", "G2-B-5.3-13")
async def test_the_security_administrator_sets_the_policy_within_bounds(
    people: PeopleAtNode,
) -> None:
    security = await people.signed_in(Role.SECURITY_ADMIN)
    policy = (await security.get("/api/policy")).json()

    tighter = await security.put("/api/policy", json={**policy, "password_length": 12})
    looser = await security.put(
        "/api/policy", json={**policy, "password_days": 91, "idle_minutes": 0, "revision": 2}
    )
    stale = await security.put("/api/policy", json={**policy, "password_length": 10})

    assert (tighter.json()["password_length"], tighter.json()["revision"]) == (12, 2)
    assert {one["field"] for one in looser.json()["errors"]} == {"password_days", "idle_minutes"}
    assert (looser.status_code, stale.status_code) == (422, 412)
    record = (await people.records("policy.change"))[0]
    assert '"password_length":8' in record["before"]
    assert '"password_length":12' in record["after"]


async def test_the_next_request_obeys_the_new_policy(people: PeopleAtNode) -> None:
    client = await people.signed_in(Role.PROVINCE_OPERATOR)
    await people.policy(idle_minutes=1)

    people.node.clock.advance(seconds=61)

    assert (await client.get("/api/session")).status_code == 401
