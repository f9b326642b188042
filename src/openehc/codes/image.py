"""Drawing a QR code (材料一 9.7.2, 附录B): level H, upper case, logo in the middle.

Modules are whole pixels and at least 3 wide; the quiet zone of 4 modules is part of
the picture. The card face is not drawn here.
"""

import io
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

import zxingcpp
from PIL import Image, ImageDraw

from openehc.kernel.refusal import Reason, Refusal

SMALLEST_MODULE: Final = 3
QUIET_MODULES: Final = 4
LOGO_SHARE: Final = 44 / 162
"""Side of the logo with its white stroke, as a share of the symbol (附录B 表B.1)."""
STROKE_SHARE: Final = 4 / 44
RADIUS_SHARE: Final = 8 / 44
RED: Final = "#ED1C24"
_BLACK: Final = 0


@unique
class ImageFormat(StrEnum):
    """Output formats (材料一 9.7.2; SVG is ours)."""

    PNG = "PNG"
    JPG = "JPG"
    BMP = "BMP"
    SVG = "SVG"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A symbol with its quiet zone: one byte a module, 0 is black; `side` in modules."""

    side: int
    modules: bytes


def draw_code(text: str, image_format: ImageFormat, *, size: int) -> bytes | Refusal:
    """A picture of at most `size` pixels a side, padded with white to exactly that.

    Refused when `size` leaves less than 3 pixels a module: such a code does not scan.
    """
    drawing = encode(text)
    scale = size // drawing.side
    if scale < SMALLEST_MODULE:
        least = drawing.side * SMALLEST_MODULE
        return Refusal(Reason.FIELDS_WRONG, f"image_size(此二维码至少需要{least}像素)")
    if image_format is ImageFormat.SVG:
        return _svg(drawing, size=size, scale=scale).encode()
    return _bitmap(drawing, image_format, size=size, scale=scale)


def encode(text: str) -> Drawing:
    """The modules of a level H symbol; upper-case text stays in the compact mode."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="H")
    picture = symbol.to_image(scale=1)
    return Drawing(side=picture.shape[0], modules=_bytes_of(picture))


def _bytes_of(picture: Any) -> bytes:  # noqa: ANN401 (a buffer, which its stubs do not say)
    return bytes(memoryview(picture))


def _bitmap(drawing: Drawing, image_format: ImageFormat, *, size: int, scale: int) -> bytes:
    side = drawing.side * scale
    symbol = Image.frombytes("L", (drawing.side, drawing.side), drawing.modules)
    picture = Image.new("RGB", (size, size), "white")
    offset = (size - side) // 2
    picture.paste(symbol.resize((side, side), Image.Resampling.NEAREST), (offset, offset))
    logo = _logo_pixels(drawing, scale)
    corner = (size - logo) // 2
    _draw_logo(ImageDraw.Draw(picture), corner=corner, side=logo)
    file = io.BytesIO()
    kind = "JPEG" if image_format is ImageFormat.JPG else image_format.value
    picture.save(file, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))
    return file.getvalue()


def _logo_pixels(drawing: Drawing, scale: int) -> int:
    return int((drawing.side - 2 * QUIET_MODULES) * scale * LOGO_SHARE)


def _draw_logo(brush: ImageDraw.ImageDraw, *, corner: int, side: int) -> None:
    """A white tile, on it a red one with a white heart: an emblem of our own, nobody else's."""
    radius = side * RADIUS_SHARE
    end = corner + side - 1
    brush.rounded_rectangle((corner, corner, end, end), radius, fill="white")
    stroke = max(round(side * STROKE_SHARE), 1)
    inner, last = corner + stroke, end - stroke
    brush.rounded_rectangle((inner, inner, last, last), radius, fill=RED)
    for circle in _lobes(corner, side):
        brush.ellipse(circle, fill="white")
    brush.polygon(_tip(corner, side), fill="white")


def _lobes(corner: float, side: float) -> tuple[tuple[float, float, float, float], ...]:
    """The two round halves of a heart, as boxes around circles."""
    radius = side * 0.135
    middle, height = corner + side / 2, corner + side * 0.42
    return tuple(
        (x - radius, height - radius, x + radius, height + radius)
        for x in (middle - radius * 0.92, middle + radius * 0.92)
    )


def _tip(corner: float, side: float) -> tuple[tuple[float, float], ...]:
    """The lower part of the heart."""
    middle = corner + side / 2
    return (
        (middle - side * 0.243, corner + side * 0.475),
        (middle, corner + side * 0.40),
        (middle + side * 0.243, corner + side * 0.475),
        (middle, corner + side * 0.76),
    )


def _svg(drawing: Drawing, *, size: int, scale: int) -> str:
    """The same picture in vectors, in module units around the symbol."""
    side = drawing.side
    view = size / scale
    offset = (view - side) / 2
    path = "".join(
        f"M{x} {y}h1v1h-1z"
        for y in range(side)
        for x in range(side)
        if drawing.modules[y * side + x] == _BLACK
    )
    logo = _logo_pixels(drawing, scale) / scale
    corner, stroke = (side - logo) / 2, logo * STROKE_SHARE
    radius = logo * RADIUS_SHARE
    circles = "".join(
        f'<circle cx="{(x0 + x1) / 2:.3f}" cy="{(y0 + y1) / 2:.3f}" r="{(x1 - x0) / 2:.3f}"/>'
        for x0, y0, x1, y1 in _lobes(corner, logo)
    )
    tip = " ".join(f"{x:.3f},{y:.3f}" for x, y in _tip(corner, logo))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" '
        f'viewBox="{-offset:.3f} {-offset:.3f} {view:.3f} {view:.3f}">'
        f'<rect x="{-offset:.3f}" y="{-offset:.3f}" width="{view:.3f}" height="{view:.3f}" '
        f'fill="#fff"/><path d="{path}" shape-rendering="crispEdges"/>'
        f'<rect x="{corner:.3f}" y="{corner:.3f}" width="{logo:.3f}" height="{logo:.3f}" '
        f'rx="{radius:.3f}" fill="#fff"/>'
        f'<rect x="{corner + stroke:.3f}" y="{corner + stroke:.3f}" '
        f'width="{logo - 2 * stroke:.3f}" height="{logo - 2 * stroke:.3f}" rx="{radius:.3f}" '
        f'fill="{RED}"/><g fill="#fff">{circles}<polygon points="{tip}"/></g></svg>'
    )
