"""`ehc`: every command with its help; the commands themselves are in their own files."""

import click

from openehc import __version__
from openehc.cli.call_command import call
from openehc.cli.serve_commands import demo, init, serve
from openehc.cli.vectors_command import vectors_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ehc")
def main() -> None:
    """OpenEHC: the open electronic health card (电子健康卡) platform."""


for command in (init, serve, demo, call, vectors_command):
    main.add_command(command)
