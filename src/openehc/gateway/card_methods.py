"""The ehc.ehealthcard methods: from checked fields to use cases and back."""

from dataclasses import dataclass

from openehc.cards.change_card import (
    ALTERABLE,
    ChangeCard,
    ChangeCommand,
    Changed,
    Step,
    altering,
    binding,
    closing,
    replacing,
    unbinding,
)
from openehc.cards.model import CardAccount, CardState, Change
from openehc.cards.register_card import RegisterCard, RegisterCommand
from openehc.cards.store import CardStore
from openehc.codes.generate_code import GenerateCode
from openehc.gateway.applicants import REQUIRED, applicant_of, bound_cards_of, photo_of
from openehc.gateway.calls import Biz, Call, Handler
from openehc.gateway.code_requests import find_account, generate_command, read_ehcid
from openehc.gateway.persons import card_list_reply, person_reply
from openehc.kernel.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True)
class CardMethods:
    """Handlers of the card methods; `public_account_qrcode` is what pub_flag asks for."""

    cards: CardStore
    register_card: RegisterCard
    change_card: ChangeCard
    generate_code: GenerateCode
    public_account_qrcode: str

    def handlers(self) -> dict[str, Handler]:
        """The handler of each method."""
        return {
            "ehc.ehealthcard.querywithreg": self.register,
            "ehc.ehealthcard.register": self.register,
            "ehc.ehealthcard.regquery": self.regquery,
            "ehc.ehealthcard.alterinfo": self.alterinfo,
            "ehc.ehealthcard.alterlink": self.alterlink,
            "ehc.ehealthcard.close": self.close,
        }

    async def register(self, call: Call) -> Biz | Refusal:
        """004 4.1 and 4.7: register, or find, and always give the full code."""
        applicant = await applicant_of(call.values, now=call.now)
        if isinstance(applicant, Refusal):
            return applicant
        command = RegisterCommand(
            admission=call.admission, applicant=applicant, serial=call.serial,
            external_serial=call.external_serial, now=call.now,
        )  # fmt: skip
        account = await self.register_card(command)
        if isinstance(account, Refusal):
            return account
        return await self._registered_reply(account, call)

    async def regquery(self, call: Call) -> Biz | Refusal:
        """004 附录2 2.1: look a person up; register when the whole set is present."""
        if all(call.values.get(name) for name in REQUIRED):
            return await self.register(call)
        account = await find_account(self.cards, call.values)
        if isinstance(account, Refusal):
            return account
        if account.state is CardState.CLOSED:
            return Refusal(Reason.CARD_UNKNOWN)
        await self.cards.record_sight(account, call.admission, at=call.now)
        return await self._registered_reply(account, call)

    async def _registered_reply(self, account: CardAccount, call: Call) -> Biz | Refusal:
        """Identity, bound cards, and the code; a card that may not be used has none."""
        reply = person_reply(account)
        reply["card_list"] = card_list_reply(account.resident.cards)
        if call.values.get("pub_flag") == "Y" and self.public_account_qrcode:
            reply["pub_qrcode"] = self.public_account_qrcode
        command = generate_command(call, serial=None)
        if account.state is CardState.PREPARED or account.blacklisted:
            reply["ehealth_code"] = ""
            return reply
        if command.tag.value == "1":
            code = await self.generate_code.make(account, command)
        else:
            issued = await self.generate_code(account, command)
            if isinstance(issued, Refusal):
                return issued
            code = issued
        reply["ehealth_code"] = code.text
        return reply

    async def alterinfo(self, call: Call) -> Biz | Refusal:
        """004 4.2: change personal data, never name or document."""
        values = {name: call.values[name] for name in ALTERABLE if name in call.values}
        if "user_tags" in call.values:
            values["tags"] = tuple(call.values["user_tags"])
        photo = await photo_of(call.values)
        if isinstance(photo, Refusal):
            return photo
        if not values and photo is None:
            return Refusal(Reason.FIELDS_WRONG, "没有要修改的内容")
        step = altering(values, now=call.now)
        changed = await self._change(call, Change.ALTERED, step, photo=photo)
        return changed if isinstance(changed, Refusal) else _changed_reply(changed, call)

    async def alterlink(self, call: Call) -> Biz | Refusal:
        """004 附录2 2.1: bind, unbind or replace cards (local table)."""
        cards = bound_cards_of(call.values["card_list"], now=call.now)
        steps = {"bind": binding, "unbind": unbinding, "replace": replacing}
        step = steps[call.values["alter_type"]](cards)
        changed = await self._change(call, Change.RELINKED, step)
        if isinstance(changed, Refusal):
            return changed
        reply = _changed_reply(changed, call)
        reply["card_list"] = card_list_reply(changed.account.resident.cards)
        return reply

    async def close(self, call: Call) -> Biz | Refusal:
        """004 4.6: end the card."""
        changed = await self._change(call, Change.CLOSED, closing)
        if isinstance(changed, Refusal):
            return changed
        account = changed.account
        return {"mindex_id": account.mindex_id, "ehealth_card_id": account.ehealth_card_id}

    async def _change(
        self, call: Call, change: Change, step: Step, *, photo: bytes | None = None
    ) -> Changed | Refusal:
        ehcid = read_ehcid(call.values["ehealth_card_id"])
        if isinstance(ehcid, Refusal):
            return ehcid
        command = ChangeCommand(
            admission=call.admission, ehcid=ehcid, change=change, serial=call.serial,
            external_serial=call.external_serial, now=call.now, photo=photo,
        )  # fmt: skip
        return await self.change_card(command, step)


def _changed_reply(changed: Changed, call: Call) -> Biz:
    return {
        "ehealth_card_id": changed.account.ehealth_card_id,
        "mindex_id": changed.account.mindex_id,
        "out_alter_no": call.external_serial,
        "alter_no": changed.platform_serial,
    }
