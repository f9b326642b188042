"""Verifying codes: what identifies a person, and everything that does not."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from openehc.access.registry import Admission
from openehc.cards.model import Act, Change
from openehc.cards.store import AccountChange
from openehc.codes.model import SupplementPolicy
from openehc.codes.rules import SupplementRules
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.crypto.sm4 import EcbCipher
from openehc.kernel.clock import SetClock
from openehc.wiring.demo import APP_ID, TERM_ID
from tests.support.client import GENERATE, VERIFY, GatewayClient, Reply
from tests.support.crypto_oracle import oracle_valid
from tests.support.messages import Person, registration, verification
from tests.support.node import RunningNode, StartNode

CHANNEL = "9901A0001XXTB0001"


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident."""
    return await client.register(registration(Person.invented()))


async def _dynamic(client: GatewayClient, card: dict[str, Any], seconds: int = 60) -> str:
    wish = {
        "ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic",
        "time_expire": seconds,
    }  # fmt: skip
    return str((await client.call(GENERATE, wish)).biz["ehealth_code"])


async def _verified(client: GatewayClient, code: str, **more: Any) -> Reply:
    return await client.call(VERIFY, verification(code, **more))


@pytest.mark.requirement(
    "G1-4.1.5-1", "G1-5.2.3-1", "G1-5.2.3-4", "G1-5.2.3-5", "G1-6.2-1", "G1-6.2.2-1",
    "G2-A-5.4-7", "G2-B-5.1-28", "H-2.2-2", "H-7-3",
)  # fmt: skip
async def test_a_dynamic_code_identifies_its_holder(client: GatewayClient) -> None:
    person = Person.invented()
    card = await client.register(registration(person))

    found = (await _verified(client, await _dynamic(client, card))).biz

    names = ("id_type", "id_no", "user_name", "user_sex", "mobile_phone")
    assert {name: found[name] for name in names} == {name: getattr(person, name) for name in names}


async def test_a_dynamic_code_works_in_its_last_second(
    client: GatewayClient, card: dict[str, Any], clock: SetClock
) -> None:
    code = await _dynamic(client, card, 90)
    clock.advance(seconds=90)

    assert (await _verified(client, code)).code == "0000"


@pytest.mark.requirement("G1-6.2-3", "G1-6.2.2-4")
async def test_a_dynamic_code_has_expired_one_second_later(
    client: GatewayClient, card: dict[str, Any], clock: SetClock
) -> None:
    code = await _dynamic(client, card, 90)
    clock.advance(seconds=91)

    assert (await _verified(client, code)).code == "2001"


@pytest.mark.requirement("G1-6.2-3")
async def test_a_code_lives_sixty_seconds_unless_told_otherwise(
    client: GatewayClient, card: dict[str, Any], clock: SetClock
) -> None:
    wish = {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic"}
    code = (await client.call(GENERATE, wish)).biz["ehealth_code"]
    clock.advance(seconds=61)

    assert (await _verified(client, code)).code == "2001"


async def test_a_validity_that_was_never_issued_identifies_nobody(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    forged = oracle_valid("20260302083055", protect_key=PUBLIC_TEST_KEYS.protect_key)

    reply = await _verified(client, f"{card['ehealth_card_id']}:0:{forged}:{CHANNEL}")

    assert reply.code == "2002"


async def test_the_validity_of_another_persons_code_is_of_no_use(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    other = await client.register(registration(Person.invented(sex="2")))
    borrowed = (await _dynamic(client, other)).split(":")[2]

    reply = await _verified(client, f"{card['ehealth_card_id']}:0:{borrowed}:{CHANNEL}")

    assert reply.code == "2002"


async def test_a_dynamic_code_under_another_channel_is_refused(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    code = (await _dynamic(client, card)).replace(CHANNEL, "9901A0001APPB0009")

    assert (await _verified(client, code)).code == "2002"


async def test_the_card_id_of_nobody_is_answered_with_no_record(client: GatewayClient) -> None:
    assert (await _verified(client, f"{'A1' * 32}:1::{CHANNEL}")).code == "3001"


IMPOSSIBLE = EcbCipher(PUBLIC_TEST_KEYS.protect_key).encrypt(
    bytes.fromhex("20260230083000" + "00" * 9)
)


@pytest.mark.requirement("G1-5.1.2-2", "G1-5.1.2-3")
@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (f":0::{CHANNEL}", "2003"),
        (f":0:{'0' * 32}:{CHANNEL}", "2004"),
        (f":0:{IMPOSSIBLE.hex()}:{CHANNEL}", "2004"),
        (f":0:ABCDEF:{CHANNEL}", "2004"),
        (f":1:{'0' * 32}:{CHANNEL}", "2002"),
        (f":2::{CHANNEL}", "2002"),
        (":1::", "2002"),
        (":1::NOWHERE", "2002"),
        ("", "2002"),
        (":1", "2002"),
        (f":1::{CHANNEL}:more", "2002"),
        (f"{'0' * 190}", "2002"),
    ],
    ids=[
        "dynamic without VALID", "undecipherable", "30 February", "VALID cut off",
        "static with VALID", "unknown TAG", "no channel", "no channel number", "bare card id",
        "cut off", "five parts", "too long",
    ],
)  # fmt: skip
async def test_a_damaged_code_is_told_by_its_damage(
    client: GatewayClient, card: dict[str, Any], rest: str, code: str
) -> None:
    assert (await _verified(client, card["ehealth_card_id"] + rest)).code == code


@pytest.mark.parametrize(
    "text", ["hello", "https://example.org/?q=1", "：：：", "6217000000000000"]
)
async def test_what_is_no_health_code_at_all_is_refused(client: GatewayClient, text: str) -> None:
    assert (await _verified(client, text)).code == "2002"


def _full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) for sign in text)


@pytest.mark.requirement("G1-6.4-2")
@pytest.mark.parametrize(
    "typed",
    [str.lower, _full_width, lambda code: f" {code} ", lambda code: code.replace("::", ":::")],
    ids=["lower case", "full width", "blanks", "an empty part as older platforms print it"],
)
async def test_a_code_is_read_however_the_scan_gun_types_it(
    client: GatewayClient, card: dict[str, Any], typed: Any
) -> None:
    found = (await _verified(client, typed(card["ehealth_code"]))).biz

    assert found["ehealth_card_id"] == card["ehealth_card_id"]


@pytest.mark.requirement("G1-5.2.3-2", "G1-5.1.2-5")
async def test_a_code_of_another_node_is_refused_with_that_nodes_number(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    foreign = card["ehealth_code"].replace(CHANNEL, "9902B0007XXTB0001")

    reply = await _verified(client, foreign)

    assert reply.code == "9005"
    assert "9902B0007" in reply.message


async def test_a_channel_of_eleven_digits_counts_as_this_nodes_own(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    legacy = card["ehealth_code"].replace(CHANNEL, "99010000001")

    assert (await _verified(client, legacy)).code == "0000"


async def test_a_channel_of_eleven_digits_may_be_mapped_to_another_node(start: StartNode) -> None:
    node = await start(legacy_channels={"99020000001": "9902B0007"})
    client = node.client()
    card = await client.register(registration(Person.invented()))

    reply = await _verified(client, card["ehealth_code"].replace(CHANNEL, "99020000001"))

    assert reply.code == "9005"


# ---------------------------------------------------------------- static codes


async def _with_policy(start: StartNode, policy: SupplementPolicy) -> tuple[GatewayClient, str]:
    node = await start(supplement=SupplementRules(default=policy))
    client = node.client()
    return client, (await client.register(registration(Person.invented())))["ehealth_code"]


async def test_a_static_code_is_enough_where_the_policy_is_off(start: StartNode) -> None:
    client, code = await _with_policy(start, SupplementPolicy.OFF)

    assert "supplement_advice" not in (await _verified(client, code)).biz


@pytest.mark.requirement("G1-5.2.3-3")
async def test_a_static_code_brings_an_advice_where_the_policy_warns(start: StartNode) -> None:
    client, code = await _with_policy(start, SupplementPolicy.WARN)

    assert (await _verified(client, code)).biz["supplement_advice"] == "Y"


async def test_a_dynamic_code_brings_no_advice(client: GatewayClient, card: dict[str, Any]) -> None:
    assert "supplement_advice" not in (await _verified(client, await _dynamic(client, card))).biz


async def test_a_static_code_alone_is_refused_where_more_is_required(start: StartNode) -> None:
    client, code = await _with_policy(start, SupplementPolicy.REQUIRE)

    assert (await _verified(client, code)).code == "9998"


async def test_a_static_code_with_a_checked_document_is_enough(start: StartNode) -> None:
    client, code = await _with_policy(start, SupplementPolicy.REQUIRE)

    assert (await _verified(client, code, supplement_mode="04")).code == "0000"


@pytest.mark.requirement("H-7-10")
async def test_the_policy_may_differ_by_what_the_card_is_used_for(start: StartNode) -> None:
    rules = SupplementRules(
        default=SupplementPolicy.OFF, by_treatment={"010105": SupplementPolicy.REQUIRE}
    )
    client = (await start(supplement=rules)).client()
    code = (await client.register(registration(Person.invented())))["ehealth_code"]

    codes = [
        (await _verified(client, code, treatment_code=treatment)).code
        for treatment in ("010101", "010105")
    ]

    assert codes == ["0000", "9998"]


@pytest.mark.requirement("G1-6.2.2-3")
async def test_a_card_that_opens_to_another_document_identifies_nobody(
    node: RunningNode, client: GatewayClient, card: dict[str, Any]
) -> None:
    before = await node.parts.cards.by_ehcid(bytes.fromhex(card["ehealth_card_id"]))
    assert before
    other = msgspec.structs.replace(before.resident, id_no=Person.invented().id_no)
    act = Act(Change.ALTERED, at=node.clock.now(), platform_serial="0" * 32)
    after = replace(before, resident=other, revision=2)
    admission = node.parts.registry.admit(APP_ID, term_id=TERM_ID, method=VERIFY)
    assert isinstance(admission, Admission)
    await node.parts.cards.change_account(
        AccountChange(before=before, after=after, admission=admission, act=act), serial=None
    )

    assert (await _verified(client, card["ehealth_code"])).code == "2002"


async def test_a_code_made_before_midnight_works_after_it(
    client: GatewayClient, card: dict[str, Any], clock: SetClock
) -> None:
    clock.moment = clock.moment.replace(hour=15, minute=59, second=30)
    code = await _dynamic(client, card, 60)
    clock.moment += timedelta(seconds=45)

    assert (await _verified(client, code)).code == "0000"
