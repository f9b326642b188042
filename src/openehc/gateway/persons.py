"""Accounts as replies print them; wire names exactly as the documents spell them."""

from typing import Any

from openehc.cards.model import BoundCard, CardAccount


def identity_reply(account: CardAccount) -> dict[str, Any]:
    """The reply fields of registration and query (004 4.1)."""
    resident = account.resident
    default = resident.default_card
    reply: dict[str, Any] = {
        "ehealth_card_id": account.ehealth_card_id,
        "mindex_id": account.mindex_id,
        "id_type": resident.id_type,
        "id_no": resident.id_no,
        "user_name": resident.user_name,
        "card_type": default.card_type if default else "",
        "card_no": default.card_no if default else "",
    }
    if resident.tags:
        reply["user_tags"] = resident.tags
    return reply


def person_reply(account: CardAccount) -> dict[str, Any]:
    """The reply fields of verification and authorisation (004 4.3, 4.5)."""
    resident = account.resident
    return {
        **identity_reply(account),
        "user_sex": resident.user_sex,
        "mobile_phone": resident.mobile_phone,
        "birthday": resident.birthday,
        "telephone": resident.telephone,
        "address": resident.address,
        "work_unit": resident.work_unit,
    }


def card_list_reply(cards: tuple[BoundCard, ...]) -> list[dict[str, str]]:
    """The bound cards: type, number, binding time, and which is the default."""
    return [
        {
            "card_type": card.card_type,
            "card_no": card.card_no,
            "bound_at": card.bound_at,
            "is_default": "Y" if card.is_default else "N",
        }
        for card in cards
    ]
