"""Photos of residents: JPEG in BASE64, whole, at most 512 KB, sealed at rest."""

import base64
import io
import random

import pytest
from PIL import Image

from openehc.cards.store import photo_row
from tests.support.client import ALTERINFO, REGISTER, GatewayClient
from tests.support.messages import Person, alteration, registration
from tests.support.node import RunningNode

LIMIT = 512 * 1024


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 80), "#5577AA").save(file, "JPEG")
    return file.getvalue()


def _noisy() -> bytes:
    """A JPEG that is mostly picture, little header."""
    file = io.BytesIO()
    noise = random.Random(7).randbytes(120 * 160 * 3)
    Image.frombytes("RGB", (120, 160), noise).save(file, "JPEG")
    return file.getvalue()


def _jpeg_of(size: int) -> bytes:
    """A whole JPEG of exactly `size` bytes: comments fill it up."""
    small = _jpeg()
    missing = size - len(small)
    noise = random.Random(7)
    filling = b""
    while missing:
        step = min(missing, 60_004)
        step -= 4 if 0 < missing - step < 4 else 0
        filling += b"\xff\xfe" + (step - 2).to_bytes(2, "big") + noise.randbytes(step - 4)
        missing -= step
    return small[:2] + filling + small[2:]


def _with_photo(photo: bytes) -> dict[str, object]:
    text = base64.b64encode(photo).decode()
    return registration(Person.invented(), photo_fomat="JPGBASE64", photo_info=text)


async def _stored(node: RunningNode, card_id: str) -> bytes:
    ehcid = bytes.fromhex(card_id)
    rows = await node.rows("select sealed_photo from card_photos where ehcid = $1", ehcid)
    sealer = node.parts.cards._sealer
    return sealer.open(rows[0]["sealed_photo"], row=photo_row(ehcid))


@pytest.mark.parametrize("photo", [_jpeg(), _jpeg_of(LIMIT)], ids=["small", "512 KB"])
async def test_a_photo_is_stored_as_it_was_sent(
    node: RunningNode, client: GatewayClient, photo: bytes
) -> None:
    reply = await client.register(_with_photo(photo))

    assert await _stored(node, reply["ehealth_card_id"]) == photo


async def test_a_new_photo_takes_the_place_of_the_old(
    node: RunningNode, client: GatewayClient
) -> None:
    card_id = (await client.register(_with_photo(_jpeg())))["ehealth_card_id"]
    other = _jpeg_of(5_000)
    change = alteration(card_id, photo_info=base64.b64encode(other).decode())

    assert (await client.call(ALTERINFO, change)).code == "0000"

    assert await _stored(node, card_id) == other


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 80), "#5577AA").save(file, "PNG")
    return file.getvalue()


@pytest.mark.requirement("G2-B-5.3-28")
@pytest.mark.parametrize(
    ("photo", "problem"),
    [
        (_png(), "不是完整的JPEG照片"),
        (_jpeg()[:-200], "不是完整的JPEG照片"),
        (_noisy()[:-200], "不是完整的JPEG照片"),
        (_jpeg_of(LIMIT + 1), "照片超过512KB"),
    ],
    ids=["a PNG", "cut off in its tables", "cut off in the picture", "one byte too large"],
)
async def test_a_photo_that_is_no_good_is_refused(
    client: GatewayClient, photo: bytes, problem: str
) -> None:
    reply = await client.call(REGISTER, _with_photo(photo))

    assert (reply.code, reply.message) == ("9001", f"请求参数有误：photo_info({problem})")


async def test_a_refused_photo_leaves_no_card(client: GatewayClient, node: RunningNode) -> None:
    before = await node.rows("select count(*) from cards")

    await client.call(REGISTER, _with_photo(_png()))

    assert await node.rows("select count(*) from cards") == before
