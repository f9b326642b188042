"""`ehc people`: users as seen from the machine itself, for the first day and for emergencies.

Whoever may read the node's folder and passphrase may run these; each act is recorded as
the platform's own. One-time passwords are told once.
"""

from pathlib import Path
from typing import Final, TypeVar

import click

from openehc.cli.keys_input import (
    data_option,
    dsn_option,
    passphrase_of,
    settings_of,
    told_in_one_line,
)
from openehc.kernel.clock import CHINA
from openehc.kernel.refusal import Refusal
from openehc.people.make_user import MadeUser, UserToMake
from openehc.people.permissions import Role
from openehc.wiring.creating import write_private
from openehc.wiring.first_people import FirstPeople, Work, with_people
from openehc.wiring.rotation_database import database_beside

Result = TypeVar("Result")
_login_argument: Final = click.argument("login")
_file_option: Final = click.option(
    "--password-file", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the one-time password there (mode 0600), not to the screen.",
)  # fmt: skip


@click.group()
def people() -> None:
    """Users: list, add, reset; on the machine itself, for the first day and emergencies."""


@people.command("list")
@data_option
@dsn_option
def list_users(data: Path, dsn: str | None) -> None:
    """Everybody, with roles and last sign-in."""

    async def work(first: FirstPeople) -> list[str]:
        lines = []
        for user in await first.everybody():
            seen = user.last_sign_in_at
            last = f"{seen.astimezone(CHINA):%Y-%m-%d %H:%M}" if seen else "never"
            roles = ", ".join(sorted(user.roles))
            lines.append(f"{user.login:<34}{user.state:<10}{last:<18}{roles}")
        return lines

    for line in _done(data, dsn, work):
        click.echo(line)


@people.command()
@_login_argument
@data_option
@dsn_option
@click.option("--name", required=True, help="The person's name, as the console shows it.")
@click.option(
    "--role", "roles", type=click.Choice([role.value for role in Role]), multiple=True,
    help="May be given again; without any, the security administrator gives roles.",
)  # fmt: skip
@click.option("--institution", help="Organisation code of the institution that the user reaches.")
@_file_option
def add(
    login: str, data: Path, dsn: str | None, password_file: Path | None, **asked: object
) -> None:
    """Make a user with a one-time password."""
    _refuse_existing(password_file)

    async def work(first: FirstPeople) -> MadeUser | Refusal:
        number = await _institution(first, asked["institution"])
        roles = frozenset(Role(role) for role in _texts(asked["roles"]))
        return await first.make(UserToMake(login, str(asked["name"]), roles, number))

    _tell(login, _done(data, dsn, work), password_file)


@people.command()
@_login_argument
@data_option
@dsn_option
@_file_option
def reset(login: str, data: Path, dsn: str | None, password_file: Path | None) -> None:
    """Give a user a new one-time password; ends lock-out, sessions and authenticator."""
    _refuse_existing(password_file)

    async def work(first: FirstPeople) -> MadeUser | Refusal:
        return await first.reset(login)

    _tell(login, _done(data, dsn, work), password_file)


def _done(data: Path, dsn: str | None, work: Work[Result]) -> Result:
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        passphrase = passphrase_of(settings)
        with database_beside(settings) as found:
            return with_people(settings, passphrase, found, work)


async def _institution(first: FirstPeople, org_code: object) -> int | None:
    if not org_code:
        return None
    number = await first.institution(str(org_code))
    if number is None:
        raise click.ClickException(f"there is no institution {org_code}")
    return number


def _texts(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _refuse_existing(file: Path | None) -> None:
    if file and file.exists():
        raise click.ClickException(f"{file} exists: it is never overwritten")


def _tell(login: str, made: MadeUser | Refusal, file: Path | None) -> None:
    if isinstance(made, Refusal):
        why = [f"{fault.field}: {fault.en}" for fault in made.faults]
        raise click.ClickException("; ".join(why) or made.detail_en or made.reason.value)
    if file:
        write_private(file, made.initial_password + "\n")
        click.echo(f"{login}: the one-time password is in {file}")
    else:
        click.echo(f"{login}: one-time password {made.initial_password}")
