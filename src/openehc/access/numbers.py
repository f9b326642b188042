"""The numbers of 材料一 附录D: EHCIN for nodes, EHCAPPID for connected components.

Reads, checks and composes them; which serial comes next is the register's business.
"""

import re
from typing import Final, NewType

Ehcin = NewType("Ehcin", str)
"""9 characters: province 2, city 2, owner letter, serial 4 (附录D.1)."""

EhcAppId = NewType("EhcAppId", str)
"""17 characters: EHCIN 9, component 3, owner letter, serial 4 (附录D.2)."""

EHCIN_LENGTH: Final = 9
LAST_SERIAL: Final = 9999
TERMINAL: Final = "STM"
"""The component kind of reading terminals."""

CRYPTO_MODULE: Final = "CRP"
"""The component kind of crypto modules."""

_EHCIN: Final = re.compile(r"\d{4}[A-FX]\d{4}", re.ASCII)
_EHCAPPID: Final = re.compile(r"\d{4}[A-FX]\d{4}[A-Z]{3}[A-FX]\d{4}", re.ASCII)


class WrongNumber(ValueError):
    """Not a number of 附录D; the message says what one looks like."""


def parse_ehcin(text: str) -> Ehcin:
    """The node number that `text` is; raises `WrongNumber`."""
    if not _EHCIN.fullmatch(text) or text.endswith("0000"):
        raise WrongNumber(f"EHCIN应为省2位、市2位、类别字母A-F或X、流水号0001~9999: {text[:20]!r}")
    return Ehcin(text)


def parse_ehcappid(text: str) -> EhcAppId:
    """The component number that `text` is; raises `WrongNumber`."""
    if not _EHCAPPID.fullmatch(text) or text.endswith("0000"):
        raise WrongNumber(f"EHCAPPID应为EHCIN 9位、组件类别3位、类别字母、流水号4位: {text[:30]!r}")
    return EhcAppId(text)


def compose_ehcappid(ehcin: str, *, component: str, owner: str, serial: int) -> EhcAppId:
    """The number of a component (附录D.2); raises `WrongNumber`."""
    if not 1 <= serial <= LAST_SERIAL:
        raise WrongNumber(f"流水号应为0001~9999: {serial}")
    return parse_ehcappid(f"{parse_ehcin(ehcin)}{component}{owner}{serial:04d}")


def counter_of(number: str) -> tuple[str, str, str, int] | None:
    """EHCIN, component, owner letter and serial of a number; None for another form."""
    if not looks_like_ehcappid(number):
        return None
    return number[:9], number[9:12], number[12], int(number[13:])


def looks_like_ehcappid(text: str) -> bool:
    """Whether `text` has the form of an EHCAPPID."""
    return bool(_EHCAPPID.fullmatch(text))


def looks_like_ehcin(text: str) -> bool:
    """Whether `text` has the form of an EHCIN."""
    return bool(_EHCIN.fullmatch(text))
