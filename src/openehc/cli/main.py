"""`ehc`: every command with its help; the commands themselves are in their own files."""

import importlib
from typing import Final

import click

from openehc import __version__

COMMANDS: Final = {
    "init": ("openehc.cli.serve_commands", "init"),
    "serve": ("openehc.cli.serve_commands", "serve"),
    "demo": ("openehc.cli.serve_commands", "demo"),
    "call": ("openehc.cli.call_command", "call"),
    "vectors": ("openehc.cli.vectors_command", "vectors_command"),
    "keys": ("openehc.cli.keys_command", "keys"),
    "audit": ("openehc.cli.audit_command", "audit"),
    "people": ("openehc.cli.people_command", "people"),
    "trust": ("openehc.cli.trust_command", "trust"),
}


class LazyGroup(click.Group):
    """Loads a command when it is asked for: a call need not load a server first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ehc")
def main() -> None:
    """OpenEHC: the open electronic health card (电子健康卡) platform."""
