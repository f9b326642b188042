"""The numbers of 材料一 附录D: EHCIN for nodes, EHCAPPID for connected components.

Reads and checks them; assigning them in a register is not done here.
"""

import re
from typing import Final, NewType

Ehcin = NewType("Ehcin", str)
"""9 characters: province 2, city 2, owner letter, serial 4 (附录D.1)."""

EhcAppId = NewType("EhcAppId", str)
"""17 characters: EHCIN 9, component 3, owner letter, serial 4 (附录D.2)."""

EHCIN_LENGTH: Final = 9

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


def looks_like_ehcappid(text: str) -> bool:
    """Whether `text` has the form of an EHCAPPID."""
    return bool(_EHCAPPID.fullmatch(text))


def looks_like_ehcin(text: str) -> bool:
    """Whether `text` has the form of an EHCIN."""
    return bool(_EHCIN.fullmatch(text))
