"""Invented residents, the same for the same seed. Nobody real can be among them.

Area codes begin with 99, which no place has; check digits are valid, computed here by
the recursion of ISO 7064 rather than by the platform's own table of weights.
"""

import hashlib
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from openehc.cards.model import Applicant, BoundCard, CardAccount, CardState, Resident

PASSPORT: Final = "03"
RARE_NAMES: Final = (
    "䶮测试",  # outside the first block of ideographs
    "𠮷样例",  # outside the basic plane: two UTF-16 units
    "阿依·样本",  # a minority name with its middle dot
    "Maria Sample",
    "样",  # one character
)
_SURNAMES: Final = "甲乙丙丁戊己庚辛"
_GIVEN: Final = ("样本", "示例", "测试", "虚构")
_FIRST_BIRTHDAY: Final = date(1930, 1, 1)


def check_character(first_17: str) -> str:
    """The 18th character of an identity number by the recursion of ISO 7064 MOD 11-2."""
    product = 0
    for digit in first_17:
        product = (product + int(digit)) * 2 % 11
    value = (12 - product) % 11
    return "X" if value == 10 else str(value)


def identity_number(seed: int, *, birthday: str, sex: str) -> str:
    """A number of area 99xxxx with a valid check digit; `sex` "1" is odd, "2" even."""
    area = f"99{seed % 10_000:04d}"
    order = (seed * 2) % 998 + (1 if sex == "1" else 2)
    first_17 = f"{area}{birthday}{order:03d}"
    return first_17 + check_character(first_17)


def resident(seed: int = 1, **changes: Any) -> Resident:
    """An invented resident with an identity card; `changes` are fields of `Resident`."""
    birthday = (_FIRST_BIRTHDAY + timedelta(days=seed * 7919 % 33_000)).strftime("%Y%m%d")
    sex = "1" if seed % 2 else "2"
    person = Resident(
        id_type="01",
        id_no=identity_number(seed, birthday=birthday, sex=sex),
        user_name=_SURNAMES[seed % len(_SURNAMES)] + _GIVEN[seed % len(_GIVEN)],
        user_sex=sex,
        mobile_phone=f"199{seed % 100_000_000:08d}",
        birthday=birthday,
    )
    return msgspec.structs.replace(person, **changes)


def foreigner(seed: int = 1, **changes: Any) -> Resident:
    """An invented resident with a passport and a Latin name."""
    fields = {"id_type": PASSPORT, "id_no": f"ZZ{seed:07d}", "user_name": "Maria Sample"}
    return resident(seed, **{**fields, **changes})


def applicant(person: Resident, *, apply_method: str = "3", **changes: Any) -> Applicant:
    """`person`, who asks for a card; apply method 4 is preparation in bulk."""
    asked = Applicant(resident=person, apply_method=apply_method, certificate_mode="01")
    return replace(asked, **changes)


def account(person: Resident | None = None, **changes: Any) -> CardAccount:
    """An active account of `person`, whose ids are made up but have the right form."""
    who = person or resident()
    seed = f"{who.id_type}{who.id_no}{who.user_name}".encode()
    made = CardAccount(
        ehcid=hashlib.sha256(seed).digest(),
        mindex_id=hashlib.sha256(seed + b"m").hexdigest().upper(),
        state=CardState.ACTIVE,
        blacklisted=False,
        resident=who,
        revision=1,
    )
    return replace(made, **changes)


def bound(card_no: str, *, card_type: str = "01", default: str = "N") -> BoundCard:
    """A hospital card that was linked on the first day of 2026."""
    return BoundCard(card_type, card_no, "20260101080000", default == "Y")


def registration_fields(person: Resident, *, serial: str, **changes: Any) -> dict[str, Any]:
    """What a hospital sends to register `person`."""
    fields = {
        "out_register_no": serial,
        "out_register_time": "20260301083000",
        "certificate_mode": "01",
        "apply_method": "3",
        "id_type": person.id_type,
        "id_no": person.id_no,
        "user_name": person.user_name,
        "user_sex": person.user_sex,
        "mobile_phone": person.mobile_phone,
    }
    return {**fields, **changes}
