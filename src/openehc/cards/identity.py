"""What makes an identity believable: normal forms and the checks of real names.

Pure functions over text. The resident identity number is that of GB 11643 (type 01).
"""

import unicodedata
from datetime import date
from enum import StrEnum, unique
from operator import mul
from typing import Final

RESIDENT_IDENTITY_CARD: Final = "01"

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
_NUMBER_LENGTH: Final = 18
_KEY_LIMIT: Final = 32
"""id_type and id_no go into two SM4 blocks of an EHCID: 32 bytes together (crypto module)."""

_HALF_WIDTH: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    0x3000: 0x20,
    **dict.fromkeys(map(ord, "•∙⋅・‧･●"), ord("·")),
}

_FIRST_EAST_ASIAN: Final = "\u2e80"
"""From this sign on scripts write names without blanks; accented Latin lies before it."""


@unique
class Sex(StrEnum):
    """Codes of GB/T 2261.1 that an identity number can contradict."""

    MALE = "1"
    FEMALE = "2"


_SEXES: Final = frozenset(Sex)


def normal_name(name: str) -> str:
    """The name as it is hashed: NFC, half-width, one kind of middle dot, single blanks.

    Blanks between Chinese characters are typing habits and are dropped; those in a
    Latin name separate its parts and stay.
    """
    # composed first: Hangul typed as single letters only shows its script when composed
    text = " ".join(unicodedata.normalize("NFC", name.translate(_HALF_WIDTH)).split())
    if is_east_asian(text):
        text = text.replace(" ", "")
    return unicodedata.normalize("NFC", text)


def is_east_asian(name: str) -> bool:
    """Whether a name is written in a script that does without blanks."""
    return any(sign >= _FIRST_EAST_ASIAN for sign in name)


def normal_id_no(id_no: str) -> str:
    """The document number as it is hashed: half-width, no outer blanks, upper case."""
    return id_no.translate(_HALF_WIDTH).strip().upper()


def check_digit(first_17: str) -> str:
    """The 18th character for the first 17 digits of an identity number."""
    total = sum(map(mul, map(int, first_17), _WEIGHTS))
    return _CHECK_DIGITS[total % 11]


def number_fault(id_no: str) -> str | None:
    """What is wrong with a resident identity number, in Chinese, or None."""
    if len(id_no) != _NUMBER_LENGTH or not (id_no.isascii() and id_no[:17].isdigit()):
        return "身份证号应为18位"
    if check_digit(id_no[:17]) != id_no[17]:
        return "身份证号校验位不正确"
    if birthday_in(id_no) is None:
        return "身份证号中的出生日期不存在"
    return None


def birthday_in(id_no: str) -> str | None:
    """The birthday inside an identity number, yyyyMMdd, or None when impossible."""
    text = id_no[6:14]
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
    return text


def sex_in(id_no: str) -> Sex:
    """The sex that the 17th digit stands for."""
    return Sex.MALE if int(id_no[16]) % 2 else Sex.FEMALE


def identity_faults(
    *, id_type: str, id_no: str, user_sex: str, birthday: str, today: date
) -> list[str]:
    """Everything that contradicts in an identity, each as `field(problem)` in Chinese.

    Sex codes 5 and 6 (changed) and 0 and 9 (unknown) contradict nothing.
    """
    faults = []
    if not id_no.isascii() or len(id_type) + len(id_no) > _KEY_LIMIT:
        faults.append("id_no(只能含ASCII字符，与证件类型合计不超过32字节)")
    last = f"{today:%Y%m%d}"
    if birthday and birthday > last:
        faults.append("birthday(晚于今天)")
    if id_type != RESIDENT_IDENTITY_CARD:
        return faults
    wrong = number_fault(id_no)
    if wrong:
        return [*faults, f"id_no({wrong})"]
    born = id_no[6:14]  # a day that exists, says number_fault
    if birthday and birthday != born:
        faults.append("birthday(与身份证号不一致)")
    if user_sex in _SEXES and user_sex != sex_in(id_no):
        faults.append("user_sex(与身份证号不一致)")
    if born > last:
        faults.append("id_no(出生日期晚于今天)")
    return faults
