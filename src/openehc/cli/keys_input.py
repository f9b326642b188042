"""What the commands about keys ask for: passphrases, parts of keys, a typed confirmation.

Secrets come from hidden prompts or from files, never from the command line, which the
shell remembers and every user of the machine can see.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from openehc.access.numbers import WrongNumber
from openehc.crypto.ceremony import (
    KeyName,
    Sheet,
    key_of_components,
    key_of_shares,
    read_sheet,
)
from openehc.crypto.certificates.errors import CertificateRefused
from openehc.crypto.keyfile import KeyFileError
from openehc.crypto.shares import (
    Component,
    ShareDamaged,
    ShareError,
    ShareMistyped,
    ShareOfAnotherSet,
    ShareRepeated,
    read_component,
    read_share,
)
from openehc.crypto.sm2 import Sm2Error
from openehc.crypto.wiping import leave_no_core_files
from openehc.kernel.refusal import PlatformError
from openehc.proxy.rules import UnfitCaller
from openehc.proxy.store import KeyTaken
from openehc.wiring.crypto_backend import WrongBackend
from openehc.wiring.filling import FillingRefused
from openehc.wiring.rotation import RotationRefused
from openehc.wiring.settings import Settings, WrongSettings, read_settings
from openehc.wiring.small_authority import AuthorityRefused

_TROUBLE: Final = (
    KeyFileError, ShareError, FillingRefused, RotationRefused, PlatformError, WrongSettings,
    WrongNumber, UnfitCaller, KeyTaken, WrongBackend, CertificateRefused,
    AuthorityRefused, Sm2Error, OSError,
)  # fmt: skip
_TYPE_AGAIN: Final = (ShareMistyped, ShareDamaged, ShareRepeated, ShareOfAnotherSet)

data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="The node's folder.",
)  # fmt: skip
dsn_option = click.option(
    "--dsn", help="The node's external PostgreSQL, where node.toml does not name it."
)
dry_run_option = click.option(
    "--dry-run", "dry_run", flag_value="yes", help="Show what would be lost, and change nothing."
)
key_argument = click.argument("name", type=click.Choice([name.value for name in KeyName]))


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Whatever goes wrong for a known reason ends the command with one line."""
    try:
        yield
    except _TROUBLE as trouble:
        raise click.ClickException(str(trouble)) from None


def settings_of(data: Path, **overrides: Any) -> Settings:  # noqa: ANN401 (names of Settings)
    """The settings of the node in `data`."""
    return read_settings(data, **overrides)


def passphrase_of(settings: Settings) -> str:
    """The passphrase of the key file: from the file that the settings name, or asked for."""
    leave_no_core_files()
    if settings.passphrase_file:
        return passphrase_in(settings.passphrase_file)
    return str(click.prompt("Passphrase of the key file", hide_input=True))


def passphrase_in(path: Path) -> str:
    """The passphrase that a file holds; the end of its line does not belong to it."""
    return path.read_text(encoding="utf-8").rstrip("\r\n")


def confirm(settings: Settings, *, what: str) -> None:
    """Go on only after the node's number was typed."""
    typed = click.prompt(f"{what}\nType the EHCIN of this node to go on", default="")
    if typed.strip() != settings.ehcin:
        raise click.ClickException("that is not the EHCIN of this node; nothing was changed")


def sheets_in(files: tuple[Path, ...]) -> list[Sheet]:
    """The sheets in these files; raises `ShareMistyped` with the file's name."""
    sheets = []
    for file in files:
        try:
            sheets.append(read_sheet(file.read_text(encoding="utf-8")))
        except (ShareMistyped, UnicodeDecodeError) as wrong:
            raise ShareMistyped(f"{file}: {wrong}") from None
    return sheets


def typed_shares(name: KeyName) -> bytes:
    """The key behind shares that are typed, hidden; a share that cannot be is asked for again."""
    check = str(click.prompt(f"Check value of the {name.value}"))
    shares: list[str] = []
    needed = 1
    while len(shares) < needed:
        words = str(click.prompt(f"Share {len(shares) + 1}", hide_input=True))
        try:
            needed = _accepted(shares, words)
        except _TYPE_AGAIN as wrong:
            click.echo(f"  {wrong}. Again:", err=True)
            continue
        click.echo(f"  accepted, {needed - len(shares)} more are needed")
    return key_of_shares(name, shares, check=check)


def _accepted(shares: list[str], words: str) -> int:
    """Add the share; returns how many are needed."""
    mark = read_share(words)
    marks = [read_share(other) for other in shares]
    if mark in marks:
        raise ShareRepeated("this share was given already")
    if any(mark.set_number != other.set_number for other in marks):
        raise ShareOfAnotherSet(
            f"this share is of set {mark.set_number}, the others are of set {marks[0].set_number}"
        )
    shares.append(words)
    return mark.needed


def typed_components(name: KeyName, count: int) -> bytes:
    """The key behind components that are typed, hidden, each with its check value."""
    check = str(click.prompt(f"Check value of the {name.value}"))
    components: list[Component] = []
    while len(components) < count:
        at = len(components) + 1
        text = str(click.prompt(f"Component {at} of {count}", hide_input=True))
        part = str(click.prompt(f"Check value of component {at}"))
        try:
            component = read_component(text, check=part)
            if component in components:
                raise ShareRepeated("this component was given already")
        except _TYPE_AGAIN as wrong:
            click.echo(f"  {wrong}. Again:", err=True)
            continue
        components.append(component)
    return key_of_components(name, components, check=check)
