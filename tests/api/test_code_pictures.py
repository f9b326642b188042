"""Making codes, and pictures of them that a scanner reads."""

import base64
import io
import re
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from tests.support.client import GENERATE, GatewayClient
from tests.support.messages import Person, new_number, registration


@pytest.fixture
async def card(client: GatewayClient) -> dict[str, Any]:
    """The reply to the registration of an invented resident."""
    return await client.register(registration(Person.invented()))


def _wish(card: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ehealth_card_id": card["ehealth_card_id"], **more}


@pytest.mark.requirement("G1-4.1.4-1", "G1-5.2.2-1", "G1-5.2.2-3", "G2-A-5.4-6", "G2-B-5.1-27")
async def test_a_terminal_gets_a_static_code_for_a_card(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    reply = (await client.call(GENERATE, _wish(card))).biz

    assert (reply["ehealth_code"], reply["generate_type"], reply["expire_time"]) == (
        card["ehealth_code"], "static", "",
    )  # fmt: skip


@pytest.mark.requirement("G1-5.2.2-2", "G1-6.2.1-1")
async def test_a_dynamic_code_says_when_it_ends(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    wish = _wish(card, generate_type="dynamic", time_expire=90)

    reply = (await client.call(GENERATE, wish)).biz

    parts = reply["ehealth_code"].split(":")
    assert re.fullmatch("[0-9A-F]{32}", parts[2])
    assert (parts[1], parts[3], reply["expire_time"]) == (
        "0", "9901A0001XXTB0001", "20260302083130",
    )  # fmt: skip


async def test_a_code_is_made_for_a_document(client: GatewayClient, card: dict[str, Any]) -> None:
    wish = {"id_type": "01", "id_no": card["id_no"], "user_name": card["user_name"]}

    reply = (await client.call(GENERATE, wish)).biz

    assert reply["ehealth_card_id"] == card["ehealth_card_id"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"ehealth_card_id": "AB" * 32}, "3001"),
        ({"ehealth_card_id": "AB"}, "9001"),
        ({}, "9001"),
        ({"ehealth_card_id": "AB" * 32, "time_expire": 301}, "9001"),
        ({"ehealth_card_id": "AB" * 32, "image_format": "GIF"}, "9001"),
    ],
)
async def test_a_code_cannot_be_made_for_nobody(
    client: GatewayClient, wish: dict[str, Any], code: str
) -> None:
    assert (await client.call(GENERATE, wish)).code == code


async def test_a_serial_number_makes_one_code(client: GatewayClient, card: dict[str, Any]) -> None:
    wish = _wish(card, generate_type="dynamic", out_generate_no=new_number("gen"))
    await client.call(GENERATE, wish)

    assert (await client.call(GENERATE, wish)).code == "3002"


def _decoded(raw: bytes) -> list[str]:
    picture = Image.open(io.BytesIO(raw)).convert("L")
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def _rastered(svg: str, *, pixels: int) -> Image.Image:
    """The dark squares of the vector picture, drawn large; the emblem is drawn as white."""
    left, top, width, _ = map(float, re.findall(r'viewBox="([^"]+)"', svg)[0].split())
    scale = pixels / width
    picture = Image.new("L", (pixels, pixels), 255)
    brush = ImageDraw.Draw(picture)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", svg):
        corner = (int(x) - left) * scale, (int(y) - top) * scale
        brush.rectangle((*corner, corner[0] + scale - 1, corner[1] + scale - 1), fill=0)
    x, y, side = map(float, re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', svg)[0])
    box = ((x - left) * scale, (y - top) * scale)
    brush.rectangle((*box, box[0] + side * scale, box[1] + side * scale), fill=255)
    return picture


@pytest.mark.requirement("G1-9.7.2-9")
@pytest.mark.parametrize(("name", "kind"), [("PNG", "PNG"), ("JPG", "JPEG"), ("BMP", "BMP")])
async def test_a_scanner_reads_the_picture(
    client: GatewayClient, card: dict[str, Any], name: str, kind: str
) -> None:
    wish = _wish(card, generate_type="dynamic", image_format=name, image_size=400)
    reply = (await client.call(GENERATE, wish)).biz

    raw = base64.b64decode(reply["image"])

    picture = Image.open(io.BytesIO(raw))
    assert (picture.format, picture.size) == (kind, (400, 400))
    assert _decoded(raw) == [reply["ehealth_code"]]


async def test_a_scanner_reads_the_vector_picture(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    reply = (await client.call(GENERATE, _wish(card, image_format="SVG"))).biz

    picture = _rastered(base64.b64decode(reply["image"]).decode(), pixels=600)

    found = [found.text for found in zxingcpp.read_barcodes(picture)]
    assert found == [reply["ehealth_code"]]


async def test_a_picture_has_the_size_that_was_asked_for(
    client: GatewayClient, card: dict[str, Any]
) -> None:
    reply = (await client.call(GENERATE, _wish(card, image_format="PNG", image_size=200))).biz

    picture = Image.open(io.BytesIO(base64.b64decode(reply["image"])))

    assert picture.size == (200, 200)
