"""Read a code that a resident presents at a window, to find the account (材料一 6.2.2).

Good for finding a person, not for identifying one: leaves no fact of use and judges no
standing, so that a window can see why a card does not work.
"""

from dataclasses import dataclass
from datetime import datetime

from openehc.codes.model import Presented, Tag
from openehc.codes.parsing import issuer_of, parse_code
from openehc.codes.rules import judge_validity
from openehc.codes.store import CodeStore
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True)
class ReadCode:
    """The use case; `own` is this node's EHCIN, `legacy` maps old channels to EHCINs."""

    store: CodeStore
    module: CryptoModule
    own: str
    legacy: dict[str, str]

    async def card_in(self, text: str, *, now: datetime) -> bytes | Refusal:
        """The EHCID of the holder; a dynamic code has to be good now and issued here."""
        code = parse_code(text)
        if isinstance(code, Refusal):
            return code
        if issuer_of(code, own=self.own, legacy=self.legacy) != self.own:
            return Refusal(Reason.FOREIGN_CODE)
        dynamic = code.tag is Tag.DYNAMIC
        expires_at = await self.module.open_valid(code.valid) if dynamic else None
        loaded = await self.store.presented(code, expires_at)
        if loaded is None:
            return Refusal(Reason.CARD_UNKNOWN, "没有这张电子健康卡", "there is no such card")
        account, issued = loaded
        if dynamic:
            presented = Presented(code, account, True, expires_at, issued)  # noqa: FBT003
            refusal = judge_validity(presented, now)
            if refusal:
                return refusal
        return account.ehcid
