"""The people of the demo sign in as demo.json says, over HTTP, on any worker."""

import httpx
import pytest

from openehc.console.api.guards import CSRF_HEADER
from tests.support.node import Processes

LOGINS = {"admin", "security", "auditor", "province", "hospital", "window"}


def test_demo_json_names_somebody_for_every_role(demo: Processes) -> None:
    users = demo.profile["console_users"]

    assert {user["login"] for user in users} == LOGINS
    assert (demo.profile["console_user"], demo.profile["console_password"]) == (
        users[0]["login"], users[0]["password"],
    )  # fmt: skip


@pytest.mark.parametrize("login", sorted(LOGINS))
async def test_everybody_signs_in_with_the_password_alone(demo: Processes, login: str) -> None:
    user = next(one for one in demo.profile["console_users"] if one["login"] == login)
    form = {"login": login, "password": user["password"]}

    async with demo.http() as here, demo.http() as there:
        signed = await here.post("/api/session", json=form)
        there.cookies = here.cookies
        looks = [await client.get("/api/session") for client in (here, there)]
        out = await there.delete("/api/session", headers={CSRF_HEADER: signed.json()["csrf"]})

    assert [look.status_code for look in looks] == [200, 200]
    assert signed.json()["roles"] == user["roles"]
    assert (signed.json()["must_enrol"], out.status_code) == (False, 204)
    assert (signed.json()["user"]["institution_id"] is not None) == (
        login in {"hospital", "window"}
    )


def test_the_demo_says_where_to_sign_in(demo: Processes) -> None:
    told = demo.output.read_text("utf-8")

    assert f"http://127.0.0.1:{demo.port}/api/docs" in told
    assert httpx.get(f"http://127.0.0.1:{demo.port}/api/docs", timeout=60).status_code == 200
