"""The ehc.ehealthcode methods and kiosk authorisation: from checked fields to use cases."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.serials import serial_key
from openehc.cards.store import CardStore
from openehc.cards.usage import Purpose
from openehc.codes.authorise import AskCommand, AskConsent, QueryConsent
from openehc.codes.generate_code import GenerateCode
from openehc.codes.image import ImageFormat, draw_code
from openehc.codes.model import Tag
from openehc.codes.rules import Advice
from openehc.codes.verify_code import VerifyCode, VerifyCommand
from openehc.gateway.calls import Biz, Call, Handler
from openehc.gateway.code_requests import find_account, generate_command
from openehc.gateway.persons import person_reply
from openehc.kernel.clock import wire_time
from openehc.kernel.refusal import Reason, Refusal

AUTHURL: Final = "ehc.ehealthcard.authurl"
DEFAULT_IMAGE_SIZE: Final = 300


@dataclass(frozen=True, slots=True)
class CodeMethods:
    """Handlers of the code methods."""

    cards: CardStore
    generate_code: GenerateCode
    verify_code: VerifyCode
    ask_consent: AskConsent
    query_consent: QueryConsent

    def handlers(self) -> dict[str, Handler]:
        """The handler of each method."""
        return {
            "ehc.ehealthcode.generate": self.generate,
            "ehc.ehealthcode.verify": self.verify,
            AUTHURL: self.authurl,
            "ehc.ehealthcard.auth.query": self.auth_query,
        }

    async def generate(self, call: Call) -> Biz | Refusal:
        """二维码申请 (材料一 5.2.2): a code for the card, with a picture if wanted."""
        account = await find_account(self.cards, call.values)
        if isinstance(account, Refusal):
            return account
        command = generate_command(call, serial=call.serial)
        image = call.values.get("image_format")
        size = call.values.get("image_size", DEFAULT_IMAGE_SIZE)
        issued = await self.generate_code(account, command)
        if isinstance(issued, Refusal):
            return issued
        expires = issued.expires_at
        reply: Biz = {
            "ehealth_card_id": account.ehealth_card_id,
            "mindex_id": account.mindex_id,
            "ehealth_code": issued.text,
            "generate_type": "dynamic" if issued.tag is Tag.DYNAMIC else "static",
            "expire_time": wire_time(expires) if expires else "",
            "out_generate_no": call.external_serial,
            "generate_no": issued.platform_serial,
        }
        if image:
            drawn = await asyncio.to_thread(draw_code, issued.text, ImageFormat(image), size=size)
            if isinstance(drawn, Refusal):
                return drawn
            reply |= {"image_format": image, "image": base64.b64encode(drawn).decode()}
        return reply

    async def verify(self, call: Call) -> Biz | Refusal:
        """004 4.3: who is behind the code."""
        values = call.values
        command = VerifyCommand(
            admission=call.admission,
            text=values["ehealth_code"],
            purpose=purpose_of(values),
            serial=call.serial,
            supplement_mode=values.get("supplement_mode"),
            now=call.now,
        )
        verified = await self.verify_code(command)
        if isinstance(verified, Refusal):
            return verified
        reply = person_reply(verified.account)
        if verified.advice is Advice.SUPPLEMENT:
            reply["supplement_advice"] = "Y"
        return reply

    async def authurl(self, call: Call) -> Biz | Refusal:
        """004 4.4: a link that the kiosk shows as a QR code."""
        if call.serial is None:
            return Refusal(Reason.FIELDS_WRONG, "out_authorize_no(必填)")
        command = AskCommand(call.admission, purpose_of(call.values), call.serial, call.now)
        link = await self.ask_consent(command)
        return link if isinstance(link, Refusal) else {"ehealth_authurl": link}

    async def auth_query(self, call: Call) -> Biz | Refusal:
        """004 4.5: how the authorisation stands; the person only on success (methods 33)."""
        key = serial_key(call.admission.app_id, AUTHURL, call.values["out_authorize_no"])
        outcome = await self.query_consent(key, now=call.now)
        if isinstance(outcome, Refusal):
            return outcome
        reply: Biz = {"auth_status": outcome.status.value}
        if outcome.account:
            await self.cards.record_sight(outcome.account, call.admission, at=call.now)
            reply |= person_reply(outcome.account)
        return reply


def purpose_of(values: dict[str, Any]) -> Purpose:
    """For what a request says that the card is used."""
    return Purpose(
        treatment_code=values.get("treatment_code"),
        office_code=values.get("office_code"),
        operator_id=values.get("operator_id"),
    )
