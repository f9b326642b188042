"""`ehc keys generate`, `split`, `fill`: keys come in, and go out in parts.

Check values are shown before and after; a key, a share or a component never is.
"""

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import click

from openehc.cli.keys_input import (
    confirm,
    data_option,
    key_argument,
    passphrase_of,
    settings_of,
    sheets_in,
    told_in_one_line,
    typed_components,
    typed_shares,
)
from openehc.crypto.ceremony import Cut, KeyName, SheetKind, key_of_sheets, sheets_of
from openehc.crypto.keyfile import open_key_file, read_header
from openehc.crypto.shares import FEWEST, MOST_COMPONENTS
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.filling import (
    Filled,
    fill_key,
    held_key,
    nobody_serving,
    save_sheets,
)
from openehc.wiring.settings import Settings

_MODULE_KEYS: Final = (KeyName.SAFE, KeyName.PROTECT)
_SHARES: Final = re.compile(r"(\d{1,2})/(\d{1,2})")
_LOSS: Final = (
    "The ids of every card follow from the keys of the crypto module: cards that were made under\n"
    "the present keys cannot be verified under others."
)


@click.command()
@key_argument
@data_option
def generate(name: str, data: Path) -> None:
    """Make a key at random inside and fill it in; take it out for safekeeping with `split`."""
    with told_in_one_line():
        settings, key_name = settings_of(data), KeyName(name)
        with _stopped(settings, key_name):
            _confirm(settings, key_name)
            key = SystemEntropy().bytes(key_name.size)
            _fill(settings, passphrase_of(settings), key_name, key)


@click.command()
@key_argument
@data_option
@click.option("--shares", metavar="M/N", help="N sheets of words, any M of which suffice.")
@click.option(
    "--components", type=click.IntRange(FEWEST, MOST_COMPONENTS),
    help="So many sheets of hex digits, all of which are needed.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="Folder for the sheets, one file each; a folder of each holder's own medium is best.",
)  # fmt: skip
def split(name: str, data: Path, shares: str | None, components: int | None, out: Path) -> None:
    """Cut the key that is in use into sheets for several holders."""
    cut = _cut(shares, components)
    with told_in_one_line():
        settings, key_name = settings_of(data), KeyName(name)
        purpose = read_header(settings.key_file).purpose
        key = held_key(open_key_file(settings.key_file, passphrase_of(settings)), key_name)
        try:
            sheets = sheets_of(
                key_name, key, cut=cut, purpose=purpose, now=SystemClock().now(),
                entropy=SystemEntropy(),
            )  # fmt: skip
        except ValueError as wrong:
            raise click.BadParameter(str(wrong)) from None
        places = save_sheets(out, sheets)
    click.echo(f"{name}, check value {key_name.check(key)}:")
    for place in places:
        click.echo(f"  {place}")
    click.echo("Hand them out, then remove the files: together they are the key.")


@click.command()
@key_argument
@data_option
@click.option(
    "--sheet", "files", multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File of a sheet; repeat for each. Without it the parts are asked for, hidden.",
)  # fmt: skip
@click.option(
    "--components", type=click.IntRange(FEWEST, MOST_COMPONENTS),
    help="Ask for so many components instead of shares.",
)  # fmt: skip
def fill(name: str, data: Path, files: tuple[Path, ...], components: int | None) -> None:
    """Fill in a key from its parts (密钥灌装).

    A safe or protect key counts from the next start of the node. A sealing or blind index
    key waits until `ehc keys rotate` brings it into use.
    """
    with told_in_one_line():
        settings, key_name = settings_of(data), KeyName(name)
        with _stopped(settings, key_name):
            purpose = read_header(settings.key_file).purpose
            passphrase = passphrase_of(settings)
            open_key_file(settings.key_file, passphrase)  # before anybody types a share in vain
            if files:
                key = key_of_sheets(key_name, sheets_in(files), purpose=purpose)
            elif components:
                key = typed_components(key_name, components)
            else:
                key = typed_shares(key_name)
            _confirm(settings, key_name)
            _fill(settings, passphrase, key_name, key)


def _fill(settings: Settings, passphrase: str, name: KeyName, key: bytes) -> None:
    filled = fill_key(
        settings, passphrase, name=name, key=key, now=SystemClock().now(), entropy=SystemEntropy()
    )
    _show(filled)
    if name in _MODULE_KEYS:
        click.echo("Counts from the next start. Compare with: ehc keys check")
    else:
        kind = "sealing" if name is KeyName.SEALING else "blind-index"
        click.echo(f"Waits until it is brought into use: ehc keys rotate {kind}")


def _show(filled: Filled) -> None:
    names = [*filled.before, *(name for name in filled.after if name not in filled.before)]
    click.echo(f"{'check values':<22}{'before':<18}after")
    for name in names:
        before, after = filled.before.get(name, "-"), filled.after.get(name, "-")
        mark = "" if before == after else "  *"
        click.echo(f"{name:<22}{before:<18}{after}{mark}")


def _stopped(settings: Settings, name: KeyName) -> AbstractContextManager[None]:
    """Nobody serves while a key of the crypto module is filled in; the others may wait in use."""
    return nobody_serving(settings) if name in _MODULE_KEYS else nullcontext()


def _confirm(settings: Settings, name: KeyName) -> None:
    if name in _MODULE_KEYS:
        confirm(settings, what=_LOSS)


def _cut(shares: str | None, components: int | None) -> Cut:
    if (shares is None) is (components is None):
        raise click.UsageError("give either --shares M/N or --components N")
    if components is not None:
        return Cut(SheetKind.COMPONENT, components, components)
    match = _SHARES.fullmatch(shares or "")
    if match is None:
        raise click.BadParameter("M/N is expected, for example 3/5", param_hint="--shares")
    return Cut(SheetKind.SHARE, int(match[1]), int(match[2]))
