"""From the fields of a registration to an `Applicant`: normal forms, real-name checks, photo."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from openehc.cards.identity import (
    RESIDENT_IDENTITY_CARD,
    birthday_in,
    identity_faults,
    normal_id_no,
    normal_name,
)
from openehc.cards.model import Applicant, BoundCard, Resident
from openehc.cards.photo import read_photo
from openehc.cards.rules import one_default
from openehc.kernel.clock import china_day, wire_time
from openehc.kernel.refusal import Reason, Refusal

REQUIRED: Final = (
    "out_register_no", "out_register_time", "certificate_mode", "apply_method", "id_type",
    "id_no", "user_name", "user_sex", "mobile_phone",
)  # fmt: skip
"""The registration set: regquery registers when all of it is present."""


async def applicant_of(values: dict[str, Any], *, now: datetime) -> Applicant | Refusal:
    """The applicant, or everything that is wrong with the identity and the photo."""
    resident = _resident(values, now)
    faults = identity_faults(
        id_type=resident.id_type, id_no=resident.id_no, user_sex=resident.user_sex,
        birthday=resident.birthday, today=china_day(now),
    )  # fmt: skip
    if not resident.user_name:
        faults.append("user_name(必填)")
    if faults:
        return Refusal(Reason.IDENTITY_WRONG, "；".join(faults))
    photo = await photo_of(values)
    if isinstance(photo, Refusal):
        return photo
    return Applicant(
        resident=resident,
        apply_method=values["apply_method"],
        certificate_mode=values["certificate_mode"],
        photo=photo,
    )


def _resident(values: dict[str, Any], now: datetime) -> Resident:
    typed = values["user_name"]
    name, id_no = normal_name(typed), normal_id_no(values["id_no"])
    get = values.get
    birthday = get("birthday") or ""
    if not birthday and values["id_type"] == RESIDENT_IDENTITY_CARD:
        birthday = birthday_in(id_no) or ""
    return Resident(
        id_type=values["id_type"],
        id_no=id_no,
        user_name=name,
        user_sex=values["user_sex"],
        mobile_phone=values["mobile_phone"],
        birthday=birthday,
        nation=get("nation", ""),
        telephone=get("telephone", ""),
        address=get("address", ""),
        work_unit=get("work_unit", ""),
        name_as_typed=typed if typed != name else "",
        cards=one_default(bound_cards_of(get("card_list", ()), now=now)),
        tags=tuple(get("user_tags", ())),
    )


def bound_cards_of(card_list: Iterable[dict[str, str]], *, now: datetime) -> tuple[BoundCard, ...]:
    """The cards of a checked card_list, bound now; the same card twice counts once."""
    bound_at = wire_time(now)
    cards = {
        (card["card_type"], card["card_no"]): BoundCard(
            card["card_type"], card["card_no"], bound_at, card.get("is_default") == "Y"
        )
        for card in card_list
    }
    return tuple(cards.values())


async def photo_of(values: dict[str, Any]) -> bytes | Refusal | None:
    """The photo as JPEG bytes, None when there is none; decoded off the event loop."""
    text = values.get("photo_info")
    if not text:
        return None
    return await asyncio.to_thread(read_photo, text)
