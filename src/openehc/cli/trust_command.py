"""`ehc trust`: the node's own certificate for signing in, and whether another is let in."""

import asyncio
from pathlib import Path

import click

from openehc.cli.keys_input import data_option, passphrase_of, settings_of, told_in_one_line
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateRefused
from openehc.crypto.certificates.requests import make_request
from openehc.crypto.certificates.structures import Subject
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.people.sign_in_with_certificate import identity_of
from openehc.wiring.creating import write_private
from openehc.wiring.trust_folder import FOLDER, TrustFolder


@click.group()
def trust() -> None:
    """Certificates of people who sign in (材料一 附录F 4): see DATA/trust."""


@trust.command()
@data_option
@click.option("--name", required=True, help="Common name, e.g. the node's host name.")
@click.option("--organization", default="", help="Who runs the node.")
def request(data: Path, name: str, organization: str) -> None:
    """Make the node's key, and print the request to be handed to the authority.

    Put the certificate that it issues into DATA/trust/server.pem.
    """
    with told_in_one_line():
        settings = settings_of(data)
        passphrase = passphrase_of(settings)
        folder = settings.data / FOLDER
        file = folder / "server.key"
        if file.exists():
            raise click.ClickException(f"{file} exists: it is never overwritten")
        for part in ("roots", "intermediates", "crls"):
            (folder / part).mkdir(mode=0o750, parents=True, exist_ok=True)
        key = Sm2PrivateKey.generate()
        try:
            made = make_request(Subject(name, organization=organization), key=key)
        except ValueError as wrong:
            raise click.ClickException(str(wrong)) from None
        write_private(file, key.encrypted_pem(passphrase, entropy=SystemEntropy()))
    click.echo(made.pem(), nl=False)


@trust.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@data_option
def check(file: Path, data: Path) -> None:
    """Say whether the certificate in FILE (PEM) would be let in now."""
    with told_in_one_line():
        settings = settings_of(data)
        held = TrustFolder(settings.data / FOLDER, passphrase_of(settings))
    try:
        certificate = Certificate.from_pem(file.read_text("ascii"))
        asyncio.run(held.check(certificate, now=SystemClock().now()))
    except (CertificateRefused, UnicodeDecodeError) as refused:
        raise click.ClickException(f"{type(refused).__name__}: {refused}") from None
    if identity_of(certificate) is None:
        raise click.ClickException("it names no unique identifier (serialNumber of the subject)")
    click.echo("This certificate is let in; bind it to a user.")
