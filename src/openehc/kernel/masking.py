"""Masks for personal data shown to people (材料一 附录B 表B.1, 材料二 附录B 5.3).

A log or a screen takes a `Masked`, never a plain str: the type is the proof.
"""

from typing import Final, NewType

Masked = NewType("Masked", str)

_ID_EDGE: Final = 4
_PHONE_HEAD: Final = 3
_PHONE_TAIL: Final = 4
_ACCOUNT_TAIL: Final = 4


def masked_name(name: str) -> Masked:
    """The name with its second character starred; a single character is starred itself."""
    if len(name) <= 1:
        return Masked("*" * len(name))
    return Masked(f"{name[0]}*{name[2:]}")


def masked_id_no(id_no: str) -> Masked:
    """First 4 and last 4 characters; of 8 or fewer only the first and the last."""
    edge = _ID_EDGE if len(id_no) > 2 * _ID_EDGE else 1
    if len(id_no) <= 2:  # noqa: PLR2004 (nothing would be left to hide)
        return Masked("*" * len(id_no))
    return Masked(id_no[:edge] + "*" * (len(id_no) - 2 * edge) + id_no[-edge:])


def masked_phone(phone: str) -> Masked:
    """First 3 and last 4 digits (gaps.md 44); a short one shows its last digit only."""
    shown = _PHONE_HEAD + _PHONE_TAIL
    if len(phone) <= shown:
        return Masked("*" * max(len(phone) - 1, 0) + phone[-1:])
    return Masked(phone[:_PHONE_HEAD] + "*" * (len(phone) - shown) + phone[-_PHONE_TAIL:])


def masked_account(number: str) -> Masked:
    """Last 4 characters of a card or account number (gaps.md 44), never more than half of it."""
    shown = min(_ACCOUNT_TAIL, len(number) // 2)
    hidden = len(number) - shown
    return Masked("*" * hidden + number[hidden:])


def masked_text(text: str) -> Masked:
    """Only that something is there: an address says nothing when half of it is starred."""
    return Masked("***" if text else "")
