"""Make a static or dynamic code for an account (材料一 6.2.1; ehc.ehealthcode.generate)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, refusal_of
from openehc.cards.model import CardAccount
from openehc.cards.rules import judge_standing
from openehc.cards.usage import Kind, Purpose, UsageFact
from openehc.codes.model import IssuedCode, Tag, code_text
from openehc.codes.rules import LONGEST_LIFE, expiry_of
from openehc.codes.store import CodeStore, NewIssue
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.ids import Entropy, new_serial
from openehc.kernel.refusal import Refusal


class GenerateCommand(msgspec.Struct, frozen=True, gc=False):
    """Which kind of code, for how long, asked for by whom."""

    admission: Admission
    tag: Tag
    life: timedelta
    treatment_code: str | None
    serial: SerialKey | None
    now: datetime


@dataclass(frozen=True, slots=True)
class GenerateCode:
    """The use case; no dynamic code lives longer than `longest`, whatever is asked for."""

    store: CodeStore
    module: CryptoModule
    entropy: Entropy
    longest: timedelta = LONGEST_LIFE

    async def __call__(
        self, account: CardAccount, command: GenerateCommand
    ) -> IssuedCode | Refusal:
        """A code for the account; every dynamic one is recorded before it is given out."""
        refusal = judge_standing(account)
        if refusal:
            return refusal
        code = await self.make(account, command)
        issue = None
        if code.expires_at is not None:
            valid = code.text.split(":")[2]
            issue = NewIssue(account.ehcid, valid, command.admission.ehcappid, code.expires_at)
        fact = UsageFact(
            Kind.GENERATE,
            at=command.now,
            admission=command.admission,
            account=account,
            purpose=Purpose(treatment_code=command.treatment_code, code_tag=command.tag.value),
        )
        claim = await self.store.save_issue(issue, fact=fact, serial=command.serial)
        return refusal_of(claim) or code

    async def make(self, account: CardAccount, command: GenerateCommand) -> IssuedCode:
        """The code itself, not recorded: enough for a static one printed on registration."""
        expires_at = None
        valid = ""
        if command.tag is Tag.DYNAMIC:
            expires_at = expiry_of(command.now, min(command.life, self.longest))
            valid = await self.module.make_valid(expires_at)
        return IssuedCode(
            account=account,
            text=code_text(account.ehcid, command.tag, valid, command.admission.ehcappid),
            tag=command.tag,
            expires_at=expires_at,
            platform_serial=new_serial(self.entropy),
        )
