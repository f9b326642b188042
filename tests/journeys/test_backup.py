"""A backup brings everything back: cards, codes that are out, history, photos, records."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from openehc.people.permissions import Role
from openehc.storage.embedded_places import _wheel_folder
from tests.support.client import ALTERINFO, GENERATE, VERIFY
from tests.support.console import Console
from tests.support.messages import Person, alteration, registration, verification
from tests.support.node import RunningNode, StartNode

TABLES = (
    "cards", "card_documents", "card_links", "card_photos", "card_history", "issued_codes",
    "usage_facts", "audit_records", "applications", "institutions", "terminals",
)  # fmt: skip


async def tool(name: str, *arguments: str) -> None:
    """Run one of the client programs that come with the embedded server."""
    program = _wheel_folder() / "pginstall" / "bin" / name
    process = await asyncio.create_subprocess_exec(
        str(program), *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()


async def counts(node: RunningNode) -> dict[str, int]:
    rows = [await node.rows(f"select count(*) as n from {table}") for table in TABLES]  # noqa: S608
    return {table: row[0]["n"] for table, row in zip(TABLES, rows, strict=True)}


def photo() -> str:
    file = io.BytesIO()
    Image.new("RGB", (30, 40), "#5577AA").save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.slow
@pytest.mark.requirement("G1-9.4-13", "G2-B-5.3-43")
async def test_a_node_goes_on_from_its_backup(
    start: StartNode, console: Console, empty_database_dsn: str, database_dsn: str, tmp_path: Path
) -> None:
    node, client = console.node, console.node.client()
    person = Person.invented()
    cards = [{"card_type": "L3", "card_no": "MZ-1"}]
    card: dict[str, Any] = await client.register(
        registration(person, card_list=cards, photo_info=photo())
    )
    wish = {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic"}
    code = (await client.call(GENERATE, wish)).biz["ehealth_code"]
    await client.call(ALTERINFO, alteration(card["ehealth_card_id"], work_unit="虚构单位"))
    operator = await console.as_(Role.PROVINCE_OPERATOR, login="operator")
    await operator.get(f"/api/residents/{card['ehealth_card_id']}")
    before = await counts(node)

    dump = str(tmp_path / "node.dump")
    await tool("pg_dump", "--format=custom", f"--file={dump}", database_dsn)
    await tool("pg_restore", "--no-owner", f"--dbname={empty_database_dsn}", dump)
    restored = await start(dsn=empty_database_dsn)

    assert min(before.values()) > 0
    assert await counts(restored) == before
    verified = (await restored.client().call(VERIFY, verification(code))).biz
    assert (verified["id_no"], verified["work_unit"], verified["card_no"]) == (
        person.id_no, "虚构单位", "MZ-1",
    )  # fmt: skip
    account = await restored.parts.cards.by_document(id_type="01", id_no=person.id_no)
    assert account
    assert await restored.parts.cards.photo(account.ehcid) == base64.b64decode(photo())
