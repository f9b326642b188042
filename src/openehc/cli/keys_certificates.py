"""`ehc keys cert`: requests, a small authority, revocation, and the check of a chain.

The authority is for demonstration, tests and closed networks; the check is the same for
certificates of licensed authorities (材料一 附录F 5.1).
"""

from datetime import datetime
from pathlib import Path
from typing import Final

import click

from openehc.cli.keys_input import passphrase_in, told_in_one_line
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.errors import CertificateMalformed
from openehc.crypto.certificates.profiles import Profile, Purpose
from openehc.crypto.certificates.requests import CertificateRequest, make_request
from openehc.crypto.certificates.revocation import RevocationList, RevocationReason
from openehc.crypto.certificates.structures import Subject
from openehc.crypto.certificates.trust import RevocationPolicy, TrustList
from openehc.crypto.keyfile import write_durably
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.clock import CHINA, SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.small_authority import create_authority, open_authority

_LARGEST: Final = 1 << 20
_PROFILES: Final = {
    profile.value.replace(" ", "-"): profile
    for profile in Profile
    if profile not in {Profile.ROOT, Profile.INTERMEDIATE}
}
_PURPOSES: Final = {
    "signing": Purpose.SIGNING,
    "encryption": Purpose.ENCRYPTION,
    "login": Purpose.LOGIN,
    "timestamping": Purpose.TIMESTAMPING,
}
_REASONS: Final = [reason.value.replace("_", "-") for reason in RevocationReason]

_existing = click.Path(path_type=Path, dir_okay=False, exists=True)
_new = click.Path(path_type=Path, dir_okay=False)
passphrase_option = click.option(
    "--passphrase-file", type=_existing, help="Holds the passphrase; asked for when absent."
)
authority_option = click.option(
    "--authority", "folder", type=click.Path(path_type=Path, file_okay=False), required=True,
    help="The folder of the authority.",
)  # fmt: skip
out_option = click.option("--out", type=_new, required=True, help="A new file.")


@click.group()
def cert() -> None:
    """SM2 certificates: request, issue, revoke, check, show.

    In production, certificates come from a licensed authority: send it the request.
    """


@cert.command()
@click.option("--name", required=True, help="Common name: the node or the person.")
@click.option("--organization", default="", help="Organization.")
@click.option("--id", "unique_id", default="", help="Identifier within the authority.")
@click.option("--key-out", type=_new, required=True, help="New file for the private key.")
@out_option
@passphrase_option
def request(
    *, name: str, organization: str, unique_id: str, key_out: Path, out: Path,
    passphrase_file: Path | None,
) -> None:  # fmt: skip
    """Make a key pair and a certificate request; the key is kept under a passphrase."""
    with told_in_one_line():
        secret = _new_passphrase(passphrase_file)
        key = Sm2PrivateKey.generate()
        try:
            made = make_request(Subject(name, organization, unique_id=unique_id), key=key)
            sealed = key.encrypted_pem(secret, entropy=SystemEntropy())
        except ValueError as wrong:
            raise click.ClickException(str(wrong)) from None
        _write(key_out, sealed)
        _write(out, made.pem())
    click.echo(f"key {key_out}, request {out}")


@cert.command()
@authority_option
@click.option("--name", default="OpenEHC Demo", show_default=True, help="Begin of its names.")
@passphrase_option
def authority(folder: Path, name: str, passphrase_file: Path | None) -> None:
    """Make a small authority: a root and an issuing authority under it."""
    with told_in_one_line():
        secret = _new_passphrase(passphrase_file)
        create_authority(folder, name, secret, now=SystemClock().now(), entropy=SystemEntropy())
    click.echo(f"root {folder / 'root.pem'}, issuing authority {folder / 'issuing.pem'}")


@cert.command()
@click.argument("request_file", metavar="REQUEST", type=_existing)
@authority_option
@click.option(
    "--for", "profile", type=click.Choice(list(_PROFILES)), required=True,
    help="What the certificate may be used for.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(1, 1825), default=365, show_default=True)
@out_option
@passphrase_option
def issue(
    *, request_file: Path, folder: Path, profile: str, days: int, out: Path,
    passphrase_file: Path | None,
) -> None:  # fmt: skip
    """Issue a certificate for a request whose signature holds."""
    with told_in_one_line():
        asked = CertificateRequest.from_pem(_text(request_file))
        issuer = open_authority(folder, _passphrase(passphrase_file))
        made = issuer.issue(
            asked, profile=_PROFILES[profile], days=days, now=SystemClock().now(),
            entropy=SystemEntropy(),
        )  # fmt: skip
        _write(out, made.pem())
    click.echo(f"{made.title}: {out}")


@cert.command()
@click.argument("certificate", type=_existing)
@authority_option
@click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)
@passphrase_option
def revoke(certificate: Path, folder: Path, reason: str, passphrase_file: Path | None) -> None:
    """Take a certificate back; it counts with the next list (`ehc keys cert crl`)."""
    with told_in_one_line():
        taken = Certificate.from_pem(_text(certificate))
        issuer = open_authority(folder, _passphrase(passphrase_file))
        why = RevocationReason(reason.replace("-", "_"))
        issuer.revoke(taken, reason=why, now=SystemClock().now())
    click.echo(f"{taken.title} is revoked")


@cert.command()
@authority_option
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True)
@out_option
@passphrase_option
def crl(folder: Path, days: int, out: Path, passphrase_file: Path | None) -> None:
    """Make the revocation list (CRL) of everything revoked so far."""
    with told_in_one_line():
        issuer = open_authority(folder, _passphrase(passphrase_file))
        listed = issuer.revocation_list(days=days, now=SystemClock().now())
        _write(out, listed.pem())
    click.echo(f"list {listed.number}, {len(listed.entries)} revoked: {out}")


@cert.command()
@click.argument("certificate", type=_existing)
@click.option(
    "--root",
    "roots",
    type=_existing,
    multiple=True,
    required=True,
    help="A trusted root; repeat for several authorities.",
)
@click.option("--known", type=_existing, multiple=True, help="A certificate in between; repeat.")
@click.option("--crl", "lists", type=_existing, multiple=True, help="A revocation list; repeat.")
@click.option(
    "--for", "purpose", type=click.Choice(list(_PURPOSES)), default="signing", show_default=True
)
@click.option("--at", type=click.DateTime(), help="The moment that counts, in +08:00; now.")
@click.option(
    "--without-lists",
    flag_value="yes",
    help="Rely on the lists that are given, even old ones or none.",
)
def check(  # noqa: PLR0913 (each option of the command is an argument)
    *, certificate: Path, roots: tuple[Path, ...], known: tuple[Path, ...],
    lists: tuple[Path, ...], purpose: str, at: datetime | None, without_lists: str | None,
) -> None:  # fmt: skip
    """Check chain, signatures, times, revocation and purpose; exit code 1 and the reason if not.

    The order is that of 材料一 附录F 5.1.
    """
    with told_in_one_line():
        policy = RevocationPolicy.IF_HELD if without_lists else RevocationPolicy.REQUIRED
        trust = TrustList(policy=policy)
        for root in roots:
            trust = trust.trusting(Certificate.from_pem(_text(root)))
        for one in lists:
            trust = trust.with_revocations(RevocationList.from_pem(_text(one)))
        chain = trust.check(
            Certificate.from_pem(_text(certificate)), purpose=_PURPOSES[purpose],
            now=SystemClock().now(), known=[Certificate.from_pem(_text(one)) for one in known],
            at=at.replace(tzinfo=CHINA) if at else None,
        )  # fmt: skip
    for link in chain:
        click.echo(f"{link.title}  {link.subject.common_name}  until {_shown(link.validity.end)}")
    click.echo("Good.")


@cert.command()
@click.argument("file", type=_existing)
def show(file: Path) -> None:
    """Tell what a certificate, a request or a revocation list says; proves nothing."""
    with told_in_one_line():
        text = _text(file)
        if "BEGIN X509 CRL" in text:
            lines = _list_lines(RevocationList.from_pem(text))
        elif "BEGIN CERTIFICATE REQUEST" in text:
            asked = CertificateRequest.from_pem(text)
            lines = [("request for", _name(asked.subject)), ("key", asked.key.raw.hex())]
        else:
            lines = _certificate_lines(Certificate.from_pem(text))
    for name, value in lines:
        click.echo(f"{name:<12}{value}")


def _certificate_lines(one: Certificate) -> list[tuple[str, str]]:
    allowance = one.allowance
    return [
        ("serial", f"{one.serial:x}"),
        ("subject", _name(one.subject)),
        ("issuer", "itself" if one.self_issued else "another authority"),
        ("from", _shown(one.validity.start)),
        ("until", _shown(one.validity.end)),
        ("usages", ", ".join(sorted(allowance.usages | allowance.extended))),
        ("authority", "yes" if allowance.authority else "no"),
        ("key", one.key.raw.hex()),
        ("SM3", one.fingerprint.hex()),
    ]


def _list_lines(listed: RevocationList) -> list[tuple[str, str]]:
    entries = [
        ("revoked", f"{one.serial:x}  {_shown(one.moment)}  {one.reason.value}")
        for one in listed.entries.values()
    ]
    return [
        ("list", str(listed.number)), ("made", _shown(listed.made)),
        ("next", _shown(listed.next_due)), *entries,
    ]  # fmt: skip


def _name(subject: Subject) -> str:
    parts = (subject.common_name, subject.organization, subject.unit, subject.unique_id)
    return ", ".join(part for part in parts if part)


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S} +08:00"


def _text(path: Path) -> str:
    content = path.read_bytes()
    if len(content) > _LARGEST or not content.isascii():
        raise CertificateMalformed(f"{path} is no file in PEM")
    return content.decode("ascii")


def _write(path: Path, text: str) -> None:
    """Never over a file that is there."""
    write_durably(path, text.encode("ascii"))


def _passphrase(file: Path | None) -> str:
    if file:
        return passphrase_in(file)
    return str(click.prompt("Passphrase of the key", hide_input=True))


def _new_passphrase(file: Path | None) -> str:
    if file:
        return passphrase_in(file)
    return str(click.prompt("Passphrase for the key", hide_input=True, confirmation_prompt=True))
