"""`ehc call`: sign, encrypt, send, check the reply, decrypt, print."""

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import click

from openehc.envelope.client_side import (
    Credentials,
    ReplyNotAuthentic,
    open_reply,
    seal_request,
)
from openehc.envelope.client_tls import WrongClientFile, client_context
from openehc.envelope.message import SignatureStyle
from openehc.envelope.reading import UnreadableJson
from openehc.kernel.clock import SystemClock

TIMEOUT_SECONDS: Final = 30

_file: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("method")
@click.argument("biz", metavar="JSON")
@click.option(
    "--profile", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=True,
    help="demo.json, or a file with gateway_url, app_id, app_secret and term_id.",
)  # fmt: skip
@click.option(
    "--style", type=click.Choice(["digest", "sign"]), default="digest", show_default=True,
    help="Which pair of names carries the digest.",
)  # fmt: skip
@click.option(
    "--cert", "certificate", type=_file,
    help="Certificate chain in PEM to show to the node; its key too, without --key.",
)  # fmt: skip
@click.option("--key", type=_file, help="The certificate's key in PEM; its password is asked for.")
@click.option("--key-password-file", type=_file, help="Holds the password of the key.")
@click.option(
    "--ca", "authorities", type=_file,
    help="Who vouches for the node, in PEM; the system's authorities.",
)  # fmt: skip
def call(
    method: str, biz: str, profile: Path, style: str, key_password_file: Path | None,
    **tls: Path | None,
) -> None:  # fmt: skip
    """Call METHOD with the biz fields JSON; prints the reply as one JSON object."""
    told = _profile(profile)
    try:
        fields = json.loads(biz)
    except ValueError as broken:
        raise click.ClickException(f"JSON: {broken}") from None
    if not isinstance(fields, dict):
        raise click.ClickException("JSON: an object is expected")
    who = Credentials(
        told["app_id"], told["app_secret"], told["term_id"], style=SignatureStyle(style)
    )
    request = seal_request(who, method, fields, now=SystemClock().now())
    try:
        context = client_context(password=lambda: _password(key_password_file), **tls)
        reply = open_reply(who, _post(told["gateway_url"], request, context))
    except (ReplyNotAuthentic, UnreadableJson, WrongClientFile) as broken:
        raise click.ClickException(str(broken)) from None
    click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
    if reply.get("ret_code") != "0000":
        raise SystemExit(1)


def _password(file: Path | None) -> str:
    if file:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return str(click.prompt("Password of the key", hide_input=True, err=True))


def _profile(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as broken:
        raise click.ClickException(f"{path}: {broken}") from None
    needed = ("gateway_url", "app_id", "app_secret", "term_id")
    missing = [name for name in needed if not isinstance(told, dict) or not told.get(name)]
    if missing:
        raise click.ClickException(f"{path}: {', '.join(missing)} missing")
    return dict(told)


def _post(url: str, fields: dict[str, Any], tls: ssl.SSLContext) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("gateway_url: http:// or https:// is expected")
    request = urllib.request.Request(  # noqa: S310 (scheme checked above)
        url, data=json.dumps(fields).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(  # noqa: S310
            request, timeout=TIMEOUT_SECONDS, context=tls
        ) as reply:
            body: bytes = reply.read()
    except (urllib.error.URLError, OSError) as error:
        raise click.ClickException(f"{url}: {error}") from None
    return body
