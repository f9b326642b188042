"""Register a resident and open the card account (材料一 5.2.1; ehc.ehealthcard.register).

Idempotent: the person who has a card gets it back. Makes no QR code.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, refusal_of
from openehc.cards.model import Act, Applicant, CardAccount, CardState, Change
from openehc.cards.rules import (
    Registration,
    changed_fields,
    judge_change,
    judge_registration,
)
from openehc.cards.store import AccountChange, CardStore, NewAccount, Saved, Written
from openehc.cards.usage import Kind, UsageFact
from openehc.crypto.module.port import CryptoModule
from openehc.kernel.ids import Entropy, new_serial
from openehc.kernel.refusal import Reason, Refusal

_ATTEMPTS = 5
_KIND_OF = {
    Registration.RETURN: Kind.RETURN,
    Registration.ACTIVATE: Kind.ACTIVATE,
    Registration.REOPEN: Kind.REGISTER,
}


class RegisterCommand(msgspec.Struct, frozen=True, gc=False):
    """Who asks for whom, under which number."""

    admission: Admission
    applicant: Applicant
    serial: SerialKey | None
    external_serial: str
    now: datetime


@dataclass(frozen=True, slots=True)
class RegisterCard:
    """The use case; `origin` is the EHCIN under which accounts are opened here."""

    store: CardStore
    module: CryptoModule
    entropy: Entropy
    origin: str

    async def __call__(self, command: RegisterCommand) -> CardAccount | Refusal:
        """The account of the applicant, new or found; or why there is none.

        Each attempt loads, decides and saves; it is repeated when another request
        changed the same person in between. That the person's account exists without
        its document is so rare that only a second attempt looks for it.
        """
        serial = command.serial
        for attempt in range(_ATTEMPTS):
            judged = await self._judged(command.applicant)
            if isinstance(judged, Refusal):
                return judged
            decision, found = judged
            if decision is Registration.REPLACE and found:
                await self.store.release_document(found)
                continue
            account, written = await self._carry_out(
                decision, found, command, serial, attempt=attempt
            )
            refusal = refusal_of(written.claim)
            if refusal:
                return refusal
            if written.saved is Saved.DONE:
                return account
            if decision is Registration.CREATE:
                serial = None  # used up by this very request
        return Refusal(Reason.SERIAL_IN_FLIGHT, "该证件正在被其他请求处理，请稍后重试")

    async def _judged(
        self, applicant: Applicant
    ) -> tuple[Registration, CardAccount | None] | Refusal:
        """What to do, and the account it is done with: the survivor's if it was merged."""
        resident = applicant.resident
        found = await self.store.by_document(id_type=resident.id_type, id_no=resident.id_no)
        decision = judge_registration(found, applicant)
        if isinstance(decision, Refusal) or not (found and found.merged_into):
            return decision if isinstance(decision, Refusal) else (decision, found)
        survivor = await self.store.by_ehcid(found.merged_into)
        return judge_change(survivor) or (Registration.RETURN, survivor)

    async def _carry_out(
        self,
        decision: Registration,
        found: CardAccount | None,
        command: RegisterCommand,
        serial: SerialKey | None,
        *,
        attempt: int,
    ) -> tuple[CardAccount, Written]:
        if found is None:
            account = await self._fresh_account(command.applicant)
            closed = await self.store.by_ehcid(account.ehcid) if attempt else None
            if closed is None:
                return account, await self._open(account, command, serial)
            found, decision = closed, Registration.REOPEN
        if decision is Registration.RETURN:
            fact = UsageFact(
                Kind.RETURN, at=command.now, admission=command.admission, account=found
            )
            claim = await self.store.record_use(fact, serial=serial)
            return found, Written(claim, Saved.DONE)
        return await self._renew(decision, found, command, serial)

    async def _fresh_account(self, applicant: Applicant) -> CardAccount:
        resident = applicant.resident
        mindex_id = await self.module.make_mindex_id(
            resident.id_type, resident.id_no, resident.user_name
        )
        return CardAccount(
            ehcid=await self.module.make_ehcid(resident.id_type, resident.id_no, mindex_id),
            mindex_id=mindex_id,
            state=CardState.PREPARED if applicant.prepares else CardState.ACTIVE,
            blacklisted=False,
            resident=resident,
            revision=1,
        )

    async def _open(
        self, account: CardAccount, command: RegisterCommand, serial: SerialKey | None
    ) -> Written:
        prepared = account.state is CardState.PREPARED
        new = NewAccount(
            account=account,
            admission=command.admission,
            origin=self.origin,
            apply_method=command.applicant.apply_method,
            certificate_mode=command.applicant.certificate_mode,
            act=self._act(Change.PREPARED if prepared else Change.REGISTERED, command),
            photo=command.applicant.photo,
        )
        kind = Kind.PREPARE if prepared else Kind.REGISTER
        fact = UsageFact(kind, at=command.now, admission=command.admission, account=account)
        return await self.store.open_account(new, serial=serial, fact=fact)

    async def _renew(
        self,
        decision: Registration,
        found: CardAccount,
        command: RegisterCommand,
        serial: SerialKey | None,
    ) -> tuple[CardAccount, Written]:
        applicant = command.applicant
        after = msgspec.structs.replace(
            found,
            state=CardState.PREPARED if applicant.prepares else CardState.ACTIVE,
            resident=applicant.resident,
            revision=found.revision + 1,
        )
        change = AccountChange(
            before=found,
            after=after,
            admission=command.admission,
            act=self._act(
                Change.ACTIVATED if decision is Registration.ACTIVATE else Change.REOPENED,
                command,
                fields=changed_fields(found.resident, applicant.resident),
            ),
            photo=applicant.photo,
            fact=UsageFact(
                _KIND_OF[decision], at=command.now, admission=command.admission, account=after
            ),
        )
        return after, await self.store.change_account(change, serial=serial)

    def _act(
        self, change: Change, command: RegisterCommand, *, fields: tuple[str, ...] = ()
    ) -> Act:
        return Act(
            change=change,
            at=command.now,
            platform_serial=new_serial(self.entropy),
            external_serial=command.external_serial,
            changed_fields=fields,
        )
