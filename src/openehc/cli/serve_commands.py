"""`ehc init`, `ehc serve`, `ehc demo`: make a node, run it, try it."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import click

from openehc.access.numbers import WrongNumber
from openehc.access.store import AccessStore
from openehc.crypto.keyfile import KeyFileError, KeyPurpose
from openehc.crypto.keyfile_use import serving
from openehc.crypto.wiping import leave_no_core_files
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import PlatformError
from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.creating import create_node, write_private
from openehc.wiring.demo import (
    ORG_CODE,
    PROFILE,
    DemoRegistry,
    demo_settings,
    fill_registry,
    prepare_demo,
    write_profile,
)
from openehc.wiring.demo_people import fill_people
from openehc.wiring.first_administrators import FILE as ADMINISTRATORS_FILE
from openehc.wiring.first_administrators import make_administrators, take_in
from openehc.wiring.first_people import with_people
from openehc.wiring.fitting_keys import keys_of_database
from openehc.wiring.running import (
    database_of,
    enter_ehcin,
    orderly_exit,
    prepare_database,
    run_workers,
    with_access_store,
)
from openehc.wiring.settings import Settings, WrongSettings, read_settings
from openehc.wiring.workers_database import workers_database

_TROUBLE: Final = (WrongSettings, WrongNumber, KeyFileError, PlatformError)

data_option = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="The node's folder: keys, settings, embedded database, logs.",
)  # fmt: skip
port_option = click.option("--port", type=click.IntRange(1, 65535), help="TCP port; 8080.")
workers_option = click.option("--workers", type=click.IntRange(1, 256), help="Worker processes; 2.")
dsn_option = click.option(
    "--dsn", help="An external PostgreSQL 15 or later, instead of the embedded one."
)
owner_dsn_option = click.option(
    "--owner-dsn", help="The same database as the owner of its tables, for migrations."
)
crypto_option = click.option(
    "--crypto",
    help="Crypto module: soft, machine:HOST[:PORT][,HOST...], sdf:LIBRARY or proxy:URL[,URL...]; "
    "soft.",
)
tls_certificate_option = click.option(
    "--tls-certificate", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    help="Certificate chain in PEM: speak TLS. With --tls-key.",
)  # fmt: skip
tls_key_option = click.option(
    "--tls-key", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    help="The certificate's private key in PEM, without a password.",
)  # fmt: skip
client_certificates_option = click.option(
    "--tls-client-certificates", type=click.Choice([how.value for how in ClientCertificates]),
    callback=lambda _context, _option, how: ClientCertificates(how) if how else None,
    help="Whether clients show certificates: to the node, or to a trusted proxy; off.",
)  # fmt: skip
client_ca_option = click.option(
    "--tls-client-ca", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    help="Certificates in PEM of the authorities whose clients are let in.",
)  # fmt: skip
client_crl_option = click.option(
    "--tls-client-crl", type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
    help="Their revocation lists in PEM, one of each authority.",
)  # fmt: skip
host_option = click.option("--host", help="Address to listen on; 127.0.0.1.")


@click.command()
@data_option
@click.option("--ehcin", required=True, help="This node's number (附录D.1), e.g. 3502A0001.")
@click.option(
    "--mode", type=click.Choice(["production", "debugging"]), default="production",
    show_default=True, help="Debugging operation uses the public test keys.",
)  # fmt: skip
@click.option(
    "--passphrase-file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Holds the passphrase of the key file; asked for when absent.",
)  # fmt: skip
@click.option(
    "--administrators-file", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the one-time passwords of the administrators there (mode 0600), not to the screen.",
)  # fmt: skip
def init(
    data: Path, ehcin: str, mode: str, passphrase_file: Path | None,
    administrators_file: Path | None,
) -> None:  # fmt: skip
    """Make a new node: its sealed keys, its settings, its three administrators."""
    if administrators_file and administrators_file.exists():
        raise click.ClickException(f"{administrators_file} exists: it is never overwritten")
    if passphrase_file:
        passphrase = _passphrase_in(passphrase_file)
    else:
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
    try:
        create_node(
            data, ehcin=ehcin, mode=KeyPurpose(mode), passphrase=passphrase,
            passphrase_file=str(passphrase_file.absolute()) if passphrase_file else None,
        )  # fmt: skip
        passwords = make_administrators(data, SystemEntropy())
    except _TROUBLE as trouble:
        raise click.ClickException(str(trouble)) from None
    click.echo(f"Node {ehcin} is made in {data}. Run it with: ehc serve --data {data}")
    _tell_passwords(passwords, administrators_file)


def _tell_passwords(passwords: dict[str, str], file: Path | None) -> None:
    """Once, to the screen or into a file for its owner alone."""
    lines = "".join(f"  {login:<12}{password}\n" for login, password in passwords.items())
    click.echo("Its three administrators and their one-time passwords; three people, please:")
    if file:
        write_private(file, lines)
        click.echo(f"  in {file}")
    else:
        click.echo(lines, nl=False)
    click.echo("They change them and enrol an authenticator at the first sign-in.")


@click.command()
@data_option
@host_option
@port_option
@workers_option
@click.option("--roles", help="Comma-separated: card, crypto (the front proxy); card.")
@dsn_option
@owner_dsn_option
@crypto_option
@tls_certificate_option
@tls_key_option
@client_certificates_option
@client_ca_option
@client_crl_option
def serve(data: Path, roles: str | None, **overrides: Any) -> None:  # noqa: ANN401 (names of Settings)
    """Run a node until Ctrl-C or SIGTERM."""
    try:
        given = {**overrides, "roles": tuple(roles.split(",")) if roles else None}
        settings = read_settings(data, **given)
        passphrase = _passphrase(settings)
        with serving(settings.key_file), orderly_exit(), database_of(settings) as dsn:
            prepare_database(dsn)
            enter_ehcin(settings, dsn)
            keys_of_database(settings, passphrase, dsn)
            if (data / ADMINISTRATORS_FILE).exists():
                with_people(settings, passphrase, dsn, lambda first: take_in(first, data))
            with workers_database(settings, dsn) as workers_dsn:
                run_workers(
                    settings, passphrase, workers_dsn,
                    on_ready=lambda: click.echo(f"Serving on {settings.base_url}"),
                )  # fmt: skip
    except _TROUBLE as trouble:
        raise click.ClickException(str(trouble)) from None


@click.command()
@data_option
@host_option
@port_option
@workers_option
@dsn_option
@owner_dsn_option
@crypto_option
@tls_certificate_option
@tls_key_option
@client_certificates_option
@client_ca_option
@client_crl_option
@click.option(
    "--with-guide-sample", "guide_sample", flag_value="yes",
    help="Also register the application of the guide's published vectors; any timestamp works.",
)  # fmt: skip
def demo(data: Path, guide_sample: str | None, **overrides: Any) -> None:  # noqa: ANN401 (names of Settings)
    """Run a node with an invented registry; writes DATA/demo.json once it accepts requests."""
    try:
        registry = prepare_demo(data)
        settings = demo_settings(data, guide_sample=guide_sample, **overrides)
        passphrase = _passphrase(settings)

        async def fill(store: AccessStore) -> None:
            await fill_registry(store, registry, guide_sample=guide_sample)

        with serving(settings.key_file), orderly_exit(), database_of(settings) as dsn:
            prepare_database(dsn)
            enter_ehcin(settings, dsn)
            keys_of_database(settings, passphrase, dsn)
            with_access_store(settings, passphrase, dsn, fill)
            with_people(
                settings, passphrase, dsn,
                lambda first: fill_people(first, registry, org_code=ORG_CODE),
            )  # fmt: skip
            with workers_database(settings, dsn) as workers_dsn:
                run_workers(
                    settings, passphrase, workers_dsn,
                    on_ready=lambda: _welcome(settings, registry),
                )  # fmt: skip
    except _TROUBLE as trouble:
        raise click.ClickException(str(trouble)) from None


EXAMPLE: Final = {
    "out_register_no": "first-call-1",
    "out_register_time": "20260101080000",
    "certificate_mode": "01",
    "apply_method": "3",
    "id_type": "01",
    "id_no": "990101199001010019",
    "user_name": "张示例",
    "user_sex": "1",
    "mobile_phone": "19900000000",
}
"""An invented resident: area 990101 does not exist."""


def _welcome(settings: Settings, registry: DemoRegistry) -> None:
    profile = write_profile(settings, registry)
    biz = json.dumps(EXAMPLE, ensure_ascii=False)
    click.echo(
        f"""
OpenEHC demo is running.
  gateway   {settings.base_url}/ehcService/gateway.do
  console   {settings.base_url}/api/docs
            sign in (POST /api/session) as admin / {registry.console_password}
            or as another of the people in the profile
  profile   {profile}   (application, secret, terminal, people)

Try it from another terminal:
  {_command()} call ehc.ehealthcard.register '{biz}' --profile {settings.data / PROFILE}

Ctrl-C stops it."""
    )


def _command() -> str:
    """How this program was started, so that the example can be pasted into another shell."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m openehc"
    return shlex.quote(str(started))


def _passphrase(settings: Settings) -> str:
    leave_no_core_files()  # nor does whatever is started from here, the database too
    if settings.passphrase_file:
        return _passphrase_in(settings.passphrase_file)
    return str(click.prompt("Passphrase of the key file", hide_input=True))


def _passphrase_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
