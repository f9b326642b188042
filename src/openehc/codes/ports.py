"""What verification needs from outside this package."""

from typing import Protocol

from openehc.access.registry import Admission
from openehc.cards.model import CardAccount
from openehc.cards.usage import Purpose
from openehc.codes.model import ParsedCode
from openehc.kernel.refusal import Refusal


class ForeignCodes(Protocol):
    """Verifies codes that another node issued (跨域认证, 材料一 4.2)."""

    async def verify(
        self, code: ParsedCode, *, issuer: str, admission: Admission, purpose: Purpose
    ) -> CardAccount | Refusal:
        """The local card of the person whom the issuer (an EHCIN) vouches for."""
