"""`ehc keys caller` and `ehc keys proxy`: who may call the front proxy, and what for (材料一 9.5).

`new` and `show` work on the node that calls, the others on the node that is the proxy.
"""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import click

from openehc.audit.model import Actor, ActorKind, AuditEvent, Category
from openehc.cli.keys_input import (
    confirm,
    data_option,
    dsn_option,
    passphrase_of,
    settings_of,
    told_in_one_line,
)
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.remote.calls import Call
from openehc.crypto.remote.handshake import fingerprint
from openehc.kernel.clock import CHINA, SystemClock
from openehc.proxy.model import ALL_CALLS, Caller
from openehc.proxy.rules import fit_calls, fit_name, fit_networks
from openehc.proxy.store import ProxyStore, revoke_caller, save_caller
from openehc.storage.pool import Database
from openehc.wiring.audit_key import trail_beside
from openehc.wiring.crypto_backend import CALLER_KEY, PROXY_KEY, public_key
from openehc.wiring.proxy_keys import new_key, public_half
from openehc.wiring.rotation_database import database_beside
from openehc.wiring.settings import Settings

Result = TypeVar("Result")
_FINGERPRINT_SHOWN: Final = 16


@click.group()
def caller() -> None:
    """Callers of the front proxy: their keys, what each may call, from where.

    On the node that calls: new, show. On the node that is the proxy: allow, list, revoke.
    """


@click.group()
def proxy() -> None:
    """The front proxy itself: its key, and the record of the calls."""


@caller.command(name="new")
@data_option
def new_caller(data: Path) -> None:
    """Make this node's key pair as a caller; prints the public half for `allow`."""
    _make(data, CALLER_KEY, lost="The proxy knows this node by its present key only.")


@caller.command(name="show")
@data_option
def show_caller(data: Path) -> None:
    """Print this node's public key as a caller."""
    _show(data, CALLER_KEY, "ehc keys caller new")


@proxy.command(name="new")
@data_option
def new_proxy(data: Path) -> None:
    """Make the proxy's key pair; prints the public half for `crypto.proxy_key` of its callers."""
    _make(data, PROXY_KEY, lost="Every caller has to be told the new key before it can call.")


@proxy.command(name="show")
@data_option
def show_proxy(data: Path) -> None:
    """Print the proxy's public key: callers have it as `crypto.proxy_key` in their node.toml."""
    _show(data, PROXY_KEY, "ehc keys proxy new")


@caller.command()
@click.argument("name")
@click.argument("key", metavar="PUBLIC_KEY")
@data_option
@dsn_option
@click.option(
    "--calls", required=True,
    help=f"Comma-separated, or all: {', '.join(Call)}. Give no more than the caller needs.",
)  # fmt: skip
@click.option(
    "--from", "networks", required=True,
    help="Networks from which it calls, comma-separated: 10.1.0.0/24,10.2.0.7.",
)  # fmt: skip
def allow(*, name: str, key: str, data: Path, dsn: str | None, calls: str, networks: str) -> None:
    """Let a caller in, or change what it may; PUBLIC_KEY is what `ehc keys caller new` printed."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        entry = Caller(
            name=fit_name(name),
            key=public_key(key.strip()),
            calls=ALL_CALLS if calls == "all" else fit_calls(calls.split(",")),
            networks=fit_networks(networks.split(",")),
            allowed_at=SystemClock().now(),
        )
        event = _event(
            "crypto-caller.allow", name,
            {"calls": sorted(entry.calls), "networks": [str(one) for one in entry.networks],
             "fingerprint": fingerprint(entry.key).hex()},
        )  # fmt: skip

        async def work(database: Database) -> None:
            async with trail_beside(settings, database).act(event) as act:
                await save_caller(act.connection, entry)

        with_database(settings, work)
    click.echo(f"{name} may call {', '.join(sorted(entry.calls))}. The proxy knows at once.")


@caller.command(name="list")
@data_option
@dsn_option
def list_callers(data: Path, dsn: str | None) -> None:
    """Everybody on the allow-list, the revoked too."""
    with told_in_one_line():
        callers = with_database(
            settings_of(data, dsn=dsn), lambda database: ProxyStore(database).callers()
        )
    if not callers:
        click.echo("Nobody may call: ehc keys caller allow")
    for one in callers:
        state = f"revoked {_shown(one.revoked_at)}" if one.revoked_at else "may call"
        click.echo(f"{one.name}  {state}  key {one.fingerprint.hex()[:_FINGERPRINT_SHOWN]}...")
        click.echo(f"  calls {', '.join(sorted(one.calls))}")
        click.echo(f"  from  {', '.join(map(str, one.networks))}")


@caller.command()
@click.argument("name")
@data_option
@dsn_option
def revoke(name: str, data: Path, dsn: str | None) -> None:
    """Let a caller in no longer: its open sessions end at once."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        event = _event("crypto-caller.revoke", name, None)

        async def work(database: Database) -> bool:
            async with trail_beside(settings, database).act(event) as act:
                done = await revoke_caller(act.connection, name, now=SystemClock().now())
                if not done:
                    act.tell(result="unknown")
                return done

        done = with_database(settings, work)
    if not done:
        raise click.ClickException(f"nobody of the name {name} may call: ehc keys caller list")
    click.echo(f"{name} may call no longer.")


@proxy.command()
@data_option
@dsn_option
@click.option("--caller", "name", default="", help="Only the calls of this caller.")
@click.option(
    "--hours", type=click.FloatRange(0, 24 * 366, min_open=True), default=24.0, show_default=True,
    help="How far back.",
)  # fmt: skip
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True)
def calls(data: Path, dsn: str | None, name: str, hours: float, most: int) -> None:
    """The recorded calls, newest first: time, caller, address, call, machine, result.

    The records are part of the audit chain; `ehc audit` proves that none was changed.
    """
    since = datetime.now(UTC) - timedelta(hours=hours)
    with told_in_one_line():
        found = with_database(
            settings_of(data, dsn=dsn),
            lambda database: ProxyStore(database).calls(since=since, caller=name, most=most),
        )
    for one in found:
        click.echo(
            f"{_shown(one.at)}  {one.caller:<20} {one.source:<16} {one.call.value:<20}"
            f" {one.machine or '-':<22} {one.result.value}"
        )
    click.echo(f"{len(found)} calls")


def with_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """What an async `work` gives with the node's database, running or started for this."""

    async def run(dsn: str) -> Result:
        database = await Database.connect(dsn, size=2, name="openehc keys")
        try:
            return await work(database)
        finally:
            await database.close()

    with database_beside(settings) as dsn:
        return asyncio.run(run(dsn))


def operator() -> Actor:
    """Who sits at the terminal, as the operating system knows them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        name = "unknown"
    return Actor(ActorKind.USER, f"{name}@terminal")


def _event(action: str, name: str, after: dict[str, object] | None) -> AuditEvent:
    return AuditEvent(
        category=Category.SECURITY, action=action, actor=operator(), at=SystemClock().now(),
        object_kind="crypto-caller", object_ref=name, after=after,
    )  # fmt: skip


def _make(data: Path, name: str, *, lost: str) -> None:
    """Make a key pair; where there is one, `lost` says what the operator has to confirm."""
    with told_in_one_line():
        settings = settings_of(data)
        passphrase = passphrase_of(settings)
        if public_half(open_key_file(settings.key_file, passphrase), name):
            confirm(settings, what=lost)
        key = new_key(settings, passphrase, name=name)
    click.echo(key.raw.hex())


def _show(data: Path, name: str, command: str) -> None:
    with told_in_one_line():
        settings = settings_of(data)
        key = public_half(open_key_file(settings.key_file, passphrase_of(settings)), name)
    if key is None:
        raise click.ClickException(f"there is no such key yet: {command}")
    click.echo(key.raw.hex())


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
