"""Routes of one's own credentials: prove again, change the password, enrol an authenticator."""

import base64
from io import BytesIO
from typing import Annotated, Any, Final

import zxingcpp
from fastapi import APIRouter, Depends, Request, Response
from PIL import Image
from pydantic import BaseModel, Field

from openehc.console.api.guards import freshly_proved, signed_in
from openehc.console.api.inputs import Hex, Pem
from openehc.console.api.problems import Problem, problem_of
from openehc.console.api.sessions import LONGEST_CODE, visit_of
from openehc.kernel.refusal import Refusal
from openehc.people.model import Principal, Visit
from openehc.people.rules import LONGEST_PASSWORD
from openehc.people.sign_in_with_certificate import CertificateProof
from openehc.people.use_cases import People

_MODULE_PIXELS: Final = 5
Self = Annotated[Principal, Depends(signed_in)]
Password = Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]


class CertificateForm(BaseModel):
    """The answer to a challenge: Random2 as it came, its signature, one's certificate in PEM."""

    random2: Hex
    signature: Hex
    certificate: Pem

    def proof(self) -> CertificateProof:
        """What the use cases take."""
        return CertificateProof(
            bytes.fromhex(self.random2), bytes.fromhex(self.signature), self.certificate
        )


class ProofForm(BaseModel):
    """Exactly one of the three."""

    password: Password | None = None
    totp: Annotated[str, Field(min_length=1, max_length=LONGEST_CODE)] | None = None
    certificate: CertificateForm | None = None


class PasswordForm(BaseModel):
    """The password as it is and as it shall be."""

    old_password: Password
    new_password: Password


class CodeForm(BaseModel):
    """The first code of a new authenticator."""

    code: Annotated[str, Field(max_length=LONGEST_CODE)]


class TotpOffer(BaseModel):
    """A secret that counts once its first code came: to type, as a link, and as a QR code.

    `image` is a data URL of a PNG, `svg` the same as a drawing.
    """

    secret: str
    link: str
    image: str
    svg: str


class RecoveryCodes(BaseModel):
    """Told once; each stands in for the authenticator once."""

    recovery_codes: list[str]


def own_account_router(people: People) -> APIRouter:
    """What everybody does about themselves."""
    router = APIRouter(tags=["session"])
    _password(router, people)
    _authenticator(router, people)
    return router


def _password(router: APIRouter, people: People) -> None:
    @router.post("/session/proof", status_code=204)
    async def prove(form: ProofForm, request: Request, by: Self) -> Response:
        """Prove again who you are; dangerous acts are open for the next minutes."""
        return _nothing(await _proved(people, form, visit_of(request, people), by))

    @router.put("/session/password", status_code=204)
    async def change_password(form: PasswordForm, request: Request, by: Self) -> Response:
        """Change your password; your other sessions end."""
        return _nothing(
            await people.own.change_password(
                form.old_password, form.new_password, by=by, visit=visit_of(request, people)
            )
        )


def _authenticator(router: APIRouter, people: People) -> None:
    enrol = people.own.enrol_totp

    @router.post("/session/totp")
    async def offer_totp(request: Request, by: Self) -> TotpOffer:
        """A new secret for an authenticator; nothing changes until its first code came."""
        freshly_proved(by)
        offer = await enrol.offer(by=by, visit=visit_of(request, people))
        if isinstance(offer, Refusal):
            raise problem_of(offer)
        picture, drawing = qr_code(offer.link)
        return TotpOffer(secret=offer.secret, link=offer.link, image=picture, svg=drawing)

    @router.put("/session/totp")
    async def confirm_totp(form: CodeForm, request: Request, by: Self) -> RecoveryCodes:
        """Its first code: from now on the authenticator counts."""
        codes = await enrol.confirm(form.code.strip(), by=by, visit=visit_of(request, people))
        if isinstance(codes, Refusal):
            raise problem_of(codes)
        return RecoveryCodes(recovery_codes=list(codes))


async def _proved(people: People, form: ProofForm, visit: Visit, by: Principal) -> object:
    prove_again = people.own.prove_again
    match form.password, form.totp, form.certificate:
        case str(password), None, None:
            return await prove_again.password(password, by=by, visit=visit)
        case None, str(code), None:
            return await prove_again.code(code.strip(), by=by, visit=visit)
        case None, None, CertificateForm() as certificate:
            return await prove_again.certificate(certificate.proof(), by=by, visit=visit)
    raise Problem(422, zh="请提交密码、动态口令、证书签名之一。", en="Give exactly one proof.")


def _nothing(outcome: object) -> Response:
    """No content, or the problem."""
    if isinstance(outcome, Refusal):
        raise problem_of(outcome)
    return Response(status_code=204)


def qr_code(text: str) -> tuple[str, str]:
    """A QR code as a data URL of a PNG, and as SVG."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    pixels = symbol.to_image(scale=1)
    height, width = pixels.shape
    picture = Image.frombytes("L", (width, height), _bytes_of(pixels))
    larger = picture.resize(
        (width * _MODULE_PIXELS, height * _MODULE_PIXELS), Image.Resampling.NEAREST
    )
    file = BytesIO()
    larger.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}", symbol.to_svg()


def _bytes_of(pixels: Any) -> bytes:  # noqa: ANN401 (a buffer, which its stubs do not say)
    return bytes(memoryview(pixels))
