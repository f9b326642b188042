"""Inputs that the console API cannot take: said in Chinese and English, with what would do."""

import pytest

from openehc.people.permissions import Role
from tests.support.console import Console
from tests.support.entries import Desk


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/institutions?state=active", "standing"),
        ("/api/findings?standing=found", "situation"),
        ("/api/imports/terminals?mode=check", "state"),
    ],
)
async def test_a_misspelt_filter_is_named_with_those_that_there_are(
    desk: Desk, path: str, known: str
) -> None:
    answer = await desk.province.get(path)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, path.partition("?")[2].partition("=")[0])
    assert known in error["message"]
    assert known in error["message_en"]


async def test_parameters_of_a_model_are_known_as_well(console: Console) -> None:
    admin = await console.as_(Role.SECURITY_ADMIN)

    known = await admin.get("/api/users?q=a&state=active&page=1")
    unknown = await admin.get("/api/users?name=a")

    assert (known.status_code, unknown.status_code) == (200, 422)


async def test_who_lacks_the_permission_is_told_that_first(console: Console) -> None:
    nobody = await console.as_(Role.WINDOW_OPERATOR)

    answer = await nobody.get("/api/institutions?state=active")

    assert answer.status_code == 403


async def test_a_bound_is_told_in_both_languages(desk: Desk) -> None:
    answer = await desk.province.get("/api/institutions?size=1000&standing=open")

    told = {error["field"]: error for error in answer.json()["errors"]}
    assert told["size"]["message"] == "不得大于200"
    assert "200" in told["size"]["message_en"]
    assert told["standing"]["message"].startswith("可取值：applied、refused、active")
