"""`ehc keys`: the group of all commands about keys; each stands in its own file."""

import click

from openehc.cli.keys_caller import caller, proxy
from openehc.cli.keys_certificates import cert
from openehc.cli.keys_changing import erase, passphrase, retire, rotate
from openehc.cli.keys_device import device
from openehc.cli.keys_filling import fill, generate, split
from openehc.cli.keys_looking import check, show
from openehc.cli.keys_machines import machines


@click.group()
def keys() -> None:
    """Keys of the node: look, fill in (密钥灌装), cut into parts, rotate, erase.

    No command shows a key: only check values, which tell two keys apart.
    """


_COMMANDS = (
    show, check, generate, split, fill, passphrase, rotate, retire, erase,
    device, caller, proxy, machines, cert,
)  # fmt: skip
for _command in _COMMANDS:
    keys.add_command(_command)
