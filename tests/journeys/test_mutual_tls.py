"""Both ends prove themselves: a real node with two workers asks its clients for certificates."""

import asyncio
import json
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bench.ports import free_port
from openehc.access.bind_certificates import Bound
from openehc.access.kinds import APPLICATIONS
from openehc.access.record import ActCommand, Record, Search
from openehc.access.rules import Act
from openehc.audit.model import Actor, ActorKind
from openehc.console.api.access_desk import AccessDesk
from openehc.kernel.clock import SystemClock
from openehc.storage.listing import Listing
from tests.journeys.test_tls import TlsProcesses, handshake, old_client
from tests.support.client import GATEWAY, VERIFY, GatewayClient
from tests.support.folders import new_folder
from tests.support.messages import verification
from tests.support.node import environment
from tests.support.operators import desk_over
from tests.support.source_tree import ROOT
from tests.support.timing import delay_until, mostly
from tests.support.tls_authority import DAY, SERVER, Party, TlsAuthority, self_signed
from tests.support.waiting import until_told

LET_IN, REFUSED = "2002", "1010"
"""What a verification of nonsense is answered once the application is let in; what if not."""

LONG_WAY: Final = f"{GATEWAY}?way=long"
"""A query takes a request to the door through ASGI (gateway/direct_http.py)."""

pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Asking(TlsProcesses):
    """A demo that asks clients for certificates of `authority`."""

    authority: TlsAuthority = field(kw_only=True)

    @property
    def certificate(self) -> Path:
        return self.authority.pem

    @asynccontextmanager
    async def as_party(self, shown: Party | None) -> AsyncIterator[GatewayClient]:
        """The demo application on one connection that shows this certificate."""
        context = self.trusting()
        if shown:
            context.load_cert_chain(shown.pem, shown.key)
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{self.port}", timeout=60, trust_env=False,
            verify=context, limits=limits,
        ) as http:  # fmt: skip
            yield self.client(http)

    async def answer_to(self, shown: Party | None, *, path: str = GATEWAY) -> str:
        """The return code of a call, or that there was no connection."""
        async with self.as_party(shown) as client:
            message = client.sealed(VERIFY, verification("x"))
            try:
                return str((await client.http.post(path, json=message)).json()["ret_code"])
            except httpx.TransportError:
                return "no connection"


def _started(how: str) -> Iterator[Asking]:
    folder = new_folder("ehc-mtls-")
    authority = TlsAuthority(folder)
    node = authority.party("node", use=SERVER)
    command = (
        "demo", "--tls-certificate", str(node.pem), "--tls-key", str(node.key),
        "--tls-client-certificates", how, "--tls-client-ca", str(authority.pem),
        "--tls-client-crl", str(authority.list_of()),
    )  # fmt: skip
    processes = Asking(folder / "d", free_port(), command, authority=authority)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def offering() -> Iterator[Asking]:
    yield from _started("offered")


@pytest.fixture
def demanding() -> Iterator[Asking]:
    yield from _started("demanded")


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who binds certificates to the demo application."""

    desk: AccessDesk
    number: str

    async def bind(self, *parties: Party) -> None:
        """It calls with these only; with none, without any."""
        listing = Listing(order="r.application_id", direction="asc", limit=1, offset=0)
        (record,), _ = await self.desk.records.page(APPLICATIONS, Search(text=self.number), listing)
        command = ActCommand(
            kind=APPLICATIONS, record_id=record.record_id, revision=record.revision,
            act=Act.BIND, by=Actor(ActorKind.USER, "province", "127.0.0.1"),
            now=SystemClock().now(), reason="测试",
        )  # fmt: skip
        fingerprints = tuple(party.fingerprint for party in parties)
        wanted = Bound(certificates=fingerprints, needed=bool(parties))
        done = await self.desk.bind(command, wanted)
        assert isinstance(done, Record), done


@pytest.fixture
async def operator(offering: Asking) -> AsyncIterator[Operator]:
    """The use cases over the node's database; afterwards both workers know of none bound."""
    async with desk_over(offering.data, offering.dsn) as desk:
        operator = Operator(desk, offering.profile["ehcappid"])
        yield operator
        await operator.bind()
        await settles(offering, LET_IN)


async def settles(node: Asking, code: str, shown: Party | None = None) -> None:
    """Twenty new connections in a row got this answer: both workers give it."""

    async def seen() -> bool:
        return {await node.answer_to(shown) for _ in range(20)} == {code}

    await until_told(seen)


SPOILT: Final[dict[str, Callable[[TlsAuthority], Party]]] = {
    "self-signed": lambda ours: self_signed(ours.folder, "stranger"),
    "of another authority": lambda ours: TlsAuthority(ours.folder, "Other").party("stranger"),
    "expired": lambda ours: ours.party("late", begins=-2 * DAY, ends=-timedelta(hours=1)),
    "not yet valid": lambda ours: ours.party("early", begins=timedelta(hours=1)),
}


@pytest.mark.requirement("G1-9.6-2", "G2-A-5.3.1-7")
async def test_only_its_own_certificate_lets_bound_software_in(
    offering: Asking, operator: Operator
) -> None:
    own, foreign = (offering.authority.party(name) for name in ("own", "foreign"))
    assert [await offering.answer_to(party) for party in (None, foreign, own)] == [LET_IN] * 3

    await operator.bind(own)
    await settles(offering, REFUSED)

    for path in (GATEWAY, LONG_WAY):
        answers = [await offering.answer_to(party, path=path) for party in (None, foreign, own)]
        assert answers == [REFUSED, REFUSED, LET_IN]


@pytest.mark.parametrize("name", SPOILT)
async def test_a_certificate_that_proves_nothing_gets_no_connection(
    offering: Asking, name: str
) -> None:
    assert await offering.answer_to(SPOILT[name](offering.authority)) == "no connection"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_an_old_version_is_refused_whatever_is_shown(
    offering: Asking, version: ssl.TLSVersion
) -> None:
    party = offering.authority.party("old-fashioned")
    old, late = old_client(version), old_client(ssl.TLSVersion.TLSv1_2)
    for client in (old, late):
        client.load_cert_chain(party.pem, party.key)

    assert handshake(offering.port, late) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(offering.port, old)


@pytest.mark.requirement("G1-9.6-2")
async def test_a_certificate_taken_away_is_refused_within_a_second_on_standing_connections(
    offering: Asking, operator: Operator
) -> None:
    own, other = (offering.authority.party(name) for name in ("mine", "next"))
    async with AsyncExitStack() as opened:
        standing = [await opened.enter_async_context(offering.as_party(own)) for _ in range(8)]

        async def all_get(code: str) -> bool:  # each may have reached another worker
            calls = [one.call(VERIFY, verification("x")) for one in standing]
            return {reply.code for reply in await asyncio.gather(*calls)} == {code}

        async def taken_away() -> float:
            await operator.bind(own)
            await until_told(lambda: all_get(LET_IN))
            ports = [await _own_port(one) for one in standing]
            await operator.bind(other)
            seconds = await delay_until(lambda: all_get(REFUSED))
            assert [await _own_port(one) for one in standing] == ports  # nobody connected anew
            return seconds

        assert max(await mostly(taken_away, within=1)) < 1


async def test_a_list_that_names_a_certificate_ends_it_and_its_connection_after_sighup(
    offering: Asking,
) -> None:
    party, kept = offering.authority.party("revoked"), offering.authority.party("kept")
    async with offering.as_party(party) as standing:
        before = (await standing.call(VERIFY, verification("x"))).code
        offering.authority.list_of(party)

        await _renewed(offering)

        with pytest.raises(httpx.TransportError):  # it had to shake hands again
            await standing.call(VERIFY, verification("x"))
    assert before == LET_IN
    answers = {await offering.answer_to(party) for _ in range(8)}
    assert answers == {"no connection"}
    assert await offering.answer_to(kept) == LET_IN


@pytest.mark.requirement("G1-9.6-2")
async def test_where_certificates_are_demanded_nobody_connects_without(demanding: Asking) -> None:
    party = demanding.authority.party("hospital")

    answers = [await demanding.answer_to(shown) for shown in (None, party)]

    assert answers == ["no connection", LET_IN]


async def test_the_command_line_shows_a_certificate_whose_key_has_a_password(
    offering: Asking, operator: Operator
) -> None:
    party = offering.authority.party("locked", password=b"an invented password")
    await operator.bind(party)
    password = offering.data.parent / "password"
    password.write_text("an invented password\n", "utf-8")
    shown = ("--cert", str(party.pem), "--key", str(party.key))
    with_file = ("--key-password-file", str(password))
    await settles(offering, REFUSED)

    done, without = _call(offering, *shown, *with_file), _call(offering)

    assert [json.loads(one.stdout)["ret_code"] for one in (done, without)] == [LET_IN, REFUSED]
    password.write_text("another one\n", "utf-8")
    wrong = _call(offering, *shown, *with_file)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "the password is wrong" in wrong.stderr


async def test_the_bench_shows_a_certificate(offering: Asking, operator: Operator) -> None:
    party, target = offering.authority.party("bench"), offering.data.parent / "bench.json"
    await operator.bind(party)
    await settles(offering, REFUSED)
    command = [
        sys.executable, "-m", "bench", "--profile", str(offering.data / "demo.json"),
        "--ca", str(offering.authority.pem), "--cert", str(party.pem), "--key", str(party.key),
        "--seconds", "0.3", "--connections", "2", "--methods", "register", "--json", str(target),
    ]  # fmt: skip

    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, env=environment(),
        timeout=300, cwd=ROOT,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(target.read_bytes())["rows"]
    assert row["requests"] > 0
    assert row["success"] == 1.0


async def _renewed(node: Asking) -> None:
    """SIGHUP until every worker is a new one: on a busy machine one may not be ready in time."""
    old = {worker.pid for worker in node.workers()}
    deadline, given_up = time.monotonic() + 400, -1
    while old & {worker.pid for worker in node.workers()}:
        output = node.output.read_text("utf-8")
        assert time.monotonic() < deadline, output
        if output.count("did not get ready") != given_up:
            given_up = output.count("did not get ready")
            node.process.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.1)


def _call(node: Asking, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "openehc", "call", VERIFY, json.dumps(verification("x")),
        "--profile", str(node.data / "demo.json"), "--ca", str(node.authority.pem), *more,
    ]  # fmt: skip
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=300,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


async def _own_port(client: GatewayClient) -> Any:
    answer = await client.http.get("/health/live")
    return answer.extensions["network_stream"].get_extra_info("client_addr")
