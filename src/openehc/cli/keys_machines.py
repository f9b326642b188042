"""`ehc keys machines`: crypto machines come and go while the node serves (材料一 9.5).

A change is written to the database, which tells every worker; the command waits and prints
what each made of it. No call fails meanwhile. Also proves, on another computer, that the
machines cannot be reached from there.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from openehc.audit.model import AuditEvent, Category
from openehc.cli.keys_caller import operator, with_database
from openehc.cli.keys_input import data_option, dsn_option, settings_of, told_in_one_line
from openehc.crypto.module.machine_pool import MachineAddress
from openehc.crypto.module.reaching import Reach, reach_of
from openehc.kernel.clock import SystemClock
from openehc.proxy.store import (
    ProxyStore,
    WorkerReport,
    unwant_machine,
    want_machine,
    wanted_machines,
)
from openehc.storage.pool import Database
from openehc.wiring.audit_key import trail_beside
from openehc.wiring.crypto_backend import machine_address
from openehc.wiring.crypto_machines import IN_SERVICE
from openehc.wiring.settings import Settings

PATIENCE_SECONDS: Final = 15.0
_PAUSE: Final = 0.1

wait_option = click.option(
    "--wait", type=click.FloatRange(0, 600), default=PATIENCE_SECONDS, show_default=True,
    help="Seconds to wait for the workers.",
)  # fmt: skip


@click.group()
def machines() -> None:
    """Crypto machines of a node or a front proxy: list, add, remove, while it serves.

    `crypto.backend` names the machines of the start; what is added or removed here counts
    from now on and at every later start.
    """


@machines.command()
@click.argument("address", metavar="HOST[:PORT]")
@data_option
@dsn_option
@wait_option
def add(address: str, data: Path, dsn: str | None, wait: float) -> None:
    """Take a further machine into service; one with other keys is refused by every worker."""
    name, reports = _told(address, "in", data=data, dsn=dsn, wait=wait)
    if any(one.machines.get(name, IN_SERVICE) != IN_SERVICE for one in reports):
        raise click.ClickException(
            f"{name} does not serve everywhere: see above; the workers try again by themselves,"
            f" until `ehc keys machines remove {name}`"
        )


@machines.command()
@click.argument("address", metavar="HOST[:PORT]")
@data_option
@dsn_option
@wait_option
def remove(address: str, data: Path, dsn: str | None, wait: float) -> None:
    """Take a machine out of service, once the calls that it has are answered."""
    name, reports = _told(address, "out", data=data, dsn=dsn, wait=wait)
    if any(name in one.machines for one in reports):
        raise click.ClickException(f"{name} still serves: it is the last one that answers")


@machines.command(name="list")
@data_option
@dsn_option
def list_machines(data: Path, dsn: str | None) -> None:
    """Every machine that is wanted, and how each worker does with it."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)

        async def work(database: Database) -> tuple[list[tuple[str, int]], list[WorkerReport]]:
            store = ProxyStore(database)
            wanted = wanted_machines(settings.crypto.machines, await store.machines())
            return wanted, await store.workers()

        wanted, reports = with_database(settings, work)
    for host, port in wanted:
        click.echo(f"wanted  {host}:{port}")
    _tell(reports)


@machines.command()
@click.argument("addresses", metavar="HOST[:PORT]...", nargs=-1, required=True)
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600), default=5.0, show_default=True,
    help="How long a machine may take to answer.",
)  # fmt: skip
def closed(addresses: tuple[str, ...], seconds: float) -> None:
    """Prove that no machine answers this computer; run it where a card node or an office runs.

    Only the front proxy may reach the machines (材料一 9.5). Needs no data folder. Ends with an
    error when a machine answers, takes connections, or cannot be tried. That it works at all
    shows `ehc keys machines list` on the front proxy at the same time.
    """
    with told_in_one_line():
        places = [MachineAddress(*machine_address(one)) for one in addresses]

    async def tried() -> list[Reach]:
        return await asyncio.gather(*(reach_of(place, seconds=seconds) for place in places))

    reached = asyncio.run(tried())
    for place, one in zip(places, reached, strict=True):
        click.echo(f"{place!s:<24}{'closed' if one.closed else 'NOT CLOSED'}: {one.value}")
    if not all(one.closed for one in reached):
        raise click.ClickException(
            "not every machine is closed to this computer: list only the front proxy in the"
            " machine, and let only the front proxy through to its network"
        )


def _told(
    address: str, wanted: str, *, data: Path, dsn: str | None, wait: float
) -> tuple[str, list[WorkerReport]]:
    """The machine's HOST:PORT, and what the workers, as they are printed, made of the change."""
    with told_in_one_line():
        host, port = machine_address(address)
        reports = _changed(settings_of(data, dsn=dsn), host, port, wanted, wait)
    _tell(reports)
    return f"{host}:{port}", reports


def _changed(
    settings: Settings, host: str, port: int, wanted: str, wait: float
) -> list[WorkerReport]:
    """Write the change with its record; what the workers say once they have followed."""

    async def work(database: Database) -> list[WorkerReport]:
        event = AuditEvent(
            category=Category.ADMINISTRATION, action=f"crypto-machine.{wanted}", actor=operator(),
            at=SystemClock().now(), object_kind="crypto-machine", object_ref=f"{host}:{port}",
        )  # fmt: skip
        write = want_machine if wanted == "in" else unwant_machine
        async with trail_beside(settings, database).act(event) as act:
            await write(act.connection, host, port=port)
        store = ProxyStore(database)
        return await _followed(store, since=await store.now(), wait=wait)

    return with_database(settings, work)


async def _followed(store: ProxyStore, *, since: datetime, wait: float) -> list[WorkerReport]:
    """The reports, once every worker has made one after `since`, or the time is over."""
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        reports = await store.workers()
        late = [one for one in reports if one.seen_at < since]
        if not late or asyncio.get_running_loop().time() >= deadline:
            return reports
        await asyncio.sleep(_PAUSE)


def _tell(reports: list[WorkerReport]) -> None:
    if not reports:
        click.echo("No worker runs; it counts from the next start.")
    for one in reports:
        click.echo(one.described)
        for address, state in sorted(one.machines.items()):
            click.echo(f"  {address:<24}{state}")
        if not one.machines:
            click.echo("  uses no crypto machines")
