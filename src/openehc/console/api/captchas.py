"""Routes of captchas: a picture, and the same digits to be heard."""

import base64

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from openehc.console.api.problems import problem_of
from openehc.console.api.sessions import visit_of
from openehc.kernel.refusal import Refusal
from openehc.people.captcha import LIFE, Language
from openehc.people.use_cases import People


class CaptchaPicture(BaseModel):
    """A captcha: `image` is a data URL of a PNG, `audio` where the same can be heard."""

    captcha_id: str
    image: str
    audio: str
    lives_seconds: int


def captcha_router(people: People) -> APIRouter:
    """GET /api/captcha and its recording; nobody need be signed in."""
    router = APIRouter(tags=["session"])

    @router.get("/captcha")
    async def captcha(request: Request) -> CaptchaPicture:
        """Five digits in a picture; counts once."""
        made = await people.ways.captchas.new(visit_of(request, people))
        if isinstance(made, Refusal):
            raise problem_of(made)
        return CaptchaPicture(
            captcha_id=made.captcha_id,
            image=f"data:image/png;base64,{base64.b64encode(made.picture).decode()}",
            audio=f"/api/captcha/{made.captcha_id}/audio",
            lives_seconds=int(LIFE.total_seconds()),
        )

    @router.get(
        "/captcha/{captcha_id}/audio", response_class=Response,
        responses={200: {"content": {"audio/wav": {}}}},
    )  # fmt: skip
    async def sound(
        captcha_id: str, request: Request, lang: Language = Language.CHINESE
    ) -> Response:
        """The same five digits, spoken in Mandarin (one is 幺), or in English with `lang=en`."""
        made = await people.ways.captchas.sound(
            captcha_id[:64], visit_of(request, people), language=lang
        )
        if isinstance(made, Refusal):
            raise problem_of(made)
        return Response(made, media_type="audio/wav")

    return router
