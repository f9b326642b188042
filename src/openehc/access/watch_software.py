"""What the platform can see by itself: number files, versions in use, who knocks in vain.

Each sight that is a violation becomes a finding (材料二 3.2); what is being handled already
is not found twice. A person who looks is recorded, whether or not anything was found. The
platform looks every hour, which leaves a record when something was found, and one a day as
proof that it is done.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum, unique
from typing import Final
from urllib.parse import urlsplit

from openehc.access.entries import ApplicationEntry
from openehc.access.entry_rules import is_major_change, printable
from openehc.access.finding_store import FindingStore, Knocking
from openehc.access.findings import Finding, Seen, Situation, Source
from openehc.access.handle_finding import HandleFinding
from openehc.access.kinds import APPLICATIONS
from openehc.access.ports import NumberFiles
from openehc.access.record import Record
from openehc.audit.model import SYSTEM, Actor, AuditEvent, Category
from openehc.audit.trail import AuditTrail
from openehc.kernel.clock import china_day
from openehc.kernel.refusal import Fault, Reason, Refusal

SERVICE_ACCOUNTS: Final = frozenset({"201", "202", "301", "302", "401"})
"""Kinds that keep their number in a file of their domain (材料一 7.2)."""

KNOCKS_THAT_COUNT: Final = 100
"""So many refusals a day are no slip any more."""

LOOK_EVERY: Final = timedelta(hours=1)
"""So often the platform looks who was turned away."""

_NUMBER: Final = re.compile(r"[0-9A-Z]{17}", re.ASCII)


@unique
class NumberFile(StrEnum):
    """What a look at a domain's number file gave."""

    CARRIES = "carries the number"
    LACKS = "lacks the number"
    ABSENT = "no such file"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Looked:
    """The result of a look, and the finding that it led to."""

    result: NumberFile
    numbers: tuple[str, ...] = ()
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class WatchSoftware:
    """The use cases."""

    trail: AuditTrail
    handle: HandleFinding
    findings: FindingStore
    files: NumberFiles

    async def check_number_file(
        self, record: Record, *, by: Actor, now: datetime
    ) -> Looked | Refusal:
        """Whether `https://domain/EHCI_KEY` of a service account carries its number."""
        looked = await self._looked(record, by=by, now=now)
        event = _event(f"{record.kind.name}.check_number", record.reference, by=by, now=now)
        if isinstance(looked, Refusal):
            await self.trail.record(replace(event, result=looked.reason.name.lower()))
        else:
            await self.trail.record(replace(event, after={"file": looked.result.value}))
        return looked

    async def _looked(self, record: Record, *, by: Actor, now: datetime) -> Looked | Refusal:
        domain = domain_of(record)
        if isinstance(domain, Refusal):
            return domain
        text = await self.files.text(domain)
        if text is None:
            return Looked(NumberFile.UNREACHABLE)
        numbers = numbers_in(text)
        if record.number in numbers:
            return Looked(NumberFile.CARRIES, numbers)
        result = NumberFile.LACKS if numbers else NumberFile.ABSENT
        finding = await self._record(
            record, Situation.NUMBER_MISSING, Source.NUMBER_FILE, by=by, now=now,
            evidence=f"{domain}的EHCI_KEY文件未包含登记编号",
        )  # fmt: skip
        return Looked(result, numbers, finding)

    async def observe_version(
        self, record: Record, version: str, *, by: Actor, now: datetime
    ) -> Finding | None:
        """A version was seen in use: a finding when x or y differs from the registered one."""
        entry = record.entry
        event = _event(f"{record.kind.name}.observe_version", record.reference, by=by, now=now)
        await self.trail.record(replace(event, after={"version": version}))
        if not isinstance(entry, ApplicationEntry) or not is_major_change(
            entry.app_version, version
        ):
            return None
        return await self._record(
            record, Situation.VERSION_GAP, Source.OBSERVED, by=by, now=now,
            evidence=f"登记版本{entry.app_version}，流通版本{version}",
        )  # fmt: skip

    async def look_at_knocks(self, *, by: Actor, now: datetime) -> list[Finding]:
        """Findings about those who were turned away often today."""
        today = china_day(now)
        made = await self._knocked(today, by=by, now=now)
        await self.trail.record(_sweep(today, made, by=by, now=now))
        return made

    async def look_when_due(self, *, now: datetime) -> list[Finding]:
        """The platform's own look, unless any worker looked within the hour.

        Only one worker at a time may call this. A day that ended since the last look is
        looked at once more. A look that is cut short counts as none.
        """
        last, today = await self.findings.last_look(), china_day(now)
        if now - last.looked_at < LOOK_EVERY:
            return []
        ended = today - timedelta(days=1)
        days = [ended, today] if china_day(last.looked_at) == ended else [today]
        made = [one for day in days for one in await self._knocked(day, by=SYSTEM, now=now)]
        if not made and last.recorded_on == today:
            await self.findings.note_look(None, at=now)
            return []
        async with self.trail.act(_sweep(today, made, by=SYSTEM, now=now)) as act:
            await self.findings.note_look(act.connection, at=now, recorded_on=today)
        return made

    async def _knocked(self, day: date, *, by: Actor, now: datetime) -> list[Finding]:
        knocking = await self.findings.knocking(day, at_least=KNOCKS_THAT_COUNT)
        found = [await self.handle.record(_seen(one), by=by, now=now) for one in knocking]
        return [one for one in found if isinstance(one, Finding)]

    async def _record(
        self, record: Record, situation: Situation, source: Source, *, by: Actor, now: datetime,
        evidence: str,
    ) -> Finding | None:  # fmt: skip
        seen = Seen(
            application_id=record.record_id, subject=getattr(record.entry, "app_name", "")[:100],
            situation=situation, evidence=evidence, source=source,
        )  # fmt: skip
        found = await self.handle.record(seen, by=by, now=now)
        return found if isinstance(found, Finding) else None


def _event(action: str, reference: str, *, by: Actor, now: datetime) -> AuditEvent:
    """A look at client software."""
    return AuditEvent(
        category=Category.ADMINISTRATION, action=action, actor=by, at=now,
        object_kind=APPLICATIONS.name, object_ref=reference,
    )  # fmt: skip


def _sweep(day: date, made: list[Finding], *, by: Actor, now: datetime) -> AuditEvent:
    """A look at all who were turned away."""
    event = _event("finding.sweep", str(day), by=by, now=now)
    return replace(event, object_kind="day", after={"found": len(made)})


def _seen(one: Knocking) -> Seen:
    shown = "".join(char if printable(char) else "?" for char in one.app_id) or "?"
    situation = Situation.NOT_LISTED if one.application_id is None else Situation.LOW_SECURITY
    return Seen(
        application_id=one.application_id, subject=shown, situation=situation,
        evidence=f"当日被拒绝{one.attempts}次：{one.reason}", source=Source.KNOCKS,
    )  # fmt: skip


def domain_of(record: Record) -> str | Refusal:
    """The domain under which a service account keeps its number file."""
    entry = record.entry
    if not isinstance(entry, ApplicationEntry) or entry.app_channel not in SERVICE_ACCOUNTS:
        return Refusal(
            Reason.STATE_FORBIDS, "仅公众号、小程序等服务号有EHCI_KEY文件",
            "only service accounts keep a number file",
        )  # fmt: skip
    text = entry.app_url if "//" in entry.app_url else f"//{entry.app_url}"
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    if not host or not re.fullmatch(r"[a-z0-9.-]{1,253}", host):
        fault = Fault("app_url", "应用地址中没有域名", "holds no domain")
        return Refusal(Reason.INPUT_WRONG, faults=(fault,))
    return host


def numbers_in(text: str) -> tuple[str, ...]:
    """The numbers of an EHCI_KEY file: separated by commas, blanks and line ends do not matter."""
    parts = (part.strip().lstrip("\ufeff") for part in text.split(","))
    return tuple(part for part in parts if _NUMBER.fullmatch(part))
