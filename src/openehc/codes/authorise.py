"""Consent at a kiosk without a scanner (主扫, 004 4.4 and 4.5; flows 11.4).

The kiosk asks for a link and shows it as a QR code; the resident opens it, presents
the card and confirms or cancels; the kiosk polls for the result. A link works once
and lives 60 s. The page itself is not here (console).
"""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from openehc.access.registry import Admission
from openehc.access.serials import SerialKey, refusal_of
from openehc.cards.model import CardAccount
from openehc.cards.store import CardStore
from openehc.cards.usage import Purpose
from openehc.codes.model import AuthorisationStatus
from openehc.codes.store import Authorisation, CodeStore
from openehc.codes.verify_code import Verified, VerifyCode, VerifyCommand
from openehc.kernel.ids import Entropy
from openehc.kernel.refusal import Reason, Refusal

LIFE: Final = timedelta(seconds=60)
READABLE_FOR: Final = timedelta(minutes=10)
"""How long after its decision a result may be fetched: it holds personal data."""

_TOKEN_BYTES: Final = 15


@dataclass(frozen=True, slots=True)
class AskCommand:
    """A kiosk's wish to be shown a resident's card."""

    admission: Admission
    purpose: Purpose
    serial: SerialKey
    now: datetime


@dataclass(frozen=True, slots=True)
class AskConsent:
    """ehc.ehealthcard.authurl: open an authorisation and give its link."""

    store: CodeStore
    entropy: Entropy
    link_prefix: str

    async def __call__(self, command: AskCommand) -> str | Refusal:
        """The link, at most 128 characters (String(128))."""
        token = base64.b32encode(self.entropy.bytes(_TOKEN_BYTES)).decode()
        authorisation = Authorisation(
            status=AuthorisationStatus.WAITING,
            ehcid=None,
            app_id=command.admission.app_id,
            term_id=command.admission.term_id,
            institution_id=command.admission.institution_id,
            purpose=command.purpose,
            expires_at=command.now + LIFE,
        )
        claim = await self.store.open_authorisation(
            token, authorisation, serial=command.serial, at=command.now
        )
        return refusal_of(claim) or f"{self.link_prefix}{token}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the kiosk learns: the person only when consent was given."""

    status: AuthorisationStatus
    account: CardAccount | None = None


@dataclass(frozen=True, slots=True)
class QueryConsent:
    """ehc.ehealthcard.auth.query: how an authorisation stands."""

    store: CodeStore
    cards: CardStore

    async def __call__(self, serial: SerialKey, *, now: datetime) -> Outcome | Refusal:
        """The state; one that was never decided in time has failed (gaps.md 35)."""
        found = await self.store.authorisation_by_serial(serial)
        if found is None:
            return Refusal(Reason.AUTHORISATION_UNKNOWN)
        status = status_at(found, now)
        if status is not AuthorisationStatus.GRANTED or found.ehcid is None:
            return Outcome(status)
        if now > found.expires_at + READABLE_FOR:
            return Refusal(Reason.AUTHORISATION_UNKNOWN, "授权结果已过可查询时间")
        return Outcome(status, await self.cards.by_ehcid(found.ehcid))


def status_at(authorisation: Authorisation, now: datetime) -> AuthorisationStatus:
    """The state with the passing of time taken into account."""
    waiting = authorisation.status is AuthorisationStatus.WAITING
    return (
        AuthorisationStatus.FAILED
        if waiting and now > authorisation.expires_at
        else authorisation.status
    )


@dataclass(frozen=True, slots=True)
class DecideConsent:
    """The resident's side: present the card and confirm, or cancel."""

    store: CodeStore
    verify: VerifyCode

    async def find(self, token: str) -> Authorisation | None:
        """The authorisation behind a link."""
        return await self.store.authorisation_by_token(token)

    async def confirm(
        self, token: str, code: str, *, admission: Admission, now: datetime
    ) -> Refusal | None:
        """Give consent with a presented code; None when it was given."""
        found = await self._open(token, now)
        if isinstance(found, Refusal):
            return found
        command = VerifyCommand(
            admission=admission, text=code, purpose=found.purpose, serial=None,
            supplement_mode=None, now=now,
        )  # fmt: skip
        verified = await self.verify(command)
        if isinstance(verified, Refusal):
            return verified
        return await self._decide(token, AuthorisationStatus.GRANTED, verified, now)

    async def cancel(self, token: str, *, now: datetime) -> Refusal | None:
        """Refuse consent; None when it was recorded."""
        found = await self._open(token, now)
        if isinstance(found, Refusal):
            return found
        return await self._decide(token, AuthorisationStatus.CANCELLED, None, now)

    async def _open(self, token: str, now: datetime) -> Authorisation | Refusal:
        found = await self.store.authorisation_by_token(token)
        if found is None:
            return Refusal(Reason.AUTHORISATION_UNKNOWN)
        if status_at(found, now) is not AuthorisationStatus.WAITING:
            return Refusal(Reason.AUTHORISATION_UNKNOWN, "授权链接已使用或已过期")
        return found

    async def _decide(
        self, token: str, status: AuthorisationStatus, verified: Verified | None, now: datetime
    ) -> Refusal | None:
        ehcid = verified.account.ehcid if verified else None
        if await self.store.decide(token, status, ehcid=ehcid, at=now):
            return None
        return Refusal(Reason.AUTHORISATION_UNKNOWN, "授权链接已使用或已过期")
