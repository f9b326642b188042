"""The resident's photo: JPGBASE64, at most 512 KB, really a JPEG.

Nothing is stored here.
"""

import base64
import binascii
import io
from typing import Final

from PIL import Image

from openehc.kernel.refusal import Reason, Refusal

PHOTO_LIMIT: Final = 512 * 1024
PIXEL_LIMIT: Final = 4096 * 4096
_BOMBS: Final = (Image.DecompressionBombWarning, Image.DecompressionBombError)


def read_photo(text: str) -> bytes | Refusal:
    """The JPEG file inside a BASE64 text; decodes the whole picture, so call it off the loop."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return _refused("不是BASE64编码")
    if len(raw) > PHOTO_LIMIT:
        return _refused("照片超过512KB")
    try:
        with Image.open(io.BytesIO(raw), formats=["JPEG"]) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                return _refused("照片像素过多")
            picture.load()
    except (OSError, SyntaxError, ValueError, *_BOMBS):
        return _refused("不是完整的JPEG照片")
    return raw


def _refused(problem: str) -> Refusal:
    return Refusal(Reason.FIELDS_WRONG, f"photo_info({problem})")
