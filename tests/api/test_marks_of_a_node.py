"""A node notes in its data folder how far its chains are, of facts and of acts."""

from pathlib import Path

import pytest

from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import VerifyTrail
from openehc.people.permissions import Role
from openehc.storage.pool import Database
from openehc.wiring.audit_key import MARKS_FOLDER, SOURCES
from tests.support.client import VERIFY, GatewayClient
from tests.support.console import Console
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

CUT = "delete from usage_facts where kind = 'verify' and seq = 3"


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own."""
    del database


def folder_of(node: RunningNode) -> Path:
    return node.parts.settings.data / MARKS_FOLDER


async def used(client: GatewayClient) -> str:
    """A code that was verified three times, one time after the other."""
    code = str((await client.register(registration(Person.invented())))["ehealth_code"])
    for _ in range(3):
        assert (await client.call(VERIFY, verification(code))).code == "0000"
    return code


async def forge(node: RunningNode, statement: str) -> None:
    async with node.parts.database.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(statement)


async def found(node: RunningNode) -> list[tuple[str, str, int]]:
    """What a check finds, with the marks of the node."""
    check = VerifyTrail(VerifyStore(node.parts.database), SOURCES, [], marks=[folder_of(node)])
    return [(one.flaw.value, one.table, one.seq) for one in (await check()).findings]


@pytest.mark.requirement("G2-B-5.3-34")
async def test_facts_cut_off_before_any_checkpoint_came(
    node: RunningNode, client: GatewayClient
) -> None:
    await used(client)
    sound = await found(node)

    await forge(node, CUT)

    assert sound == []
    assert await found(node) == [("end cut", "usage_facts", 3)]


async def test_the_auditor_is_told_of_facts_cut_off(
    node: RunningNode, client: GatewayClient, console: Console
) -> None:
    auditor = await console.as_(Role.AUDIT_ADMIN, login="auditor")
    await used(client)

    await forge(node, CUT)

    told = (await auditor.post("/api/audit/verifications", json={})).json()
    assert [(one["flaw"], one["seq"]) for one in told["findings"]] == [("end cut", 3)]


async def test_marks_that_a_checkpoint_covers_are_folded_while_chains_go_on(
    node: RunningNode, client: GatewayClient
) -> None:
    code = await used(client)
    [given_up] = folder_of(node).iterdir()
    node.parts.marks.close()  # as when the file is full
    await client.call(VERIFY, verification(code))
    both = list(folder_of(node).iterdir())

    assert node.parts.checkpoints
    await node.parts.checkpoints()

    assert (len(both), given_up in both) == (2, True)
    assert [file for file in folder_of(node).iterdir() if file == given_up] == []
    assert await found(node) == []
