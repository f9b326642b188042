"""What the tables of people refuse by themselves, whatever the program does."""

from datetime import UTC, datetime
from typing import Final

import pytest

from openehc.people.policy import BOUNDS, Policy
from openehc.people.user_store import policy_of
from openehc.storage.errors import StatementRefused
from openehc.storage.pool import Database

AT: Final = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
USER: Final = """
insert into users (login, display_name, sealed_credentials, password_changed_at,
                   must_change_password, created_at)
values ($1, '某人', '', $2, true, $2)
"""


@pytest.mark.parametrize("name", list(BOUNDS))
async def test_the_policy_stays_within_its_bounds(database: Database, name: str) -> None:
    low, high = BOUNDS[name]

    for value in (low, high):
        await database.execute(f"update sign_in_policy set {name} = $1", value)  # noqa: S608
    for value in (low - 1, high + 1):
        with pytest.raises(StatementRefused):
            await database.execute(f"update sign_in_policy set {name} = $1", value)  # noqa: S608


async def test_a_new_database_has_the_policy_that_the_program_knows(database: Database) -> None:
    rows = await database.fetch("select * from sign_in_policy")

    told = {name: value for name, value in rows[0].items() if name != "only_row"}
    assert [policy_of(told)] == [Policy()]


async def test_there_is_one_policy(database: Database) -> None:
    with pytest.raises(StatementRefused):
        await database.execute("insert into sign_in_policy default values")


@pytest.mark.parametrize("login", ["Somebody", "so", "s" * 33])
async def test_a_login_is_stored_in_one_form(database: Database, login: str) -> None:
    with pytest.raises(StatementRefused):
        await database.execute(USER, login, AT)


async def test_nobody_decides_their_own_request(database: Database) -> None:
    await database.execute(USER, "somebody", AT)
    await database.execute(
        "insert into approvals (kind, parameters, reason, requested_by, requested_from,"
        " requested_at, expires_at) select 'k', '{}', 'r', user_id, '', $1, $1 from users", AT,
    )  # fmt: skip

    with pytest.raises(StatementRefused):
        await database.execute("update approvals set state = 'done', decided_by = requested_by")
