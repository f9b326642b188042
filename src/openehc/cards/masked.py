"""A resident as screens show them: names and numbers masked (材料一 附录B 表B.1, 材料二 附录B 5.3).

Makes no decision about who sees more.
"""

from collections.abc import Iterable
from typing import Any

from openehc.cards.model import BoundCard, CardAccount
from openehc.cards.sight import Sight
from openehc.kernel.masking import (
    masked_account,
    masked_id_no,
    masked_name,
    masked_phone,
    masked_text,
)


def masked_line(account: CardAccount) -> dict[str, Any]:
    """What a list or a window shows of an account."""
    resident = account.resident
    default = resident.default_card
    return {
        "ehealth_card_id": account.ehealth_card_id,
        "state": account.state.value,
        "blacklisted": account.blacklisted,
        "merged_into": account.merged_into.hex().upper() if account.merged_into else None,
        "revision": account.revision,
        "id_type": resident.id_type,
        "id_no": masked_id_no(resident.id_no),
        "user_name": masked_name(resident.user_name),
        "user_sex": resident.user_sex,
        "mobile_phone": masked_phone(resident.mobile_phone),
        "default_card": masked_cards([default])[0] if default else None,
    }


def masked_person(account: CardAccount) -> dict[str, Any]:
    """What the page of one resident shows beside the line."""
    resident = account.resident
    return {
        "birth_year": resident.birth_year,
        "telephone": masked_phone(resident.telephone),
        "address": masked_text(resident.address),
        "work_unit": masked_text(resident.work_unit),
        "tags": list(resident.tags),
        "cards": masked_cards(resident.cards),
    }


def masked_cards(cards: Iterable[BoundCard]) -> list[dict[str, Any]]:
    """Bound cards by their place in the account, numbers masked."""
    return [
        {
            "position": position,
            "card_type": card.card_type,
            "card_no": masked_account(card.card_no),
            "bound_at": card.bound_at,
            "is_default": card.is_default,
        }
        for position, card in enumerate(cards)
    ]


def in_clear(account: CardAccount, fields: Iterable[Sight]) -> dict[str, Any]:
    """These fields as they are, the photo apart: it is not part of the profile."""
    resident = account.resident
    return {
        sight.value: [
            {"card_type": card.card_type, "card_no": card.card_no} for card in resident.cards
        ]
        if sight is Sight.CARDS
        else getattr(resident, sight.value)
        for sight in fields
        if sight is not Sight.PHOTO
    }
