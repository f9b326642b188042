"""Looking at the number file of a service account (材料一 7.2: EHCI_KEY)."""

from dataclasses import dataclass, replace

import pytest

from openehc.access.decide import Approved
from openehc.access.entries import ApplicationEntry
from openehc.access.findings import Finding, Situation
from openehc.access.kinds import APPLICATIONS
from openehc.access.record import ActCommand, Record
from openehc.access.rules import Act
from openehc.access.watch_software import Looked, NumberFile, numbers_in
from openehc.audit.model import Actor, ActorKind
from openehc.audit.trail import AuditTrail
from openehc.console.api.access_desk import AccessDesk
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.clock import SetClock, china_day
from openehc.kernel.ids import SystemEntropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.storage.pool import Database
from openehc.wiring.access_desk import build_access_desk
from openehc.wiring.settings import Settings
from tests.support.entries import APPLICATION, hospital_in
from tests.support.stores import AT, Stores

BY = Actor(ActorKind.USER, "province", "127.0.0.1")
NUMBER = "9901A0001GZHB0001"


@dataclass(slots=True)
class KeptFiles:
    """`NumberFiles` of domains that the test made up."""

    files: dict[str, str]

    async def text(self, domain: str) -> str | None:
        return self.files.get(domain)


@pytest.fixture
def desk(database: Database, plain_settings: Settings) -> AccessDesk:
    sealer = ProfileSealer({1: b"k" * 16}, current=1)
    trail = AuditTrail(database, SystemEntropy())
    return build_access_desk(
        plain_settings, database, trail, sealer=sealer, clock=SetClock(AT), entropy=SystemEntropy()
    )


@pytest.fixture
async def account(desk: AccessDesk, stores: Stores) -> Record:
    """A service account with its number."""
    entry = ApplicationEntry(**{
        **{name: value for name, value in APPLICATION.items() if name != "org_code"},
        "institution_id": await hospital_in(stores.access), "app_channel": "201",
        "app_category": ("01",), "app_package": None, "app_url": "https://Account.example.org/x",
    })  # fmt: skip
    applied = await desk.apply(APPLICATIONS, entry, by=BY, now=AT)
    assert isinstance(applied, Record)
    command = ActCommand(
        kind=APPLICATIONS, record_id=applied.record_id, revision=1, act=Act.APPROVE, by=BY, now=AT
    )
    done = await desk.decide.approve(command, tested_on=china_day(AT))
    assert isinstance(done, Approved)
    assert done.record.number == NUMBER
    return done.record


async def look(desk: AccessDesk, account: Record, files: dict[str, str]) -> Looked | Refusal:
    watch = replace(desk.watch, files=KeptFiles(files))
    return await watch.check_number_file(account, by=BY, now=AT)


@pytest.mark.requirement("G1-7.2-6", "G1-7.2-7")
@pytest.mark.parametrize(
    "text", [NUMBER, f"1101A0056GZHA0001,{NUMBER}", f"\ufeff{NUMBER} ,\n1101A0056GZHA0001\r\n"]
)
async def test_a_file_that_carries_the_number_among_others_is_good(
    desk: AccessDesk, account: Record, text: str
) -> None:
    looked = await look(desk, account, {"account.example.org": text})

    assert isinstance(looked, Looked)
    assert (looked.result, looked.finding) == (NumberFile.CARRIES, None)


@pytest.mark.requirement("G1-7.2-6", "G2-3.2-3")
@pytest.mark.parametrize(
    ("text", "result"),
    [("", NumberFile.ABSENT), ("<html>", NumberFile.ABSENT),
     ("1101A0056GZHA0001", NumberFile.LACKS), (NUMBER.lower(), NumberFile.ABSENT)],
)  # fmt: skip
async def test_a_file_without_the_number_is_a_finding(
    desk: AccessDesk, account: Record, text: str, result: NumberFile
) -> None:
    looked = await look(desk, account, {"account.example.org": text})

    assert isinstance(looked, Looked)
    assert looked.result is result
    assert isinstance(looked.finding, Finding)
    assert looked.finding.seen.situation is Situation.NUMBER_MISSING


async def test_a_domain_that_does_not_answer_is_no_finding(
    desk: AccessDesk, account: Record
) -> None:
    looked = await look(desk, account, {})

    assert looked == Looked(NumberFile.UNREACHABLE)


async def test_an_app_keeps_its_number_elsewhere(desk: AccessDesk, account: Record) -> None:
    assert isinstance(account.entry, ApplicationEntry)
    app = replace(account, entry=replace(account.entry, app_channel="101"))

    looked = await look(desk, app, {})

    assert isinstance(looked, Refusal)
    assert looked.reason is Reason.STATE_FORBIDS


def test_only_numbers_are_read_from_a_file() -> None:
    assert numbers_in(f"{NUMBER},,x,{NUMBER}A, 1101A0056GZHA0001") == (NUMBER, "1101A0056GZHA0001")
