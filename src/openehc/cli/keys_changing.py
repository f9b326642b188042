"""`ehc keys passphrase`, `rotate`, `retire`, `erase`: keys that change or go."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click

from openehc.cli.keys_input import (
    confirm,
    data_option,
    dry_run_option,
    dsn_option,
    passphrase_in,
    passphrase_of,
    settings_of,
    told_in_one_line,
)
from openehc.crypto.ceremony import check_values_of
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.keyfile_changing import change_passphrase
from openehc.crypto.keyfile_erasing import (
    BegunErasure,
    Erasure,
    begun_erasure,
    erase_key_file,
    files_to_erase,
)
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring.filling import nobody_serving
from openehc.wiring.rotation import (
    KeyFile,
    Pace,
    Retirement,
    Rotation,
    planned_retirement,
)
from openehc.wiring.rotation import (
    retire as retire_keys,
)
from openehc.wiring.rotation_database import database_beside
from openehc.wiring.rotation_worker import Kind
from openehc.wiring.settings import Settings

Result = TypeVar("Result")


@click.command()
@data_option
@click.option(
    "--new-passphrase-file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Holds the new passphrase; asked for when absent.",
)  # fmt: skip
def passphrase(data: Path, new_passphrase_file: Path | None) -> None:
    """Seal the key file under another passphrase; restart the node afterwards."""
    with told_in_one_line():
        settings = settings_of(data)
        old = passphrase_of(settings)
        open_key_file(settings.key_file, old)  # before the new one is asked for
        new = (
            passphrase_in(new_passphrase_file)
            if new_passphrase_file
            else click.prompt("New passphrase", hide_input=True, confirmation_prompt=True)
        )
        change_passphrase(
            settings.key_file, old, new, now=SystemClock().now(), entropy=SystemEntropy()
        )
    click.echo("The key file opens with the new passphrase only.")
    if settings.passphrase_file:
        click.echo(f"Put it into {settings.passphrase_file} before the next start.")


@click.command()
@click.argument("kind", type=click.Choice([kind.value for kind in Kind]))
@data_option
@dsn_option
@click.option(
    "--rows", type=click.IntRange(1, 5000), default=200, show_default=True,
    help="Rows in one transaction.",
)  # fmt: skip
@click.option(
    "--pause", type=click.FloatRange(0, 60), default=0.0, show_default=True,
    help="Seconds to rest after each of them.",
)  # fmt: skip
def rotate(kind: str, data: Path, dsn: str | None, rows: int, pause: float) -> None:
    """Replace the sealing key or the blind index key while the node serves.

    Takes the key that was filled in and waits, or makes one. When it is cut short, call it
    again: it goes on where it was.
    """
    with told_in_one_line():
        settings, key_file = _key_file(data, dsn)

        async def work(database: Database) -> tuple[int, int]:
            rotation = Rotation(database, key_file, Pace(rows, pause), click.echo)
            return await rotation.rotate(Kind(kind))

        old, new = _with_database(settings, work)
    click.echo(f"Done: version {new} is in use, nothing needs version {old} but old backups.")
    click.echo("When those are gone: ehc keys retire")


@click.command()
@data_option
@dsn_option
@dry_run_option
def retire(data: Path, dsn: str | None, dry_run: str | None) -> None:
    """Drop replaced keys from the key file; backups made under them open no more."""
    with told_in_one_line():
        settings, key_file = _key_file(data, dsn)

        async def look(database: Database) -> Retirement:
            return await planned_retirement(database, await key_file.opened())

        plan = _with_database(settings, look)
        if not plan:
            click.echo("There is no replaced key.")
            return
        for name, versions in (("sealing", plan.sealing), ("blind index", plan.index)):
            if versions:
                click.echo(f"{name} key, version {', '.join(map(str, versions))}")
        if dry_run:
            click.echo("Dry run: nothing was changed.")
            return
        confirm(settings, what="Backups of the database made under these keys become unreadable.")
        _with_database(settings, lambda database: retire_keys(database, key_file))
    click.echo("Dropped. Running workers forget them at the next start.")


@click.command()
@data_option
@dry_run_option
@click.option(
    "--passphrase-lost", "lost", flag_value="yes",
    help="Erase a file that nobody can open; the record then has no check values.",
)  # fmt: skip
def erase(data: Path, dry_run: str | None, lost: str | None) -> None:
    """Overwrite and remove the key file, with a record (清除密钥证明, 材料二 2.8).

    Without its keys the database can never be read again. What overwriting does not reach on
    solid state disks and copy-on-write file systems stands in docs/how-to/key-ceremony.md.
    """
    with told_in_one_line():
        settings = settings_of(data)
        begun = begun_erasure(settings.key_file)
        values = _values_to_erase(settings, begun, lost=lost)
        if begun:
            click.echo(f"The erasure that {begun.who} began at {begun.at} is gone on with.")
        for place in files_to_erase(settings.key_file):
            click.echo(f"to be erased: {place}")
        for name, value in values.items():
            click.echo(f"  {name:<20}{value}")
        if dry_run:
            click.echo("Dry run: nothing was changed.")
            return
        with nobody_serving(settings):
            who = click.prompt("Who erases (name, office)")
            reason = "" if begun else click.prompt("Why")
            confirm(settings, what="Everything that these keys sealed becomes unreadable for ever.")
            proof = erase_key_file(
                settings.key_file, Erasure(settings.ehcin, who, reason, values),
                now=SystemClock().now(), entropy=SystemEntropy(),
            )  # fmt: skip
    click.echo(f"Erased. The record: {proof}")


def _values_to_erase(
    settings: Settings, begun: BegunErasure | None, *, lost: str | None
) -> dict[str, str]:
    if begun:  # the file may be overwritten in part
        return begun.check_values
    if lost:
        return {}
    return check_values_of(open_key_file(settings.key_file, passphrase_of(settings)))


def _key_file(data: Path, dsn: str | None) -> tuple[Settings, KeyFile]:
    settings = settings_of(data, dsn=dsn)
    key_file = KeyFile(settings.key_file, passphrase_of(settings), SystemClock(), SystemEntropy())
    open_key_file(key_file.path, key_file.passphrase)
    return settings, key_file


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run(dsn: str) -> Result:
        database = await Database.connect(dsn, size=2, name="openehc keys")
        try:
            return await work(database)
        finally:
            await database.close()

    with database_beside(settings) as dsn:
        return asyncio.run(run(dsn))
