"""What a code is safe from: reading, changing, carrying, outliving, and being repudiated."""

import base64
import io
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image, ImageEnhance

from openehc.crypto.module.soft import SoftCryptoModule
from openehc.wiring.demo import APP_ID, TERM_ID
from tests.support.client import GATEWAY, GENERATE, VERIFY, GatewayClient
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.messages import Person, new_number, registration, verification
from tests.support.node import RunningNode, StartNode
from tests.support.timing import clocked, quickest

FORM = re.compile(r"[0-9A-F]{64}:(1:|0:[0-9A-F]{32}):[0-9A-Z]{17}")


@pytest.fixture
def person() -> Person:
    return Person.invented()


@pytest.fixture
async def card(client: GatewayClient, person: Person) -> dict[str, Any]:
    return await client.register(registration(person))


async def dynamic(client: GatewayClient, card: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The reply to a wish for a dynamic code."""
    wish = {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic", **more}
    return (await client.call(GENERATE, wish)).biz


# ---------------------------------------------------------------- what is in it


@pytest.mark.requirement("G1-9.7.4-2")
async def test_a_code_tells_nothing_without_the_keys(
    client: GatewayClient, node: RunningNode, person: Person, card: dict[str, Any]
) -> None:
    text = (await dynamic(client, card))["ehealth_code"]
    ehcid = bytes.fromhex(text[:64])

    for clear in (person.id_no, person.user_name, person.mobile_phone):
        assert clear not in text
        assert clear.encode() not in ehcid
    opened = await node.parts.module.open_ehcid(ehcid, card["mindex_id"])
    others = await SoftCryptoModule(OTHER_KEYS).open_ehcid(ehcid, card["mindex_id"])
    assert opened
    assert opened.id_no == person.id_no
    assert others is None or others.id_no != person.id_no


@pytest.mark.requirement("G1-9.7.4-3")
@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/x",
        "javascript:alert(1)",
        "'; drop table cards; --",
        "%0d%0aSet-Cookie: x",
    ],
)
async def test_nothing_that_a_client_sends_gets_into_a_code(
    client: GatewayClient, text: str
) -> None:
    person = Person.invented()
    card = await client.register(
        registration(person, address=text, work_unit=text, user_tags=[text])
    )

    issued = await dynamic(client, card, treatment_code="010105")

    assert FORM.fullmatch(card["ehealth_code"])
    assert FORM.fullmatch(issued["ehealth_code"])


@pytest.mark.requirement("G1-9.7.4-3", "G1-9.7.4-5", "G1-9.8-1")
async def test_a_code_with_any_sign_replaced_identifies_nobody(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    text = (await dynamic(client, card))["ehealth_code"]
    assert (await client.call(VERIFY, verification(text))).code == "0000"

    spoilt = [
        text[:place] + ("1" if sign == "0" else "0") + text[place + 1 :]
        for place, sign in enumerate(text)
    ]
    replies = [await client.call(VERIFY, verification(one)) for one in spoilt]

    assert {reply.code for reply in replies} <= {"2001", "2002", "2003", "2004", "3001", "9005"}


@pytest.mark.requirement("G1-9.7.4-5")
async def test_the_validity_of_one_code_does_not_serve_another_person(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    mine = (await dynamic(client, card))["ehealth_code"].split(":")
    other = await client.register(registration(Person.invented()))

    stolen = ":".join([other["ehealth_card_id"], *mine[1:]])

    assert (await client.call(VERIFY, verification(stolen))).code == "2002"


@pytest.mark.requirement("G1-9.8-2")
@pytest.mark.parametrize(
    "text",
    ["https://example.org/install.apk", "<script>alert(1)</script>", "' or 1=1 --", "\x1b[2J",
     "$(reboot)", "${jndi:ldap://x}", "../../etc/passwd", "A" * 256, "WIFI:S:x;T:WPA;P:y;;"],
)  # fmt: skip
async def test_what_is_not_a_code_is_recognised_and_goes_no_further(
    client: GatewayClient, node: RunningNode, text: str
) -> None:
    before = await node.rows("select count(*) as n from usage_facts where ehcid is not null")

    reply = await client.call(VERIFY, verification(text))

    assert reply.code in {"2002", "9001"}
    assert text not in reply.message
    after = await node.rows("select count(*) as n from usage_facts where ehcid is not null")
    assert after == before


# ---------------------------------------------------------------- how long it lives


@pytest.mark.requirement("G1-9.7.4-4")
async def test_risk_control_shortens_the_life_of_dynamic_codes(start: StartNode) -> None:
    node = await start(longest_life=timedelta(seconds=30))
    client = node.client()
    card = await client.register(registration(Person.invented()))

    issued = await dynamic(client, card, time_expire=300)

    assert issued["expire_time"] == "20260302083030"
    node.clock.advance(seconds=31)
    assert (await client.call(VERIFY, verification(issued["ehealth_code"]))).code == "2001"


# ---------------------------------------------------------------- who had it


@pytest.mark.requirement("G1-9.7-1")
async def test_who_makes_or_reads_a_code_is_one_registered_party(
    client: GatewayClient, node: RunningNode, card: dict[str, Any]
) -> None:
    code = (await dynamic(client, card))["ehealth_code"]
    await client.call(VERIFY, verification(code))

    facts = await node.rows(
        "select kind, app_id, term_id from usage_facts_full where ehcid = $1"
        " and kind in ('generate', 'verify') order by kind",
        bytes.fromhex(card["ehealth_card_id"]),
    )
    assert facts == [
        {"kind": kind, "app_id": APP_ID, "term_id": TERM_ID} for kind in ("generate", "verify")
    ]
    wish = {"ehealth_card_id": card["ehealth_card_id"]}
    for stranger in (client.acting_as(app_id="nobody"), client.acting_as(term_id="nowhere")):
        assert (await stranger.call(GENERATE, wish)).code in {"1008", "1009"}
        assert (await stranger.call(VERIFY, verification(code))).code in {"1008", "1009"}
    parties = await node.rows(
        "select count(*) as n, count(distinct app_id) as apps from applications"
    )
    assert parties[0]["n"] == parties[0]["apps"]


@pytest.mark.requirement("G1-9.7-4", "G1-9.7.4-7")
async def test_a_code_travels_sealed_and_both_ends_keep_evidence(
    client: GatewayClient, node: RunningNode, person: Person, card: dict[str, Any]
) -> None:
    number = new_number("gen")
    request = client.sealed(
        GENERATE,
        {"ehealth_card_id": card["ehealth_card_id"], "generate_type": "dynamic",
         "out_generate_no": number},
    )  # fmt: skip
    reply = await client.send(request)

    sent = repr(request) + reply.raw.decode()
    for secret in (card["ehealth_card_id"], reply.biz["ehealth_code"], person.id_no):
        assert secret not in sent
    assert reply.authentic  # the platform's digest: it sent this, to this request
    assert reply.biz["out_generate_no"] == number
    facts = await node.rows(
        "select result from usage_facts where kind = 'generate' and ehcid = $1",
        bytes.fromhex(card["ehealth_card_id"]),
    )
    assert facts == [{"result": "ok"}]  # and keeps that it did
    again = client.sealed(GENERATE, {"ehealth_card_id": card["ehealth_card_id"],
                                     "out_generate_no": number})  # fmt: skip
    assert (await client.send(again)).code == "3002"  # the number names this code for good
    changed = {**request, "biz_content": request["biz_content"][:-2] + "00"}
    assert (await client.send(changed)).code == "9003"


# ---------------------------------------------------------------- on screens and paper


@pytest.mark.requirement("G1-9.7.3-3")
async def test_from_the_wish_to_a_readable_picture_it_takes_less_than_three_seconds(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    async def from_wish_to_reading() -> None:
        issued = await dynamic(client, card, image_format="PNG")
        with Image.open(io.BytesIO(base64.b64decode(issued["image"]))) as picture:
            read = zxingcpp.read_barcodes(picture.convert("L"))
        assert [one.text for one in read] == [issued["ehealth_code"]]

    assert await quickest(lambda: clocked(from_wish_to_reading), within=3) < 3


@pytest.mark.requirement("G1-9.7.2-4")
@pytest.mark.parametrize("medium", ["e-ink", "thermal paper", "projection", "dark screen"])
async def test_a_picture_is_read_from_every_medium(
    client: GatewayClient, card: dict[str, Any], medium: str
) -> None:
    issued = await dynamic(client, card, image_format="PNG")
    with Image.open(io.BytesIO(base64.b64decode(issued["image"]))) as picture:
        shown = picture.convert("RGB")
    shown = {
        "e-ink": lambda: shown.convert("1").convert("L"),
        "thermal paper": lambda: shown.convert("1", dither=Image.Dither.NONE).convert("L"),
        "projection": lambda: ImageEnhance.Contrast(shown).enhance(0.35).convert("L"),
        "dark screen": lambda: ImageEnhance.Brightness(shown).enhance(0.4).convert("L"),
    }[medium]()

    assert [one.text for one in zxingcpp.read_barcodes(shown)] == [issued["ehealth_code"]]


# ---------------------------------------------------------------- what is never shown


@pytest.mark.requirement("G2-B-5.3-40")
@pytest.mark.parametrize(
    "path",
    ["/.git/config", "/src/openehc/__init__.py", "/openehc/gateway/door.py", "/pyproject.toml",
     "/api/docs/assets/../../../pyproject.toml", "/api/docs/assets/..%2f..%2fwiring%2fnode.py",
     "/api/docs/assets/%2e%2e/__init__.py", "/a/..%2f..%2fconsole%2ftexts.py", "/templates/",
     "/plain.css/..%2ftemplates%2flayout.html"],
)  # fmt: skip
async def test_no_path_leads_to_source_code(node: RunningNode, path: str) -> None:
    answer = await node.http.get(path)

    assert answer.status_code in {303, 307, 404}
    for sign in ("import ", "def ", "openehc.", "{%", "[tool."):
        assert sign not in answer.text


@pytest.mark.requirement("G2-B-5.3-40")
async def test_an_error_shows_no_source_code(client: GatewayClient, node: RunningNode) -> None:
    await node.parts.database.execute("alter table cards rename to cards_away")
    try:
        reply = await client.call(VERIFY, verification(f"{'0' * 64}:1::9901A0001XXTB0001"))
        answer = await node.http.post(GATEWAY, content=b"\xff\x00")
    finally:
        await node.parts.database.execute("alter table cards_away rename to cards")

    assert reply.code in {"8005", "8007", "8009"}
    for text in (reply.raw.decode(), answer.text):
        assert "Traceback" not in text
        assert ".py" not in text


@pytest.mark.requirement("G2-B-5.3-41")
@pytest.mark.parametrize("path", ["/", "/a/unknown-token", "/api/openapi.json"])
async def test_pages_allow_no_foreign_script_and_no_frame(node: RunningNode, path: str) -> None:
    answer: httpx.Response = await node.http.get(path)

    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    scripts = [part for part in policy.split(";") if part.strip().startswith("script-src")]
    assert not any("unsafe" in part or "http" in part for part in scripts)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text


# ---------------------------------------------------------------- what is kept


@pytest.mark.requirement("G2-B-5.3-45")
async def test_personal_data_that_no_business_needs_are_not_kept(
    client: GatewayClient, node: RunningNode, person: Person
) -> None:
    unasked = {"religion": "无所需", "income": "88888", "blood_type": "稀有型", "location": "119.3"}

    card = await client.register(registration(person, **unasked))

    account = await node.parts.cards.by_ehcid(bytes.fromhex(card["ehealth_card_id"]))
    assert account
    for name, value in unasked.items():
        assert name not in repr(account)
        assert value not in repr(account)
