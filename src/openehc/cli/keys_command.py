"""`ehc keys`: the group of all commands about keys; each stands in its own file."""

import click

from openehc.cli.keys_changing import erase, passphrase, retire, rotate
from openehc.cli.keys_filling import fill, generate, split
from openehc.cli.keys_looking import check, show


@click.group()
def keys() -> None:
    """Keys of the node: look, fill in (密钥灌装), cut into parts, rotate, erase.

    No command shows a key: only check values, which tell two keys apart.
    """


for _command in (show, check, generate, split, fill, passphrase, rotate, retire, erase):
    keys.add_command(_command)
