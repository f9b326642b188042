"""Captchas: five digits to be read or heard, for the sign-ins after a failure (材料二 附录B 5.3).

The answer follows from the captcha's id under a key of the node, so it is stored nowhere;
what is stored is the hash of the id, which counts once and for two minutes. The digits are
spoken in Mandarin (`voices/HOW-MADE.md`), or in the English of the `captcha` package.
"""

import asyncio
import hmac
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, unique
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from captcha.audio import AudioCaptcha
from captcha.image import ImageCaptcha

from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.model import Visit
from openehc.people.ports import KeyedHash
from openehc.people.session_store import Once, SessionStore
from openehc.people.tokens import new_token, token_hash

LIFE: Final = timedelta(minutes=2)
DIGITS: Final = 5
HEARINGS: Final = 3
"""How often one captcha can be heard: making a recording takes 0.2 s."""

KIND: Final = "captcha"
_WIDTH: Final = 200
_HEIGHT: Final = 70
_VOICES: Final = Path(__file__).with_name("voices")


@unique
class Language(StrEnum):
    """What the digits are spoken in."""

    CHINESE = "zh"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class NewCaptcha:
    """A captcha to show: its id and a PNG."""

    captcha_id: str
    picture: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody read or heard."""

    captcha_id: str
    text: str


class Captchas:
    """Makes captchas and judges answers; draws one at a time in each worker."""

    def __init__(self, store: SessionStore, keyed: KeyedHash, entropy: Entropy) -> None:
        self._store = store
        self._keyed = keyed
        self._entropy = entropy
        self._drawing = asyncio.Semaphore(1)

    async def new(self, visit: Visit) -> NewCaptcha | Refusal:
        """A fresh one; refused when too many wait for this address."""
        captcha_id = new_token(self._entropy)
        once = Once(KIND, token_hash(captcha_id), visit.address, visit.now + LIFE, HEARINGS)
        if not await self._store.put(once, now=visit.now):
            return Refusal(
                Reason.TOO_MANY_TRIES, "验证码请求过于频繁，请两分钟后再试。",
                "Too many captchas; try again in two minutes.",
            )  # fmt: skip
        async with self._drawing:
            picture = await asyncio.to_thread(_picture, self._answer(captcha_id))
        return NewCaptcha(captcha_id, picture)

    async def sound(
        self, captcha_id: str, visit: Visit, *, language: Language = Language.CHINESE
    ) -> bytes | Refusal:
        """The same digits as a WAV recording, at most three times."""
        if not await self._store.use(KIND, token_hash(captcha_id), now=visit.now):
            return Refusal(
                Reason.RECORD_UNKNOWN, "验证码已失效，请更换一个。",
                "This captcha is over; take another.",
            )  # fmt: skip
        async with self._drawing:
            return await asyncio.to_thread(_sound, self._answer(captcha_id), language)

    async def solved(self, answer: Answer, visit: Visit) -> bool:
        """Whether the answer is right; right or wrong, the captcha is used up."""
        counted = await self._store.take(
            KIND, token_hash(answer.captcha_id), now=visit.now, address=visit.address
        )
        right = hmac.compare_digest(
            self._answer(answer.captcha_id).encode(), answer.text.strip().encode()
        )
        return counted and right

    def _answer(self, captcha_id: str) -> str:
        number = int.from_bytes(self._keyed(captcha_id), "big")
        return f"{number % 10**DIGITS:0{DIGITS}}"


@cache
def _painter() -> ImageCaptcha:
    return ImageCaptcha(width=_WIDTH, height=_HEIGHT)


@cache
def _speaker(language: Language) -> AudioCaptcha:
    if language is Language.ENGLISH:
        return AudioCaptcha()
    return AudioCaptcha(voicedir=str(_VOICES / language))


def _picture(digits: str) -> bytes:
    file: BytesIO = _painter().generate(digits)
    return file.getvalue()


def _sound(digits: str, language: Language) -> bytes:
    return bytes(_speaker(language).generate(digits))
