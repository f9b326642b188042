"""Consent at a kiosk: the link, the resident's page, and what the kiosk learns."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from openehc.access.model import Application
from openehc.kernel.clock import SetClock
from openehc.wiring.demo import APP_ID
from tests.support.client import AUTH_QUERY, AUTHURL, GatewayClient
from tests.support.messages import Person, authorisation, registration
from tests.support.node import RunningNode

SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Kiosk:
    """A kiosk that asked for consent, and the phone that opened its link."""

    def __init__(self, client: GatewayClient, link: str, number: str) -> None:
        self._client = client
        self.link = link
        self.path = urlsplit(link).path
        self.number = number

    async def poll(self) -> dict[str, Any]:
        return (await self._client.call(AUTH_QUERY, {"out_authorize_no": self.number})).biz

    async def page(self) -> httpx.Response:
        return await self._client.http.get(self.path)

    async def answer(self, decision: str, code: str = "") -> httpx.Response:
        form = {"decision": decision, "ehealth_code": code}
        return await self._client.http.post(self.path, data=form)


@pytest.fixture
async def kiosk(client: GatewayClient) -> Kiosk:
    body = authorisation()
    link = (await client.call(AUTHURL, body)).biz["ehealth_authurl"]
    return Kiosk(client, link, body["out_authorize_no"])


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident."""
    return await client.register(registration(Person.invented()))


@pytest.mark.requirement("H-7-4")
async def test_the_link_fits_into_its_field(kiosk: Kiosk) -> None:
    assert kiosk.link.startswith("http://127.0.0.1:8080/a/")
    assert len(kiosk.link) <= 128


async def test_before_the_resident_decides_the_kiosk_waits(kiosk: Kiosk) -> None:
    assert await kiosk.poll() == {"auth_status": "ing"}


@pytest.mark.requirement("H-2.2-1", "H-7-4", "H-7-5")
async def test_after_consent_the_kiosk_learns_who_it_is(kiosk: Kiosk, card: dict[str, Any]) -> None:
    await kiosk.answer("confirm", card["ehealth_code"])

    told = await kiosk.poll()

    assert (told["auth_status"], told["id_no"], told["mobile_phone"]) == (
        "succ", card["id_no"], card["mobile_phone"],
    )  # fmt: skip


async def test_after_consent_the_browser_is_sent_to_a_page_without_a_form(
    kiosk: Kiosk, card: dict[str, Any]
) -> None:
    sent = await kiosk.answer("confirm", card["ehealth_code"])

    assert (sent.status_code, sent.headers["location"]) == (303, kiosk.path)
    assert "<form" not in (await kiosk.page()).text


@pytest.mark.requirement("H-7-5")
async def test_after_a_no_the_kiosk_learns_nothing_but_that(kiosk: Kiosk) -> None:
    await kiosk.answer("cancel")

    assert await kiosk.poll() == {"auth_status": "cancel"}


@pytest.mark.requirement("H-7-5")
async def test_after_sixty_seconds_the_kiosk_learns_that_it_failed(
    kiosk: Kiosk, clock: SetClock
) -> None:
    clock.advance(seconds=61)

    assert await kiosk.poll() == {"auth_status": "fail"}


async def test_after_sixty_seconds_consent_comes_too_late(
    kiosk: Kiosk, card: dict[str, Any], clock: SetClock
) -> None:
    clock.advance(seconds=61)

    page = await kiosk.answer("confirm", card["ehealth_code"])

    assert "授权已过期" in page.text
    assert (await kiosk.poll())["auth_status"] == "fail"


async def test_a_link_works_once(kiosk: Kiosk, card: dict[str, Any]) -> None:
    await kiosk.answer("cancel")

    await kiosk.answer("confirm", card["ehealth_code"])

    assert await kiosk.poll() == {"auth_status": "cancel"}


async def test_a_result_is_not_shown_for_ever(
    client: GatewayClient, kiosk: Kiosk, card: dict[str, Any], clock: SetClock
) -> None:
    await kiosk.answer("confirm", card["ehealth_code"])
    clock.advance(seconds=60 + 600 + 1)

    reply = await client.call(AUTH_QUERY, {"out_authorize_no": kiosk.number})

    assert reply.code == "3001"


async def test_a_wrong_code_leaves_the_question_open(kiosk: Kiosk, card: dict[str, Any]) -> None:
    page = await kiosk.answer("confirm", "no code at all")
    assert (page.status_code, "<form" in page.text, 'role="alert"' in page.text) == (
        422, True, True,
    )  # fmt: skip

    await kiosk.answer("confirm", card["ehealth_code"])

    assert (await kiosk.poll())["auth_status"] == "succ"


async def test_one_application_cannot_read_the_result_of_another(
    node: RunningNode, client: GatewayClient, kiosk: Kiosk
) -> None:
    found = node.parts.registry.application(APP_ID)
    assert found
    await node.parts.access.save_application(
        Application(
            app_id="other-app", secret="another invented secret", institution_id=1,
            app_name="其他", app_channel="601", ehcappid="9901A0001XXTB0003",
            grants=frozenset({AUTH_QUERY}),
        )
    )  # fmt: skip
    await node.registry_knows(lambda: node.parts.registry.caller("other-app") is not None)
    other = client.acting_as(app_id="other-app", secret="another invented secret")

    reply = await other.call(AUTH_QUERY, {"out_authorize_no": kiosk.number})

    assert reply.code == "3001"


@pytest.mark.parametrize("path", ["/a/NOSUCHTOKEN", "/a/%00", "/a/'%20or%20'1'='1"])
async def test_an_invented_link_shows_nothing(client: GatewayClient, path: str) -> None:
    page = await client.http.get(path)

    assert (page.status_code, "授权链接无效" in page.text) == (404, True)


async def test_the_page_is_never_cached_framed_or_referred_to(kiosk: Kiosk) -> None:
    headers = (await kiosk.page()).headers

    assert {name: headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.requirement("G2-B-5.3-39")
async def test_the_page_shows_a_name_with_markup_as_text(node: RunningNode, kiosk: Kiosk) -> None:
    await node.parts.access.save_institution(
        org_code="99019901000000000A1001", org_name="<script>alert(1)</script>"
    )
    await node.registry_knows(
        lambda: any("<" in row.org_name for row in node.parts.registry._institutions.values())
    )

    text = (await kiosk.page()).text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text


async def test_the_page_tells_who_asks_and_for_what(kiosk: Kiosk) -> None:
    text = (await kiosk.page()).text

    assert "预约挂号" in text
    assert "60 秒" in text


async def test_the_page_does_not_repeat_what_was_typed(kiosk: Kiosk) -> None:
    page = await kiosk.answer("confirm", "<b>typed</b>")

    assert "typed" not in page.text


async def test_a_form_that_is_too_long_is_not_read(client: GatewayClient, kiosk: Kiosk) -> None:
    page = await client.http.post(kiosk.path, content=b"ehealth_code=" + b"A" * 5000)

    assert page.status_code == 413


async def test_a_kiosk_cannot_ask_twice_under_one_number(client: GatewayClient) -> None:
    body = authorisation()
    await client.call(AUTHURL, body)

    assert (await client.call(AUTHURL, body)).code == "3002"


async def test_the_database_holds_no_usable_link(node: RunningNode, kiosk: Kiosk) -> None:
    token = kiosk.path.removeprefix("/a/")
    rows = await node.rows("select a::text as row from authorisations a")

    assert not any(token in row["row"] or token.encode().hex() in row["row"] for row in rows)
