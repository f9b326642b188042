"""Whoever is shown personal data leaves a fact; when it cannot be kept, nothing is shown."""

from typing import Any

import pytest

from openehc.storage.pool import Database
from tests.support.client import (
    ALTERINFO,
    ALTERLINK,
    AUTH_QUERY,
    AUTHURL,
    CLOSE,
    GENERATE,
    QUERYWITHREG,
    REGISTER,
    REGQUERY,
    VERIFY,
    GatewayClient,
)
from tests.support.messages import (
    Person,
    alteration,
    authorisation,
    closing,
    new_number,
    registration,
    verification,
)
from tests.support.node import RunningNode
from tests.support.waiting import until_told

PERSON = Person.invented()
KINDS = "select kind from usage_facts where ehcid = $1 order by at, kind"
NOW_NO_FACT = """
create function refuse_facts() returns trigger language plpgsql as $$
begin raise exception using errcode = '53100', message = 'disk full'; end $$;
create trigger no_fact before insert on usage_facts for each row execute function refuse_facts()
"""


@pytest.fixture(autouse=True)
def fresh(database: Database) -> None:
    """Each test has a database of its own."""
    del database


@pytest.fixture
async def card(node: RunningNode, client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident, a second ago."""
    registered = await client.register(registration(PERSON))
    node.clock.advance(seconds=1)
    return registered


def _asked(method: str, card: dict[str, Any]) -> dict[str, Any]:
    """A request of that method about the card."""
    who = {"ehealth_card_id": card["ehealth_card_id"]}
    link = {"alter_type": "bind", "card_list": [{"card_type": "02", "card_no": "H-1"}]}
    return {
        REGQUERY: {**who, "out_register_no": new_number()},
        QUERYWITHREG: registration(PERSON),
        REGISTER: registration(PERSON),
        GENERATE: {**who, "generate_type": "static"},
        VERIFY: verification(card["ehealth_code"]),
        ALTERINFO: alteration(who["ehealth_card_id"], mobile_phone="19900001111"),
        ALTERLINK: alteration(who["ehealth_card_id"], **link),
        CLOSE: closing(who["ehealth_card_id"]),
    }[method]


@pytest.mark.requirement("G1-9.4-5")
@pytest.mark.parametrize(
    ("method", "kind"),
    [(REGQUERY, "query"), (QUERYWITHREG, "return"), (REGISTER, "return"), (GENERATE, "generate"),
     (VERIFY, "verify"), (ALTERINFO, "change"), (ALTERLINK, "change"), (CLOSE, "change")],
)  # fmt: skip
async def test_each_method_about_a_resident_leaves_one_fact(
    node: RunningNode, client: GatewayClient, card: dict[str, Any], method: str, kind: str
) -> None:
    (await client.call(method, _asked(method, card))).biz  # noqa: B018 (it has to succeed)

    facts = await node.rows(KINDS, bytes.fromhex(card["ehealth_card_id"]))
    assert [fact["kind"] for fact in facts] == ["register", kind]


async def test_whoever_fetches_the_result_of_a_consent_leaves_a_fact(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    body = authorisation()
    link = (await client.call(AUTHURL, body)).biz["ehealth_authurl"]
    form = {"decision": "confirm", "ehealth_code": card["ehealth_code"]}
    await client.http.post(link, data=form)
    node.clock.advance(seconds=1)

    told = (await client.call(AUTH_QUERY, {"out_authorize_no": body["out_authorize_no"]})).biz

    assert told["auth_status"] == "succ"
    facts = await node.rows(KINDS, bytes.fromhex(card["ehealth_card_id"]))
    assert [fact["kind"] for fact in facts] == ["register", "verify", "query"]


@pytest.mark.requirement("G2-B-5.3-23")
@pytest.mark.parametrize("method", [REGQUERY, REGISTER, GENERATE, VERIFY, ALTERINFO, ALTERLINK])
async def test_when_the_fact_cannot_be_kept_nothing_is_shown(
    node: RunningNode, client: GatewayClient, card: dict[str, Any], method: str
) -> None:
    await node.parts.database.execute(NOW_NO_FACT)

    refused = await client.call(method, _asked(method, card))

    assert refused.code == "8007"
    assert "biz_content" not in refused.sent


async def test_a_table_that_is_away_refuses_and_heals(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    database = node.parts.database
    await database.execute("alter table usage_facts rename to usage_facts_away")
    refused = await client.call(VERIFY, verification(card["ehealth_code"]))
    await database.execute("alter table usage_facts_away rename to usage_facts")

    async def served() -> bool:
        again = await client.call(VERIFY, verification(card["ehealth_code"]))
        return again.code == "0000"

    assert refused.code == "8007"
    await until_told(served)
