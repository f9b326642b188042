"""`ehc keys device`: keys for a device behind an SDF library, brought in or made inside."""

from pathlib import Path
from typing import Final

import click

from openehc.cli.keys_input import confirm, data_option, settings_of, told_in_one_line
from openehc.crypto.ceremony import KeyName
from openehc.wiring.crypto_backend import encrypted_key
from openehc.wiring.device_filling import DeviceKey, brought_in, made_inside

_SETTINGS: Final = {KeyName.SAFE: "safe_under_kek", KeyName.PROTECT: "protect_under_kek"}
_LOSS: Final = (
    "The ids of every card follow from the keys of the crypto module: cards that were made under\n"
    "the present keys cannot be verified under others."
)

name_argument = click.argument("name", type=click.Choice([name.value for name in _SETTINGS]))
kek_option = click.option(
    "--kek-index", type=click.IntRange(0, 0xFFFFFFFF), required=True,
    help="Where the key encryption key lies in the device.",
)  # fmt: skip
crypto_option = click.option("--crypto", help="sdf:LIBRARY, where node.toml does not name it.")


@click.group()
def device() -> None:
    """Keys for a device behind an SDF library (GM/T 0018).

    The interface puts no key at an index: a key stays outside, as the device encrypted it under
    its key encryption key (KEK), and stands in node.toml. Crypto machines of the SJJ1310
    family have no command for filling that is known here: use the maker's tool, then compare
    with `ehc keys check`.
    """


@device.command()
@name_argument
@data_option
@kek_option
@crypto_option
@click.option(
    "--encrypted", required=True, metavar="HEX",
    help="The key as whoever issues it encrypted it under the KEK: 32 hex digits.",
)  # fmt: skip
def fill(*, name: str, data: Path, kek_index: int, crypto: str | None, encrypted: str) -> None:
    """Bring in a key that was encrypted for this device, and see its check value."""
    with told_in_one_line():
        settings = settings_of(data, crypto=crypto)
        made = brought_in(settings.crypto, encrypted_key(encrypted), kek_index=kek_index)
    _tell(KeyName(name), made, kek_index)


@device.command()
@name_argument
@data_option
@kek_option
@crypto_option
def generate(name: str, data: Path, kek_index: int, crypto: str | None) -> None:
    """Make a key inside the device; nobody ever sees it, and no other device can use it."""
    with told_in_one_line():
        settings = settings_of(data, crypto=crypto)
        confirm(settings, what=_LOSS)
        made = made_inside(settings.crypto, kek_index=kek_index)
    _tell(KeyName(name), made, kek_index)


def _tell(name: KeyName, key: DeviceKey, kek_index: int) -> None:
    click.echo(f"{name.value}, check value {key.check}")
    click.echo("Put into node.toml, section [crypto]; it counts from the next start:")
    click.echo(f"  kek_index = {kek_index}")
    click.echo(f'  {_SETTINGS[name]} = "{key.encrypted.hex().upper()}"')
    click.echo("Compare then, and keep the page: ehc keys check --keep")
