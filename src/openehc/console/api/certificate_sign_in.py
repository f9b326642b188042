"""Routes of signing in with a certificate, and behind an authenticating gateway."""

from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from openehc.console.api.inputs import Hex
from openehc.console.api.own_account import CertificateForm
from openehc.console.api.problems import problem_of
from openehc.console.api.sessions import (
    SessionAnswer,
    same_site,
    signed_in_answer,
    visit_of,
)
from openehc.kernel.refusal import Refusal
from openehc.people.sign_in_behind_gateway import Passing
from openehc.people.use_cases import People

GATEWAY_HEADER: Final = "x-ehc-gateway"


class ChallengeForm(BaseModel):
    """Random1: 16 to 32 bytes of the client, in hex."""

    random1: Hex


class ChallengeAnswer(BaseModel):
    """Random2 and the signature of Random1 in hex, and the platform's certificate in PEM.

    Check them before you sign Random2.
    """

    random2: str
    signature: str
    certificate: str


def certificate_router(people: People) -> APIRouter:
    """附录F 4.1 and 4.2."""
    router = APIRouter(tags=["session"])
    ways = people.ways

    @router.post("/session/challenge")
    async def challenge(form: ChallengeForm, request: Request) -> ChallengeAnswer:
        """Ask for a challenge; it counts once, for a minute, from the same address."""
        made = await ways.challenge(bytes.fromhex(form.random1), visit_of(request, people))
        if isinstance(made, Refusal):
            raise problem_of(made)
        return ChallengeAnswer(
            random2=made.random2.hex(), signature=made.signature.hex(),
            certificate=made.certificate.pem(),
        )  # fmt: skip

    @router.post("/session/certificate", status_code=201, response_model=SessionAnswer)
    async def sign_in(form: CertificateForm, request: Request) -> Response:
        """Sign in with the signature of Random2 and your certificate."""
        same_site(request)
        signed = await ways.certificate(form.proof(), visit_of(request, people))
        return await signed_in_answer(people, request, signed)

    @router.post("/session/gateway", status_code=201, response_model=SessionAnswer)
    async def behind_gateway(request: Request) -> Response:
        """Sign in on the word of the gateway, which adds the header X-EHC-Gateway."""
        same_site(request)
        passing = Passing(
            header=request.headers.get(GATEWAY_HEADER, "")[:1000],
            request=f"{request.method} {request.url.path}",
            peer=request.client.host if request.client else "",
        )
        signed = await ways.gateway(passing, visit_of(request, people))
        return await signed_in_answer(people, request, signed)

    return router
