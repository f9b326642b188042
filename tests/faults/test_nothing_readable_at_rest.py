"""Who steals the database or the logs learns no name, number, phone, address, card or secret."""

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from openehc.access.kinds import APPLICATIONS
from openehc.console.api.guards import CSRF_HEADER
from openehc.wiring.demo import ORG_CODE
from tests.support.client import ALTERINFO, ALTERLINK, AUTHURL, REGISTER, VERIFY, GatewayClient
from tests.support.entries import APPLICATION, if_match
from tests.support.messages import Person, alteration, authorisation, registration, verification
from tests.support.node import Processes
from tests.support.waiting import until, until_told
from tests.support.workbooks import csv_text

ADDRESS = "示例省示例市不存在路404号"
WORK_UNIT = "虚构第一机械厂"
CARD_NO = "JZK-7719-0042"
NEW_PHONE = "19977778888"


CONTACT = {
    "use_unit_people": "联络样本", "use_unit_phone": "19955550001",
    "use_unit_mail": "contact-one@example.org",
}  # fmt: skip
FAILED_CONTACT = {
    "use_unit_people": "退回样本", "use_unit_phone": "19955550003",
    "use_unit_mail": "contact-three@example.org",
}  # fmt: skip
NEW_CONTACT = {
    "use_unit_people": "接替样本", "use_unit_phone": "19955550002",
    "use_unit_mail": "contact-two@example.org",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stay:
    """What was done at the node, and what nobody may read afterwards."""

    demo: Processes
    secrets: tuple[str, ...]
    known: str

    def readable(self, text: str) -> list[str]:
        """Which secrets stand in `text`, plain or as the hex of their UTF-8 bytes."""
        low = text.lower()
        return [
            secret
            for secret in self.secrets
            if secret.lower() in low or secret.encode().hex() in low
        ]


@pytest.fixture
async def stay(demo: Processes) -> Stay:
    """A registration with everything, its changes, its uses, and refused requests."""
    person, lines = Person.invented(), _lines(demo)
    async with demo.http() as http:
        client = demo.client(http)
        card = await client.register(
            registration(person, address=ADDRESS, work_unit=WORK_UNIT, generate_type="dynamic")
        )
        await _change_and_use(client, card["ehealth_card_id"], card["ehealth_code"])
        await client.call(REGISTER, registration(person.named("冒名样本"), user_sex="2"))
        await client.call(REGISTER, registration(person, mobile_phone=f"{NEW_PHONE}x"))
    await _software_with_contacts(demo)
    await _logged(demo, lines=lines + 8)
    return Stay(
        demo,
        (
            person.id_no, person.user_name, person.mobile_phone, NEW_PHONE, ADDRESS, WORK_UNIT,
            CARD_NO, demo.profile["app_secret"], *CONTACT.values(), *NEW_CONTACT.values(),
            *FAILED_CONTACT.values(), "demo@example.org",
        ),
        card["ehealth_card_id"].lower(),
    )  # fmt: skip


def _lines(demo: Processes) -> int:
    file = demo.data / "logs" / "requests.jsonl"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


async def _logged(demo: Processes, *, lines: int) -> None:
    """Wait for the request log, which is written twice a second."""
    await until(lambda: _lines(demo) >= lines)


async def _change_and_use(client: GatewayClient, card_id: str, code: str) -> None:
    cards = [{"card_type": "L3", "card_no": CARD_NO}]
    await client.call(ALTERLINK, alteration(card_id, alter_type="bind", card_list=cards))
    await client.call(ALTERINFO, alteration(card_id, mobile_phone=NEW_PHONE))
    await client.call(VERIFY, verification(code))
    await client.call(VERIFY, verification(code[:-1]))
    await client.call(AUTHURL, authorisation())


async def _software_with_contacts(demo: Processes) -> None:
    """An application of the demo's institution is handed in, and its contact person replaced."""
    people = {one["login"]: one["password"] for one in demo.profile["console_users"]}
    form = {**APPLICATION, "org_code": ORG_CODE, **CONTACT}
    async with demo.http() as http:
        who = {"login": "province", "password": people["province"]}
        http.headers[CSRF_HEADER] = (await http.post("/api/session", json=who)).json()["csrf"]
        applied = (await http.post("/api/applications", json=form)).json()
        changed = await http.put(
            f"/api/applications/{applied['id']}", json={**form, **NEW_CONTACT},
            headers=if_match(applied["revision"]),
        )  # fmt: skip
        path = f"/api/applications/{applied['id']}/history"
        last = (await http.get(path)).json()[0]
        listed = (await http.get("/api/applications", params={"q": form["app_name"]})).json()
        await _import_that_fails(http, {**form, **FAILED_CONTACT})
    assert {name: changed.json()[name] for name in NEW_CONTACT} == NEW_CONTACT
    assert {name: last["before"][name] for name in CONTACT} == CONTACT
    assert {name: last["after"][name] for name in CONTACT} == NEW_CONTACT
    assert listed["items"][0]["use_unit_phone"] == "199****0002"


async def _import_that_fails(http: httpx.AsyncClient, form: Mapping[str, Any]) -> None:
    """A file whose only row lacks its version comes back with its contact person."""
    row = {**form, "app_category": "01", "app_version": None}
    sent = {"file": ("应用.csv", csv_text(APPLICATIONS, [row]))}
    at = "/api/imports/applications"
    job = (await http.post(at, files=sent, data={"mode": "check"})).json()

    async def ended() -> bool:
        return bool((await http.get(f"{at}/{job['id']}")).json()["state"] == "done")

    await until_told(ended, seconds=60)
    book = (await http.get(f"{at}/{job['id']}/failed")).content
    assert FAILED_CONTACT["use_unit_phone"] in _unpacked(book)


def _unpacked(packed: bytes) -> str:
    """Everything that a workbook holds."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


def _workbooks(dump: str) -> str:
    """What a dump shows to somebody who opens the workbooks in it."""
    packed = re.findall(r"\\\\x(504b0304[0-9a-f]+)", dump)
    return "\n".join(_unpacked(bytes.fromhex(found)) for found in packed)


async def _dump(dsn: str) -> str:
    """Every row of every table as text; bytea prints as hex."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "select oid::regclass::text as name from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
        rows = [
            row["line"]
            for table in tables
            for row in await connection.fetch(
                f"select t::text as line from {table['name']} t"  # noqa: S608 (from the catalogue)
            )
        ]
    finally:
        await connection.close()
    return "\n".join(rows)


@pytest.mark.requirement("G1-9.4-12", "G2-B-5.3-33")
async def test_a_dump_of_the_database_shows_nobody(stay: Stay) -> None:
    dump = await _dump(stay.demo.dsn)

    assert stay.known in dump  # what is looked through is the right database
    assert stay.readable(dump + _workbooks(dump)) == []


@pytest.mark.requirement("G1-9.4-12", "G2-B-5.3-33")
async def test_the_files_of_the_database_show_nobody(stay: Stay) -> None:
    connection = await asyncpg.connect(stay.demo.dsn)
    await connection.execute("checkpoint")
    await connection.close()
    raw = {secret: secret.encode() for secret in stay.secrets}
    cluster = stay.demo.data / "postgres" / "cluster"
    contents = [path.read_bytes() for path in cluster.rglob("*") if path.is_file()]

    found = {name for name, text in raw.items() if any(text in content for content in contents)}

    assert any(bytes.fromhex(stay.known) in content for content in contents)
    assert found == set()


@pytest.mark.requirement("G2-B-5.3-33")
async def test_the_logs_show_nobody(stay: Stay) -> None:
    assert stay.readable(_logs(stay.demo)) == []


@pytest.mark.parametrize("what", ["logs/requests.jsonl", "postgres/postgresql.log"])
async def test_the_logs_hold_something(stay: Stay, what: str) -> None:
    assert (stay.demo.data / what).stat().st_size > 0


def _logs(demo: Processes) -> str:
    files = [*(demo.data / "logs").iterdir(), demo.data / "postgres" / "postgresql.log"]
    texts = [file.read_text("utf-8") for file in files] + [demo.output.read_text("utf-8")]
    return "\n".join(texts)


async def test_a_line_of_the_request_log_holds_exactly_these_columns(stay: Stay) -> None:
    lines = (stay.demo.data / "logs" / "requests.jsonl").read_text("utf-8").splitlines()

    columns = {name for line in lines for name in re.findall(r'"(\w+)":', line)}

    assert columns == {"at", "method", "app_id", "term_id", "ret_code", "ms"}
