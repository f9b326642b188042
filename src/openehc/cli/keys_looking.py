"""`ehc keys show` and `ehc keys check`: what is held, and whether it makes the same ids."""

from collections.abc import Iterable
from pathlib import Path

import click

from openehc.cli.keys_input import data_option, passphrase_of, settings_of, told_in_one_line
from openehc.crypto.ceremony import check_values_of
from openehc.crypto.keyfile import open_key_file, read_header
from openehc.crypto.module.soft import is_public_test_key
from openehc.kernel.clock import CHINA
from openehc.wiring.filling import PAGE, keep_page, page_of_module, read_page


@click.command()
@data_option
def show(data: Path) -> None:
    """Purpose, dates, versions and check values; never a key."""
    with told_in_one_line():
        settings = settings_of(data)
        header = read_header(settings.key_file)
        keys = open_key_file(settings.key_file, passphrase_of(settings))
    dates = {
        "created": header.created,
        "filled": keys.filled_at or header.created,
        "written": header.written or header.created,
    }
    public = "  (the public test keys)" if is_public_test_key(keys.module) else ""
    click.echo(f"purpose   {header.purpose.value}{public}")
    for name, moment in dates.items():
        click.echo(f"{name:<10}{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S} +08:00")
    click.echo(f"{'sealing':<10}current {keys.sealing_current}, held {_held(keys.sealing)}")
    indexes = keys.blind_indexes
    click.echo(f"{'index':<10}current {keys.blind_index_version}, held {_held(indexes)}")
    click.echo("check values")
    for name, value in check_values_of(keys).items():
        click.echo(f"  {name:<20}{value}")


@click.command()
@data_option
@click.option("--crypto", help="Ask this crypto module instead of the one in node.toml.")
@click.option(
    "--with", "other", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Compare with this page instead of the one in the node's folder.",
)  # fmt: skip
@click.option(
    "--keep", flag_value="yes",
    help="Keep the page instead, for keys that were filled into a device: once, at the filling.",
)  # fmt: skip
def check(data: Path, crypto: str | None, other: Path | None, keep: str | None) -> None:
    """Print the ids that the crypto module makes of an invented person, and compare them.

    The module is the one that the node uses: software, machines, a library, the front proxy.
    材料二 附录A 5.1 no 6: the same person under the same keys has the same ids.
    """
    with told_in_one_line():
        settings = settings_of(data, crypto=crypto)
        keys = open_key_file(settings.key_file, passphrase_of(settings))
        page = page_of_module(settings, keys)
        for name, value in page.fields().items():
            click.echo(f"{name:<17}{value}")
        if keep:
            click.echo(f"Kept: {keep_page(settings, page)}")
            return
        differences = page.differences(read_page(other or settings.data / PAGE))
    if differences:
        raise click.ClickException(f"not as at the filling: {', '.join(differences)}")
    click.echo("All as at the filling.")


def _held(versions: Iterable[int]) -> str:
    return ", ".join(str(version) for version in sorted(versions))
