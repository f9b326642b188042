"""Usage facts are audit records: whoever saw a resident's data stands in a chain."""

from typing import Any

import pytest

from openehc.audit.checkpoint import KEY_NAME, signing_key
from openehc.audit.findings import Report
from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import VerifyTrail
from openehc.crypto.keyfile import open_key_file
from openehc.storage.pool import Database
from openehc.wiring.audit_key import SOURCES
from tests.support.client import ALTERINFO, GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.messages import Person, alteration, new_number, registration, verification
from tests.support.node import RunningNode

CARD_LIST = [{"card_type": "02", "card_no": "H-1"}]


async def check(node: RunningNode) -> Report:
    """What `ehc audit verify` finds."""
    keys = open_key_file(node.parts.settings.key_file, "an invented passphrase")
    public = signing_key(keys.local[KEY_NAME]).public.raw
    return await VerifyTrail(VerifyStore(node.parts.database), SOURCES, [public])()


async def forge(node: RunningNode, statement: str) -> None:
    """What whoever owns the database can do: triggers do not stop them."""
    async with node.parts.database.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(statement)


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own: what one forges another must not find."""
    del database


@pytest.fixture
async def used(client: GatewayClient) -> dict[str, Any]:
    """A card that was registered and verified four times, one time after the other."""
    card = await client.register(registration(Person.invented()))
    for _ in range(4):
        assert (await client.call(VERIFY, verification(card["ehealth_code"]))).code == "0000"
    return card


@pytest.mark.requirement("G1-9.4-5")
async def test_every_way_of_using_a_card_leaves_a_link(
    node: RunningNode, client: GatewayClient
) -> None:
    body = registration(Person.invented())
    card = await client.register(body)
    await client.call(REGISTER, {**body, "out_register_no": new_number("reg")})
    await client.register(registration(Person.invented(), card_list=CARD_LIST))
    await client.call(GENERATE, {"ehealth_card_id": card["ehealth_card_id"],
                                 "generate_type": "dynamic"})  # fmt: skip
    await client.call(ALTERINFO, alteration(card["ehealth_card_id"], mobile_phone="19900001111"))
    await client.all_at_once(VERIFY, [verification(card["ehealth_code"]) for _ in range(40)])
    await client.call(VERIFY, verification("no code at all"))

    report = await check(node)

    facts = await node.rows("select count(*) from usage_facts")
    assert report.sound
    assert report.records["usage_facts"] == facts[0]["count"] >= 45
    assert await node.rows("select from usage_facts where hash is null") == []


async def test_a_repeated_number_leaves_no_hole(node: RunningNode, client: GatewayClient) -> None:
    card = await client.register(registration(Person.invented()))
    bodies = [verification(card["ehealth_code"]) for _ in range(6)]
    await client.call(VERIFY, bodies[2])

    replies = await client.all_at_once(VERIFY, bodies)
    await client.call(VERIFY, verification(card["ehealth_code"]))

    assert [reply.code for reply in replies].count("3002") == 1
    assert (await check(node)).sound


@pytest.mark.parametrize(
    "change",
    ["result = 'card_unknown'", "kind = 'generate'", "at = at + interval '1 second'",
     "ehcid = sha256(ehcid)", "institution_id = 99", "treatment_code = '999999'",
     "operator_id = '002'", "office_code = '0001'", "code_tag = '2'", "sex = '9'",
     "birth_year = 1900", "id_type = '99'", "hash = sha256(hash)", "day = day + 1"],
)  # fmt: skip
async def test_a_fact_row_changed(node: RunningNode, used: dict[str, Any], change: str) -> None:
    del used
    forged = f"update usage_facts set {change} where kind = 'verify' and seq = 2"  # noqa: S608

    await forge(node, forged)

    findings = (await check(node)).findings
    assert [(finding.table, finding.seq) for finding in findings] in (
        [("usage_facts", 2)],
        [("usage_facts", 3)],
    )


async def test_another_application_put_in_the_place_of_the_one_that_asked(
    node: RunningNode, used: dict[str, Any]
) -> None:
    del used

    await forge(node, "update usage_ways set app_id = 'somebody-else'")

    assert {finding.table for finding in (await check(node)).findings} == {"usage_facts"}


async def test_a_fact_deleted(node: RunningNode, used: dict[str, Any]) -> None:
    del used

    await forge(node, "delete from usage_facts where kind = 'verify' and seq = 2")

    findings = (await check(node)).findings
    assert [(finding.flaw.value, finding.seq) for finding in findings] == [("missing", 3)]


async def test_facts_cut_before_a_checkpoint(node: RunningNode, used: dict[str, Any]) -> None:
    del used
    assert node.parts.checkpoints
    await node.parts.checkpoints()

    await forge(node, "delete from usage_facts where kind = 'verify' and seq > 2")

    findings = (await check(node)).findings
    assert [(finding.flaw.value, finding.seq) for finding in findings] == [("cut", 3)]


async def test_a_fact_put_beside_the_chains(node: RunningNode, used: dict[str, Any]) -> None:
    del used
    assert node.parts.checkpoints
    await node.parts.checkpoints()

    await forge(
        node,
        "alter table usage_facts drop constraint usage_facts_chained;"
        "insert into usage_facts (day, at, kind, result, institution_id, way_id)"
        " select day, at + interval '1 hour', kind, result, institution_id, way_id"
        " from usage_facts limit 1",
    )

    findings = (await check(node)).findings
    assert [finding.flaw.value for finding in findings] == ["unchained"]


@pytest.mark.requirement("G2-B-5.3-24")
@pytest.mark.parametrize(
    "change",
    ["update usage_facts set result = 'ok'", "delete from usage_facts", "truncate usage_facts"],
)
async def test_a_fact_cannot_be_changed_or_deleted(
    node: RunningNode, used: dict[str, Any], change: str
) -> None:
    del used

    with pytest.raises(Exception, match="SQLSTATE 42501"):
        await node.parts.database.execute(change)
