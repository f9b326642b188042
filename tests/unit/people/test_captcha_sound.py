"""The digits of a captcha to be heard: ten recordings that nobody takes for each other."""

import wave
from io import BytesIO
from itertools import combinations
from math import cos, log, pi, sqrt
from pathlib import Path

import pytest

from openehc.people import captcha
from openehc.people.captcha import Language, _sound, _speaker

DIGITS = "0123456789"
VOICES = Path(captcha.__file__).with_name("voices")
RATE = 8_000
PITCHES = (250, 400, 600, 850, 1150, 1500, 1900, 2350, 2850, 3400)
SLICES = 6


def samples(file: Path | BytesIO) -> bytes:
    """The samples of a recording in the one form that is spoken of here."""
    with wave.open(str(file) if isinstance(file, Path) else file) as recording:
        told = (recording.getframerate(), recording.getsampwidth(), recording.getnchannels())
        assert told == (RATE, 1, 1)
        return bytes(recording.readframes(recording.getnframes()))


def loudness(part: bytes, pitch: int) -> float:
    """How much of a pitch is in it (Goertzel)."""
    turn, before, last = 2 * cos(2 * pi * pitch / RATE), 0.0, 0.0
    for sample in part:
        before, last = last, sample - 128 + turn * last - before
    return before * before + last * last - turn * before * last


def colour(file: Path) -> list[float]:
    """Which pitches are loud, slice by slice, whatever the volume."""
    heard = samples(file)
    size = len(heard) // SLICES
    found: list[float] = []
    for at in range(SLICES):
        part = heard[at * size : (at + 1) * size]
        levels = [log(loudness(part, pitch) / size + 1.0) for pitch in PITCHES]
        middle = sum(levels) / len(levels)
        found += [level - middle for level in levels]
    return found


@pytest.mark.parametrize("digit", DIGITS)
def test_each_digit_is_spoken_for_a_moment_and_loud_enough(digit: str) -> None:
    heard = samples(VOICES / "zh" / digit / "cmn.wav")

    assert 0.2 < len(heard) / RATE < 0.7
    assert max(heard) > 200 or min(heard) < 56


def test_no_two_digits_sound_alike() -> None:
    colours = {digit: colour(VOICES / "zh" / digit / "cmn.wav") for digit in DIGITS}

    apart = {
        pair: sqrt(sum((a - b) ** 2 for a, b in zip(*map(colours.get, pair), strict=True)))
        for pair in combinations(DIGITS, 2)
    }

    nearest = min(apart, key=lambda pair: apart[pair])
    assert apart[nearest] > 13.0, nearest  # 一 and 七: 10.5


def test_a_captcha_is_spoken_with_these_recordings_and_noise_of_them() -> None:
    speaker = _speaker(Language.CHINESE)

    assert sorted(speaker.choices) == list(DIGITS)
    assert len(_speaker(Language.ENGLISH).choices) > len(DIGITS)


@pytest.mark.parametrize("language", Language)
def test_what_is_heard_is_longer_than_its_digits_and_never_the_same(language: Language) -> None:
    spoken = sum(len(samples(VOICES / "zh" / digit / "cmn.wav")) for digit in "40972")

    first, second = (samples(BytesIO(_sound("40972", language))) for _ in range(2))

    assert len(first) > spoken + 5 * RATE
    assert first != second
