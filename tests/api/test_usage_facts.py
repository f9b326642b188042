"""What is kept of every use: the dimensions of the statistics, and nothing personal."""

import asyncio
from typing import Any

import pytest

from openehc.access.model import Application, Terminal
from openehc.wiring.demo import APP_ID, ORG_CODE, TERM_ID
from tests.support.client import GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode

FACTS = """
select kind, result, app_id, term_id, app_channel, medium, code_tag, sex, birth_year, id_type,
       treatment_code, office_code, operator_id, day::text, first_of_day
  from usage_facts_full where ehcid = $1 order by at, kind
"""


async def _facts(node: RunningNode, card: dict[str, Any]) -> list[dict[str, Any]]:
    return await node.rows(FACTS, bytes.fromhex(card["ehealth_card_id"]))


@pytest.mark.requirement("G1-6.4-5")
async def test_a_verification_is_kept_with_the_dimensions_of_the_statistics(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented(sex="2", year=1948)))
    await client.call(VERIFY, verification(card["ehealth_code"], office_code="0300"))

    fact = (await _facts(node, card))[1]

    assert fact == {
        "kind": "verify", "result": "ok", "app_id": APP_ID, "term_id": TERM_ID,
        "app_channel": "601", "medium": "offline", "code_tag": "1", "sex": "2",
        "birth_year": 1948, "id_type": "01", "treatment_code": "010105", "office_code": "0300",
        "operator_id": "001", "day": "2026-03-02", "first_of_day": True,
    }  # fmt: skip


async def test_a_fact_names_the_institution_of_the_terminal(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented()))

    rows = await node.rows(
        """select i.org_code from usage_facts f join institutions i using (institution_id)
            where f.ehcid = $1""",
        bytes.fromhex(card["ehealth_card_id"]),
    )

    assert rows == [{"org_code": ORG_CODE}]


async def test_making_a_code_is_kept_too(node: RunningNode, client: GatewayClient) -> None:
    card = await client.register(registration(Person.invented()))
    wish = {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic"}
    await client.call(GENERATE, wish)

    kinds = [(fact["kind"], fact["code_tag"]) for fact in await _facts(node, card)]

    assert sorted(kinds) == [("generate", "0"), ("register", None)]


async def test_a_refused_verification_is_kept_with_its_reason(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented(), apply_method="4"))
    code = f"{card['ehealth_card_id']}:1::9901A0001XXTB0001"
    await client.call(VERIFY, verification(code))

    fact = (await _facts(node, card))[1]

    assert (fact["result"], fact["first_of_day"]) == ("card_not_active", False)


async def test_a_verification_of_what_is_no_code_is_kept_too(
    node: RunningNode, client: GatewayClient
) -> None:
    statement = "select count(*) from usage_facts where result = 'code_malformed'"
    before = (await node.rows(statement))[0]["count"]

    await client.call(VERIFY, verification("no code"))

    assert (await node.rows(statement))[0]["count"] == before + 1


@pytest.mark.parametrize(
    ("apply_method", "kind"), [("1", "register"), ("2", "register"), ("4", "prepare")]
)
async def test_a_new_card_is_counted_by_how_it_was_made(
    node: RunningNode, client: GatewayClient, apply_method: str, kind: str
) -> None:
    card = await client.register(registration(Person.invented(), apply_method=apply_method))

    assert [fact["kind"] for fact in await _facts(node, card)] == [kind]


async def test_an_application_in_the_residents_hand_counts_as_online(
    node: RunningNode, client: GatewayClient
) -> None:
    known = node.parts.registry.application(APP_ID)
    assert known
    await node.parts.access.save_application(
        Application(
            app_id="resident-app", secret="an invented secret of an app",
            institution_id=known.institution_id, app_name="居民端", app_channel="101",
            ehcappid="9901A0001APPB0001", grants=frozenset({REGISTER}),
        )
    )  # fmt: skip
    await node.registry_knows(lambda: node.parts.registry.caller("resident-app") is not None)
    app = client.acting_as(app_id="resident-app", secret="an invented secret of an app")

    card = await app.register(registration(Person.invented()))

    fact = (await _facts(node, card))[0]
    assert (fact["medium"], fact["app_channel"]) == ("online", "101")


async def _firsts(node: RunningNode, card: dict[str, Any]) -> list[tuple[str, bool]]:
    rows = await node.rows(
        """select day::text, first_of_day from usage_facts
            where ehcid = $1 and kind = 'verify' order by at, first_of_day desc""",
        bytes.fromhex(card["ehealth_card_id"]),
    )
    return [(row["day"], row["first_of_day"]) for row in rows]


async def test_only_the_first_use_of_a_day_is_the_first(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented()))
    for _ in range(3):
        await client.call(VERIFY, verification(card["ehealth_code"]))
        node.clock.advance(seconds=60)

    assert [first for _, first in await _firsts(node, card)] == [True, False, False]


async def test_a_new_day_begins_at_midnight_in_china(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented()))
    node.clock.moment = node.clock.moment.replace(hour=15, minute=59, second=59)
    await client.call(VERIFY, verification(card["ehealth_code"]))
    node.clock.advance(seconds=1)
    await client.call(VERIFY, verification(card["ehealth_code"]))

    assert await _firsts(node, card) == [("2026-03-02", True), ("2026-03-03", True)]


async def test_twenty_uses_at_the_same_moment_have_one_first(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented()))

    replies = await client.all_at_once(
        VERIFY, [verification(card["ehealth_code"]) for _ in range(20)]
    )

    assert {reply.code for reply in replies} == {"0000"}
    assert sum(first for _, first in await _firsts(node, card)) == 1


async def test_at_another_institution_the_first_use_counts_again(
    node: RunningNode, client: GatewayClient
) -> None:
    card = await client.register(registration(Person.invented()))
    other = await node.parts.access.save_institution(
        org_code="99019902000000000A1001", org_name="示例第二医院"
    )
    await node.parts.access.save_terminal(Terminal("OTHER-1", other, "窗口"))
    await node.registry_knows(lambda: "OTHER-1" in node.parts.registry._terminals)

    both = (client, client.acting_as(term_id="OTHER-1"))
    await asyncio.gather(
        *[each.call(VERIFY, verification(card["ehealth_code"])) for each in both * 3]
    )

    assert sum(first for _, first in await _firsts(node, card)) == 2
