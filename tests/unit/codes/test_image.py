"""Pictures of codes: they decode to what went in, at level H, with the emblem in the middle."""

import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from openehc.codes.image import QUIET_MODULES, RED, ImageFormat, draw_code, encode
from openehc.kernel.refusal import Reason, Refusal

STATIC = f"{'0123456789ABCDEF' * 4}:1::9901A0001XXTB0001"
DYNAMIC = f"{'0123456789ABCDEF' * 4}:0:{'FEDCBA9876543210' * 2}:9901A0001XXTB0001"
BITMAPS = [ImageFormat.PNG, ImageFormat.JPG, ImageFormat.BMP]
PILLOW_NAME = {ImageFormat.PNG: "PNG", ImageFormat.JPG: "JPEG", ImageFormat.BMP: "BMP"}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str, image_format: ImageFormat = ImageFormat.PNG, *, size: int = 300) -> bytes:
    raw = draw_code(text, image_format, size=size)
    assert not isinstance(raw, Refusal)
    return raw


def picture(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(raw)).convert("RGB")


def scanned(image: Image.Image) -> Any:
    found = zxingcpp.read_barcodes(image)
    assert len(found) == 1
    return found[0]


@pytest.mark.requirement("G1-9.7.1-1", "G1-9.7.2-9")
@pytest.mark.parametrize("text", [STATIC, DYNAMIC], ids=["static", "dynamic"])
@pytest.mark.parametrize("size", [171, 300, 1200])
@pytest.mark.parametrize("image_format", BITMAPS)
def test_a_picture_decodes_to_exactly_its_text(
    text: str, size: int, image_format: ImageFormat
) -> None:
    assert scanned(picture(drawn(text, image_format, size=size))).text == text


@pytest.mark.requirement("G1-9.7.1-2")
def test_the_symbol_is_a_qr_code() -> None:
    assert scanned(picture(drawn(STATIC))).format == zxingcpp.BarcodeFormat.QRCode


@pytest.mark.requirement("G1-9.7.1-3")
@pytest.mark.parametrize("text", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_the_error_correction_is_level_h(text: str) -> None:
    assert scanned(picture(drawn(text))).ec_level == "H"


@pytest.mark.requirement("G1-9.7.2-9")
@pytest.mark.parametrize("image_format", BITMAPS)
def test_a_picture_is_a_file_of_its_format(image_format: ImageFormat) -> None:
    assert Image.open(io.BytesIO(drawn(STATIC, image_format))).format == PILLOW_NAME[image_format]


@pytest.mark.parametrize("size", [200, 299, 300, 301])
def test_a_picture_has_the_size_that_was_asked_for(size: int) -> None:
    assert picture(drawn(STATIC, size=size)).size == (size, size)


@pytest.mark.requirement("G1-9.7.2-1")
def test_the_emblem_stands_in_the_middle() -> None:
    image = picture(drawn(STATIC))
    reds = [
        (x, y) for x in range(300) for y in range(300) if image.getpixel((x, y)) == (237, 28, 36)
    ]
    middle = [sum(axis) / len(reds) for axis in zip(*reds, strict=True)]

    assert len(reds) > 100
    assert middle == pytest.approx([150, 150], abs=3)


@pytest.mark.requirement("G1-9.7.2-3")
@pytest.mark.parametrize("size", [171, 300])
def test_four_modules_around_the_symbol_are_white(size: int) -> None:
    image = picture(drawn(STATIC, size=size))
    scale = size // encode(STATIC).side
    quiet = QUIET_MODULES * scale
    frame = {
        image.getpixel((x, y))
        for x in range(size)
        for y in range(size)
        if min(x, y, size - 1 - x, size - 1 - y) < quiet
    }

    assert frame == {(255, 255, 255)}


@pytest.mark.requirement("G1-9.7.2-5")
def test_the_symbol_is_pure_black_on_pure_white() -> None:
    image = picture(drawn(STATIC)).convert("L")
    corner = {image.getpixel((x, y)) for x in range(90) for y in range(90)}

    assert corner == {0, 255}


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_picture_is_read_as_well(turn: int) -> None:
    assert scanned(picture(drawn(STATIC)).rotate(turn)).text == STATIC


def test_a_picture_that_would_not_scan_is_refused() -> None:
    refusal = draw_code(STATIC, ImageFormat.PNG, size=encode(STATIC).side * 3 - 1)

    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.FIELDS_WRONG


def test_the_refusal_says_which_size_would_do() -> None:
    refusal = draw_code(STATIC, ImageFormat.PNG, size=10)

    assert isinstance(refusal, Refusal)
    least = int(re.findall(r"\d+", refusal.detail)[0])
    assert drawn(STATIC, size=least)


def test_upper_case_text_keeps_the_symbol_small() -> None:
    assert encode(STATIC).side < encode(STATIC.lower()).side


def test_an_svg_draws_exactly_the_modules_of_the_symbol() -> None:
    root = ET.fromstring(drawn(STATIC, ImageFormat.SVG))  # noqa: S314 (our own)
    path = root.find(f"{SVG}path")
    assert path is not None
    told = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path.attrib["d"])}
    symbol = encode(STATIC)
    black = {
        (place % symbol.side, place // symbol.side)
        for place, value in enumerate(symbol.modules)
        if value == 0
    }

    assert told == black


def test_an_svg_shows_the_emblem_over_the_modules() -> None:
    root = ET.fromstring(drawn(STATIC, ImageFormat.SVG))  # noqa: S314 (our own)
    fills = [element.attrib.get("fill") for element in root]

    assert fills.index(RED) > [element.tag for element in root].index(f"{SVG}path")


def test_an_svg_holds_no_script_and_no_address() -> None:
    text = drawn(STATIC, ImageFormat.SVG).decode()

    assert not re.search(r"<script|href|on\w+=|url\(", text)
