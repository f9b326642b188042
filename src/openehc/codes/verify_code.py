"""Verify a presented code and identify its holder (材料一 6.2.2; ehc.ehealthcode.verify)."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, refusal_of
from openehc.cards.model import CardAccount
from openehc.cards.usage import SUCCESS, Kind, Purpose, UsageFact
from openehc.codes.model import ParsedCode, Presented, Tag
from openehc.codes.parsing import issuer_of, parse_code
from openehc.codes.ports import ForeignCodes
from openehc.codes.rules import Advice, SupplementRules, judge, judge_supplement
from openehc.codes.store import CodeStore
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.refusal import Reason, Refusal


class VerifyCommand(msgspec.Struct, frozen=True, gc=False):
    """Who presents what, where and for what purpose."""

    admission: Admission
    text: str
    purpose: Purpose
    serial: SerialKey | None
    supplement_mode: str | None
    now: datetime


class Verified(msgspec.Struct, frozen=True, gc=False):
    """The person behind the code, and what the window is advised."""

    account: CardAccount
    advice: Advice


@dataclass(frozen=True, slots=True)
class VerifyCode:
    """The use case; `own` is this node's EHCIN, `legacy` maps old 11-digit channels to EHCINs."""

    store: CodeStore
    module: CryptoModule
    foreign: ForeignCodes
    supplement: SupplementRules
    own: str
    legacy: dict[str, str]

    async def __call__(self, command: VerifyCommand) -> Verified | Refusal:
        """Identify the holder, and leave a record of the verification either way."""
        code = parse_code(command.text)
        if isinstance(code, Refusal):
            return await self._record(code, None, command.purpose, command)
        purpose = command.purpose.with_tag(code.tag.value)
        issuer = issuer_of(code, own=self.own, legacy=self.legacy)
        if issuer != self.own:
            found = await self.foreign.verify(
                code, issuer=issuer, admission=command.admission, purpose=purpose
            )
            if isinstance(found, Refusal):
                return await self._record(found, None, purpose, command)
            return await self._record(Advice.NOTHING, found, purpose, command)
        presented = await self._present(code)
        decision = self._decide(presented, command)
        return await self._record(decision, presented.account, purpose, command)

    async def _present(self, code: ParsedCode) -> Presented:
        dynamic = code.tag is Tag.DYNAMIC
        expires_at = await self.module.open_valid(code.valid) if dynamic else None
        loaded = await self.store.presented(code, expires_at)
        if loaded is None:
            return Presented(code, None, False, expires_at, None)  # noqa: FBT003
        account, issued = loaded
        identity = await self.module.open_ehcid(account.ehcid, account.mindex_id)
        matches = identity is not None and (
            (identity.id_type, identity.id_no) == (account.resident.id_type, account.resident.id_no)
        )
        return Presented(code, account, matches, expires_at, issued)

    def _decide(self, presented: Presented, command: VerifyCommand) -> Advice | Refusal:
        refusal = judge(presented, now=command.now)
        if refusal:
            return refusal
        return judge_supplement(
            presented.code.tag,
            self.supplement,
            treatment_code=command.purpose.treatment_code,
            supplement_mode=command.supplement_mode,
        )

    async def _record(
        self,
        decision: Advice | Refusal,
        account: CardAccount | None,
        purpose: Purpose,
        command: VerifyCommand,
    ) -> Verified | Refusal:
        result = decision.reason.name.lower() if isinstance(decision, Refusal) else SUCCESS
        fact = UsageFact(
            Kind.VERIFY,
            at=command.now,
            admission=command.admission,
            account=account,
            purpose=purpose,
            result=result,
        )
        if isinstance(decision, Refusal) or account is None:
            await self.store.save_verification(fact, serial=None)
            return decision if isinstance(decision, Refusal) else Refusal(Reason.CARD_UNKNOWN)
        claim = await self.store.save_verification(fact, serial=command.serial)
        return refusal_of(claim) or Verified(account, decision)
