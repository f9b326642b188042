"""Photos: real JPEGs of a bearable size, and nothing else."""

import base64
import io
import struct

import pytest
from PIL import Image

from openehc.cards.photo import PHOTO_LIMIT, read_photo
from openehc.kernel.refusal import Reason, Refusal


def picture(kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 32), "#336699").save(file, kind)
    return file.getvalue()


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def problem_of(text: str) -> str:
    refusal = read_photo(text)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.FIELDS_WRONG
    return refusal.detail


def test_a_jpeg_is_taken() -> None:
    assert read_photo(encoded(picture())) == picture()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_another_format_is_refused(kind: str) -> None:
    assert "JPEG" in problem_of(encoded(picture(kind)))


@pytest.mark.parametrize("text", ["照片", "a", "====", "data:image/jpeg;base64,AAAA"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    assert "BASE64" in problem_of(text)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9], ids=["header", "half", "most"])
def test_a_jpeg_that_was_cut_off_is_refused(kept: float) -> None:
    file = io.BytesIO()
    Image.effect_noise((96, 128), 60).save(file, "JPEG")  # so that most of the file is picture
    raw = file.getvalue()

    assert "JPEG" in problem_of(encoded(raw[: int(len(raw) * kept)]))


def test_a_file_of_exactly_the_limit_is_taken() -> None:
    raw = picture().ljust(PHOTO_LIMIT, b"\0")

    assert read_photo(encoded(raw)) == raw


def test_a_file_over_the_limit_is_refused() -> None:
    assert "512KB" in problem_of(encoded(picture().ljust(PHOTO_LIMIT + 1, b"\0")))


@pytest.mark.parametrize("side", [4097, 20_000])
def test_a_small_file_that_claims_a_huge_picture_is_refused(side: int) -> None:
    raw = picture()
    size = struct.pack(">HH", 32, 24)
    assert raw.count(size) == 1

    assert problem_of(encoded(raw.replace(size, struct.pack(">HH", side, side))))
