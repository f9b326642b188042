"""The registers in the database: read back whole, secrets sealed, changes told."""

import asyncio
from dataclasses import replace

import pytest

from openehc.access.entry_rules import faults_of
from openehc.access.kinds import APPLICATIONS, INSTITUTIONS, MODULES, TERMINALS
from openehc.access.model import Application, Standing, Terminal
from openehc.access.record import Search
from openehc.access.record_store import RecordStore
from openehc.access.store import CHANNEL
from openehc.crypto.sm4 import SealBroken
from openehc.spec import load
from openehc.storage.errors import StatementRefused
from openehc.storage.listing import Listing
from openehc.storage.notify import Listener
from openehc.wiring.demo import EHCAPPID, ORG_CODE, TERM_ID, DemoRegistry, fill_registry
from tests.support.stores import Stores


def _app(institution: int, number: int = 1) -> Application:
    return Application(
        app_id=f"app-{number}", secret=f"invented secret {number}", institution_id=institution,
        app_name="示例系统", app_channel="601", ehcappid=f"9901A0001XXTB000{number}",
        grants=frozenset({"ehc.ehealthcode.verify", "ehc.ehealthcard.register"}),
    )  # fmt: skip


@pytest.fixture
async def app(stores: Stores) -> Application:
    institution = await stores.access.save_institution(org_code="ORG-1", org_name="示例医院")
    saved = _app(institution)
    await stores.access.save_application(saved)
    return saved


async def test_an_application_is_read_back_as_it_was_registered(
    stores: Stores, app: Application
) -> None:
    assert (await stores.access.registers()).applications == (app,)


async def test_an_application_that_loses_a_grant_has_lost_it(
    stores: Stores, app: Application
) -> None:
    fewer = replace(app, grants=frozenset({"ehc.ehealthcode.verify"}))

    await stores.access.save_application(fewer)

    assert (await stores.access.registers()).applications == (fewer,)


async def test_an_application_without_any_grant_is_read_back(
    stores: Stores, app: Application
) -> None:
    none = replace(app, grants=frozenset())

    await stores.access.save_application(none)

    assert (await stores.access.registers()).applications == (none,)


@pytest.mark.requirement("G1-9.4-12")
async def test_a_secret_is_not_stored_readable(stores: Stores, app: Application) -> None:
    stored = await stores.database.fetchval("select sealed_secret from applications")

    assert app.secret.encode() not in stored


async def test_a_secret_moved_to_another_application_does_not_open(
    stores: Stores, app: Application
) -> None:
    await stores.access.save_application(_app(app.institution_id, 2))
    await stores.database.execute(
        "update applications set sealed_secret ="
        " (select sealed_secret from applications where app_id = 'app-1')"
    )

    with pytest.raises(SealBroken):
        await stores.access.registers()


async def test_an_institution_registered_twice_keeps_its_id(stores: Stores) -> None:
    first = await stores.access.save_institution(org_code="ORG-9", org_name="旧名")

    again = await stores.access.save_institution(org_code="ORG-9", org_name="新名")

    names = [row.org_name for row in (await stores.access.registers()).institutions]
    assert (again, names) == (first, ["新名"])


async def test_a_suspended_terminal_is_read_as_suspended(stores: Stores, app: Application) -> None:
    await stores.access.save_terminal(Terminal("T-1", app.institution_id, "窗口"))
    await stores.database.execute("update terminals set standing = 'suspended'")

    standing = [row.standing for row in (await stores.access.registers()).terminals]

    assert standing == [Standing.SUSPENDED]


@pytest.mark.parametrize(
    "change",
    [
        "update institutions set org_name = 'x'",
        "update applications set standing = 'suspended'",
        "delete from application_grants",
        "delete from application_grants; delete from applications",
    ],
)
async def test_every_change_of_a_register_is_told(
    stores: Stores, app: Application, database_dsn: str, change: str
) -> None:
    told = asyncio.Event()

    async def heard(channel: str, _payload: str) -> None:
        if channel == CHANNEL:
            told.set()

    async def nothing() -> None:
        return

    listener = Listener(database_dsn, [CHANNEL], heard, nothing)
    listener.start()
    try:
        await asyncio.wait_for(listener.listening.wait(), 60)
        await stores.database.execute(change)
        await asyncio.wait_for(told.wait(), 60)
    finally:
        await listener.stop()

    assert app.app_id == "app-1"


async def test_the_demo_registers_complete_entries(stores: Stores) -> None:
    registry = DemoRegistry("an invented secret of 32 letters", console_password="unused")

    for _ in range(2):  # a second start finds them
        await fill_registry(stores.access, registry, guide_sample="yes")

    records = RecordStore(stores.database, stores.contacts)
    listing = Listing(order="standing", direction="asc", limit=1, offset=0)
    for kind, code in ((INSTITUTIONS, ORG_CODE), (APPLICATIONS, EHCAPPID), (TERMINALS, TERM_ID),
                       (MODULES, "9901A0001CRPA0001")):  # fmt: skip
        (record,), _ = await records.page(kind, Search(text=code), listing)
        assert faults_of(record.entry, load()) == ()
        assert record.works


async def test_a_contact_person_moved_to_another_application_does_not_open(stores: Stores) -> None:
    sealed = stores.contacts.columns({"use_unit_mail": "a@example.org"}, app_id="a", present={})

    assert stores.contacts.opened(sealed["sealed_contact"], app_id="a")["use_unit_mail"] == (
        "a@example.org"
    )
    with pytest.raises(SealBroken):
        stores.contacts.opened(sealed["sealed_contact"], app_id="b")


@pytest.mark.parametrize(
    "change",
    [
        "update register_history set reason = 'other'",
        "update register_history set after = '{}', sealed_contact = sealed_contact",
        "update register_history set sealed_contact = null",
        "delete from register_history",
    ],
)
async def test_history_is_not_rewritten_though_it_can_be_sealed_anew(
    stores: Stores, change: str
) -> None:
    await stores.database.execute(
        "insert into register_history (register, record_id, revision, at, act, actor_kind,"
        " actor_id, sealed_contact) values ('application', 1, 1, now(), 'x', 'user', 'x', '\\x01')"
    )
    await stores.database.execute("update register_history set sealed_contact = '\\x02'")

    with pytest.raises(Exception, match="42501"):
        await stores.database.execute(change)


@pytest.mark.parametrize("name", ["console", "openehc"])
async def test_no_application_has_the_name_of_the_platform_itself(
    stores: Stores, app: Application, name: str
) -> None:
    with pytest.raises(StatementRefused):
        await stores.access.save_application(replace(app, app_id=name, ehcappid="E-2"))


@pytest.mark.parametrize("needed", ["needed", "only bound"])
async def test_certificates_limit_an_application_that_needs_one(
    stores: Stores, app: Application, needed: str
) -> None:
    await stores.database.execute(
        "update applications set client_certificates = $1, certificate_needed = $2",
        ["ab" * 32, "cd" * 32], needed == "needed",
    )  # fmt: skip

    (read,) = (await stores.access.registers()).applications

    demanded = {"ab" * 32, "cd" * 32} if needed == "needed" else set()
    assert read.limits.certificates == demanded
    assert replace(read, limits=app.limits) == app


@pytest.mark.parametrize(
    "changed",
    ["client_certificates = '{AB}'", "client_certificates = array[null]",
     "client_certificates = array_fill(repeat('a', 64), array[11])", "certificate_needed = true"],
)  # fmt: skip
async def test_the_database_keeps_no_other_certificates(
    stores: Stores, app: Application, changed: str
) -> None:
    with pytest.raises(StatementRefused):
        await stores.database.execute(f"update applications set {changed}")  # noqa: S608 (our own words)
    assert (await stores.access.registers()).applications == (app,)
