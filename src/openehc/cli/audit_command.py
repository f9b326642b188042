"""`ehc audit`: check, search and take out the audit records; show the key that signs them."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

import click

from openehc.audit.checkpoint import KEY_NAME, fingerprint, signing_key
from openehc.audit.export_trail import ExportFormat, ExportTrail
from openehc.audit.findings import Report
from openehc.audit.model import Actor, ActorKind
from openehc.audit.record_store import AuditRecord, RecordQuery, RecordStore
from openehc.audit.search_trail import SearchTrail
from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import Scope, VerifyTrail
from openehc.cli.keys_input import (
    data_option,
    dsn_option,
    passphrase_of,
    settings_of,
    told_in_one_line,
)
from openehc.crypto.sm2 import KeyMalformed, Sm2PrivateKey, Sm2PublicKey
from openehc.kernel.clock import CHINA, SystemClock
from openehc.storage.listing import Listing
from openehc.storage.pool import Database
from openehc.wiring.audit_key import MARKS_FOLDER, SOURCES, keys_with_audit_key, trail_beside
from openehc.wiring.rotation_database import database_beside
from openehc.wiring.settings import Settings

Result = TypeVar("Result")

PATIENCE_SECONDS: Final = 3600.0
"""A check of years may sort a day of records before it gives the first."""

day_type = click.DateTime(formats=["%Y-%m-%d"])


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which records are meant."""
    for option in reversed((
        click.option("--since", type=day_type, help="First day, in +08:00."),
        click.option("--until", type=day_type, help="Last day, in +08:00."),
        click.option("--actor", "actor_id", help="Login name or app_id."),
        click.option("--category"),
        click.option("--action", help="Like institution.approve."),
        click.option("--object-kind"),
        click.option("--object", "object_ref"),
        click.option("--result", help="ok, or the reason of a refusal."),
    )):  # fmt: skip
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Audit records: check their chains and checkpoints, search them, take them out."""


@audit.command()
@data_option
@dsn_option
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A public key (PEM) to trust, of the node now or before; the key file is then not opened.",
)  # fmt: skip
@click.option(
    "--copy", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The copy of the checkpoints; the one of node.toml when absent.",
)  # fmt: skip
@click.option(
    "--marks", "folders", multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder of marks; repeat it for several nodes. The node's own when absent.",
)  # fmt: skip
@click.option("--without-marks", "marks", flag_value="none", help="Compare with no marks.")
@click.option("--since", type=day_type, help="Only chains that were opened on this day or later.")
def verify(  # noqa: PLR0913 (its options)
    *, data: Path, dsn: str | None, keys: tuple[Path, ...], copy: Path | None,
    folders: tuple[Path, ...], marks: str | None, since: datetime | None,
) -> None:  # fmt: skip
    """Check chains, checkpoints and what lies beside the database; exit code 1 when it is wrong."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        trusted = [_public_in(file) for file in keys] or [_own_key(settings).public.raw]
        known = copy or settings.checkpoint_file
        beside = () if marks else folders or (settings.data / MARKS_FOLDER,)
        scope = Scope(since=since.date() if since else None)

        async def work(database: Database) -> Report:
            file = known if known and known.exists() else None
            check = VerifyTrail(VerifyStore(database), SOURCES, trusted, file, beside)
            return await check(scope)

        report = _with_database(settings, work)
    for line in told(report):
        click.echo(line)
    if not report.sound:
        sys.exit(1)


def told(report: Report) -> list[str]:
    """What a report says, line by line."""
    counted = ", ".join(f"{number} in {table}" for table, number in report.records.items())
    lines = [f"records: {counted}; chains: {report.chains}; checkpoints: {report.checkpoints}"]
    lines += [f"cannot be read as marks: {file}" for file in report.unreadable]
    lines += [f"WRONG: {finding}" for finding in report.findings]
    if report.covered_until is None:
        lines.append("No checkpoint covers them yet.")
    else:
        moment = report.covered_until.astimezone(CHINA).isoformat(timespec="seconds")
        lines.append(
            f"Everything until {moment} is covered by checkpoints; {report.uncovered} later"
            " records are not yet."
        )
    lines.append(_marks_told(report.marks))
    lines.append("Sound." if report.sound else f"NOT SOUND: first {report.findings[0]}")
    return lines


def _marks_told(count: int) -> str:
    if count:
        return f"They were compared with {count} marks outside the database."
    return (
        "There are no marks outside the database: nobody could tell if the last records, or"
        " checkpoints without a copy, were cut off."
    )


@audit.command()
@data_option
@dsn_option
@_filters
@click.option("--most", type=click.IntRange(1, 1000), default=50, show_default=True)
def search(data: Path, dsn: str | None, most: int, **filters: Any) -> None:  # noqa: ANN401 (options)
    """Show the newest records that match, one in each line; the look itself is recorded."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        query = _query(filters)
        newest = Listing(order="at", direction="desc", limit=most, offset=0)

        async def work(database: Database) -> list[AuditRecord]:
            find = SearchTrail(RecordStore(database), trail_beside(settings, database))
            page = await find(query, listing=newest, actor=_actor(), now=SystemClock().now())
            return page.records

        records = _with_database(settings, work)
    for record in records:
        click.echo(_line(record))


@audit.command()
@data_option
@dsn_option
@_filters
@click.option(
    "--format", "kind", type=click.Choice([kind.value for kind in ExportFormat]),
    default=ExportFormat.JSON_LINES.value, show_default=True,
)  # fmt: skip
@click.option("--output", type=click.File("wb"), default="-", help="A file; standard output.")
def export(data: Path, dsn: str | None, kind: str, output: BinaryIO, **filters: Any) -> None:  # noqa: ANN401
    """Write every record that matches, oldest first; the export itself is recorded."""
    with told_in_one_line():
        settings = settings_of(data, dsn=dsn)
        query = _query(filters)

        async def work(database: Database) -> None:
            take_out = ExportTrail(RecordStore(database), trail_beside(settings, database))
            parts = await take_out(
                query, ExportFormat(kind), actor=_actor(), now=SystemClock().now()
            )
            async for part in parts:
                output.write(part)

        _with_database(settings, work)


@audit.command()
@data_option
def key(data: Path) -> None:
    """Show the public key that signs checkpoints (PEM), for those who check them elsewhere."""
    with told_in_one_line():
        public = _own_key(settings_of(data)).public
    click.echo(public.pem().rstrip())
    click.echo(f"fingerprint (SM3): {fingerprint(public.raw).hex()}", err=True)


def _query(filters: dict[str, Any]) -> RecordQuery:
    since, until = filters.pop("since"), filters.pop("until")
    return RecordQuery(
        since=since.replace(tzinfo=CHINA) if since else None,
        until=until.replace(tzinfo=CHINA) + timedelta(days=1) if until else None,
        **filters,
    )


def _line(record: AuditRecord) -> str:
    moment = record.at.astimezone(CHINA).isoformat(timespec="seconds")
    whom = f"{record.object_kind} {record.object_ref}".strip()
    return f"{moment}  {record.actor_id}  {record.action}  {whom}  {record.result}".rstrip()


def _actor() -> Actor:
    """Whoever sits at the machine: they have the key file, so the whole node is theirs."""
    return Actor(ActorKind.SYSTEM, f"ehc:{getpass.getuser()}")


def _own_key(settings: Settings) -> Sm2PrivateKey:
    keys = keys_with_audit_key(settings.key_file, passphrase_of(settings))
    return signing_key(keys.local[KEY_NAME])


def _public_in(file: Path) -> bytes:
    try:
        return Sm2PublicKey.from_pem(file.read_text("utf-8")).raw
    except (KeyMalformed, UnicodeDecodeError) as wrong:
        raise click.ClickException(f"{file}: {wrong}") from None


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run(dsn: str) -> Result:
        database = await Database.connect(
            dsn, size=2, name="openehc audit", patience=PATIENCE_SECONDS
        )
        try:
            return await work(database)
        finally:
            await database.close()

    with database_beside(settings) as dsn:
        return asyncio.run(run(dsn))
