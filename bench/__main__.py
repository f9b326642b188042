"""`python -m bench`: drive a node, and print what a request costs against the budgets.

Starts a demo node of its own unless it is told of one that runs. A missed budget is
reported; it ends the program with 1 only under --strict. Competing implementations
are not run here.
"""

import secrets
import ssl
from asyncio import Runner
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from bench.budgets import Row, missed
from bench.crypto import CROWD
from bench.crypto import measure as measure_crypto
from bench.filling import MOST
from bench.machine import Circumstances, circumstances
from bench.measuring import Bench, Stock
from bench.messages import Desk, LoadMethod
from bench.node import BenchedNode, NoNode, own_demo, raise_file_limit, running_node
from bench.report import circumstances_text, heading, row_text, verdict_text, write_json
from bench.residents import HOW_MANY
from openehc.envelope.client_tls import WrongClientFile, client_context
from openehc.kernel.clock import SystemClock

_SPARE_FILES: Final = 200
_LONGEST: Final = 120.0
_FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be measured; `seconds` for each row."""

    methods: tuple[LoadMethod, ...]
    connections: tuple[int, ...]
    seconds: float


def _methods(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[LoadMethod, ...]:
    try:
        return tuple(LoadMethod(word.strip()) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(f"choose of {', '.join(LoadMethod)}") from None


def _counts(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise click.BadParameter("numbers above 0, separated by commas")
    return tuple(int(word) for word in words)


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(0.1, _LONGEST), default=5.0, show_default=True,
    help="How long each row is measured.",
)  # fmt: skip
@click.option("--connections", callback=_counts, default="64,1000", show_default=True)
@click.option("--methods", callback=_methods, default=",".join(LoadMethod), show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=2, show_default=True,
    help="Worker processes of the demo that is started.",
)  # fmt: skip
@click.option(
    "--residents", type=click.IntRange(0, MOST), default=0, show_default=True,
    help="Accounts that the demo holds before it is measured; a million takes about a minute.",
)  # fmt: skip
@click.option(
    "--crypto", flag_value="yes",
    help="Measure the crypto module and the front proxy instead of a node.",
)  # fmt: skip
@click.option("--json", "target", type=click.Path(path_type=Path), help="Also write a JSON file.")
@click.option(
    "--profile", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Measure the running node of this demo.json instead.",
)  # fmt: skip
@click.option(
    "--cert", "certificate", type=_FILE,
    help="With --profile: the client certificate to show, in PEM; its key too, without --key.",
)  # fmt: skip
@click.option("--key", type=_FILE, help="Its key; a password is asked for.")
@click.option("--ca", "authorities", type=_FILE, help="Who vouches for the node, in PEM.")
@click.option(
    "--strict", "exit_code_when_missed", flag_value=1, default=0, type=int,
    help="End with 1 when a budget is missed.",
)  # fmt: skip
def main(
    *, workers: int, residents: int, crypto: str | None, target: Path | None, profile: Path | None,
    exit_code_when_missed: int, **what: Any,  # noqa: ANN401 (the fields of Order, files of TLS)
) -> None:  # fmt: skip
    """Print what register, generate and verify cost, against the budgets."""
    if profile and residents:
        raise click.UsageError("--residents fills a demo of the bench's own, not a node that runs")
    files = {name: what.pop(name) for name in ("certificate", "key", "authorities")}
    order = Order(**what)
    try:
        raise_file_limit(files=max(CROWD, *order.connections) + _SPARE_FILES)
        if crypto:
            short = measure_crypto(workers=workers, seconds=order.seconds, target=target)
            raise SystemExit(exit_code_when_missed if short else 0)
        if profile:
            facts, rows = _measured(running_node(profile, lambda: _tls(**files)), order)
        else:
            click.echo("starting a demo node ...")
            with own_demo(workers=workers, residents=residents) as node:
                facts, rows = _measured(node, order)
    except (NoNode, WrongClientFile) as trouble:
        raise click.ClickException(str(trouble)) from None
    if target:
        write_json(target, facts=facts, rows=rows)
    raise SystemExit(exit_code_when_missed if any(missed(row) for row in rows) else 0)


def _tls(**files: Path | None) -> ssl.SSLContext:
    def password() -> str:
        return str(click.prompt("Password of the key", hide_input=True))

    return client_context(**files, password=password)


def _measured(node: BenchedNode, order: Order) -> tuple[Circumstances, list[Row]]:
    rows = []
    bench = Bench(
        node,
        Desk(node.who, node.gateway_url, run=secrets.token_hex(8)),
        SystemClock(),
        Stock(next_number=secrets.randbelow(HOW_MANY)),
    )
    with Runner(loop_factory=uvloop.new_event_loop) as runner:
        facts = runner.run(circumstances(node.processes))
        click.echo(f"{circumstances_text(facts)}\n\n{heading()}")
        for connections in order.connections:
            for method in order.methods:
                row = runner.run(bench.row(method, connections=connections, seconds=order.seconds))
                click.echo(row_text(row))
                rows.append(row)
    click.echo(f"\n{verdict_text(rows)}")
    return facts, rows


if __name__ == "__main__":
    main()
