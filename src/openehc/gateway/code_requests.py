"""Reading what requests say of cards and codes: ids, kinds, lives."""

import re
from datetime import timedelta
from typing import Any, Final

from openehc.access.serials import SerialKey
from openehc.cards.identity import normal_id_no, normal_name
from openehc.cards.model import CardAccount
from openehc.cards.store import CardStore
from openehc.codes.generate_code import GenerateCommand
from openehc.codes.model import Tag
from openehc.codes.rules import DEFAULT_LIFE
from openehc.gateway.calls import Call
from openehc.kernel.refusal import Reason, Refusal

_EHCID: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


def read_ehcid(text: str) -> bytes | Refusal:
    """The EHCID that ehealth_card_id prints, 32 bytes."""
    if not _EHCID.fullmatch(text):
        return Refusal(Reason.FIELDS_WRONG, "ehealth_card_id(应为64位十六进制的电子健康卡ID)")
    return bytes.fromhex(text)


def generate_command(call: Call, *, serial: SerialKey | None) -> GenerateCommand:
    """What kind of code the request wants; static unless it says dynamic (004 4.1)."""
    values = call.values
    dynamic = values.get("generate_type") == "dynamic"
    seconds = values.get("time_expire")
    return GenerateCommand(
        admission=call.admission,
        tag=Tag.DYNAMIC if dynamic else Tag.STATIC,
        life=timedelta(seconds=seconds) if seconds else DEFAULT_LIFE,
        treatment_code=values.get("treatment_code"),
        serial=serial,
        now=call.now,
    )


async def find_account(cards: CardStore, values: dict[str, Any]) -> CardAccount | Refusal:
    """The account that the request names by card id or document, and name if given.

    A wrong name is answered like an unknown card, so that names cannot be probed.
    """
    card_id = values.get("ehealth_card_id")
    if card_id:
        ehcid = read_ehcid(card_id)
        if isinstance(ehcid, Refusal):
            return ehcid
        account = await cards.by_ehcid(ehcid)
    else:
        account = await cards.by_document(
            id_type=values["id_type"], id_no=normal_id_no(values["id_no"])
        )
    name = values.get("user_name")
    if account is None or (name and normal_name(name) != account.resident.user_name):
        return Refusal(Reason.CARD_UNKNOWN)
    return account
