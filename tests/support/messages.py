"""What clients send: invented residents with valid check digits, and requests about them.

Area 990101 does not exist. Holds no test and sends nothing.
"""

import itertools
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from openehc.cards.identity import check_digit

_AREA: Final = "990101"
_FAMILY: Final = "甄贾虞柏乔"
_GIVEN: Final = "样本示例试用演练虚构造拟"
_WIRE_TIME: Final = "20260302080000"
# Several test processes share one database server, never one database.
_numbers: Final = itertools.count(secrets.randbelow(10_000))


@dataclass(frozen=True, slots=True)
class Person:
    """An invented resident."""

    id_no: str
    user_name: str
    user_sex: str
    mobile_phone: str
    id_type: str = "01"

    @classmethod
    def invented(cls, *, sex: str = "1", year: int = 1985) -> Self:
        """A resident whom no other test of this process has met."""
        number = next(_numbers)
        order = 100 + 2 * (number % 440) + (1 if sex == "1" else 0)
        day = f"{year}{1 + number // 440 % 12:02d}{1 + number // 5280 % 28:02d}"
        first = f"{_AREA}{day}{order}"
        name = _FAMILY[number % 5] + _GIVEN[number % 12] + _GIVEN[number // 12 % 12]
        return cls(first + check_digit(first), name, sex, f"199{number:08d}")

    def named(self, name: str) -> Self:
        """The same document under another name."""
        return replace(self, user_name=name)


def new_number(what: str = "no") -> str:
    """A serial number that was never used, at most 32 characters."""
    return f"{what}-{secrets.token_hex(8)}"


def registration(person: Person, **more: Any) -> dict[str, Any]:
    """The complete registration of `person`, under a new serial number."""
    return {
        "out_register_no": new_number("reg"),
        "out_register_time": _WIRE_TIME,
        "certificate_mode": "01",
        "apply_method": "3",
        "id_type": person.id_type,
        "id_no": person.id_no,
        "user_name": person.user_name,
        "user_sex": person.user_sex,
        "mobile_phone": person.mobile_phone,
        **more,
    }


def verification(code: str, **more: Any) -> dict[str, Any]:
    """A verification of `code` at the window, under a new serial number."""
    return {
        "ehealth_code": code,
        "out_verify_no": new_number("ver"),
        "out_verify_time": _WIRE_TIME,
        "operator_id": "001",
        "operator_name": "窗口一",
        "treatment_code": "010105",
        **more,
    }


def authorisation(**more: Any) -> dict[str, Any]:
    """A kiosk's wish to be shown a card, under a new serial number."""
    return {
        "out_authorize_no": new_number("aut"),
        "out_authorize_time": _WIRE_TIME,
        "operator_id": "K01",
        "operator_name": "自助机一",
        "treatment_code": "010101",
        **more,
    }


def alteration(card_id: str, **more: Any) -> dict[str, Any]:
    """A change of the personal data of a card."""
    return {
        "ehealth_card_id": card_id,
        "out_alter_no": new_number("alt"),
        "out_alter_time": _WIRE_TIME,
        **more,
    }


def closing(card_id: str, **more: Any) -> dict[str, Any]:
    """The end of a card."""
    return {
        "ehealth_card_id": card_id,
        "out_close_no": new_number("clo"),
        "out_close_time": _WIRE_TIME,
        **more,
    }
