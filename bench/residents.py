"""Invented residents without end: valid check digits, an area code that does not exist.

A resident is a function of its number, so a load can be made again. Nobody real is
in here: areas 9901xx were never assigned.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from openehc.cards.identity import check_digit

FIRST_BIRTHDAY: Final = date(1950, 1, 1)
BIRTHDAYS: Final = 20_000
BORN_THAT_DAY: Final = 1_000
AREAS: Final = 100
HOW_MANY: Final = AREAS * BIRTHDAYS * BORN_THAT_DAY
"""Numbers from here on repeat the first residents."""

_SURNAMES: Final = "赵钱孙李周吴郑王冯陈"
_GIVEN: Final = "甲乙丙丁戊己庚辛壬癸"


@dataclass(frozen=True, slots=True)
class InventedResident:
    """What a registration asks of a person."""

    id_no: str
    user_name: str
    user_sex: str
    birthday: str
    mobile_phone: str


def resident(number: int) -> InventedResident:
    """The resident of that number; any two below `HOW_MANY` have different documents."""
    day, rest = number % BIRTHDAYS, number // BIRTHDAYS
    order, area = rest % BORN_THAT_DAY, rest // BORN_THAT_DAY % AREAS
    birthday = (FIRST_BIRTHDAY + timedelta(days=day)).strftime("%Y%m%d")
    first_17 = f"9901{area:02}{birthday}{order:03}"
    return InventedResident(
        id_no=first_17 + check_digit(first_17),
        user_name=_SURNAMES[number % 10] + _GIVEN[number // 10 % 10] + _GIVEN[number // 100 % 10],
        user_sex="1" if order % 2 else "2",
        birthday=birthday,
        mobile_phone=f"199{number % 10**8:08}",
    )
